#include "mallorn-sign/patch_body.hpp"

#include <doctest/doctest.h>

#include "tests/sign/patches.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

Status status_of(const Bytes& body, const PatchHeader& header) {
  const Fd file = test::file_of(body);
  return test::status_of(
      [&] { sign::read_patch_body(file.get(), "patch", header, nullptr); });
}

}  // namespace

TEST_CASE("patch body: goes through as it is, however reads are cut and however long") {
  const test::TemporaryFolder folder;
  for (const size_t length :
       {size_t{1}, size_t{1000}, size_t{1} << 20, size_t{9'500'000}}) {
    test::Random random(length);
    const Bytes body = random.bytes(length);
    const test::Drip drip(body, 60'001);
    Spool spool;
    sign::read_patch_body(drip.fd(), "patch", test::header_for_body(body), &spool);
    CHECK(spool.length_bytes() == length);
    PatchFront front = test::front_of(test::header_for_body(body));
    front.signatures = {{{1}, {2}}, {{3}, {4}}};
    Output output(folder / "out", true);
    sign::write_patch(front, spool, output);
    const Fd written = open_input(folder / "out");
    const PatchFront read = read_patch_front(written.get(), "out");
    CHECK(read.header.signature_count == 2);
    CHECK(read.signatures == front.signatures);
    Spool again;
    sign::read_patch_body(written.get(), "out", read.header, &again);
    CHECK(again.length_bytes() == length);
  }
}

TEST_CASE("patch body: shorter, longer, another") {
  const Bytes body = {1, 2, 3, 4, 5};
  const PatchHeader header = test::header_for_body(body);
  CHECK(status_of(body, header) == Status::ok);
  for (size_t length = 0; length < body.size(); ++length) {
    CHECK(status_of(Bytes(body.begin(), body.begin() + static_cast<ptrdiff_t>(length)),
                    header) == Status::truncated);
  }
  CHECK(status_of({1, 2, 3, 4, 5, 0}, header) == Status::trailing_bytes);
  for (size_t bit = 0; bit < 8 * body.size(); ++bit) {
    Bytes flipped = body;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
    CHECK(status_of(flipped, header) == Status::corrupt_data);
  }
}

TEST_CASE("patch body: a length is not believed, nothing is allocated for it") {
  PatchHeader header = test::header_for_body({1});
  header.body_bytes = UINT64_MAX;
  CHECK(status_of(Bytes(100, 1), header) == Status::truncated);
}
