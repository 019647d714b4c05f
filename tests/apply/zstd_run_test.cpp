#include "mallorn-apply/zstd_run.hpp"

#include <doctest/doctest.h>
#include <zstd.h>

#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

Bytes compress(const Bytes& bytes, int window_log = 20, bool has_checksum = false) {
  Bytes coded(ZSTD_compressBound(bytes.size()) + 64);
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, has_checksum ? 1 : 0);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer output{coded.data(), coded.size(), 0};
  // Of unknown length, or zstd makes the window no larger than the content.
  ZSTD_compressStream2(context, &output, &input, ZSTD_e_continue);
  REQUIRE(ZSTD_compressStream2(context, &output, &input, ZSTD_e_end) == 0);
  ZSTD_freeCCtx(context);
  coded.resize(output.pos);
  return coded;
}

Status decode(const Bytes& coded, size_t piece, Bytes* result) {
  apply::ZstdRun run;
  result->clear();
  for (size_t at = 0; at < coded.size(); at += piece) {
    const ByteView view = ByteView(coded).subspan(at, std::min(piece, coded.size() - at));
    const Status status = run.feed(view, [&](ByteView bytes) {
      result->insert(result->end(), bytes.begin(), bytes.end());
    });
    if (status != Status::ok) return status;
  }
  return Status::ok;
}

}  // namespace

TEST_CASE("zstd run: how the stream is cut does not matter") {
  test::Random random = test::seeded("zstd run");
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}, size_t{400000}}) {
    const Bytes bytes = random.text(size);
    const Bytes coded = compress(bytes);
    for (const size_t piece : {size_t{1}, size_t{13}, size_t{4096}, coded.size()}) {
      Bytes result;
      REQUIRE(decode(coded, piece, &result) == Status::ok);
      REQUIRE(result == bytes);
    }
  }
}

TEST_CASE("zstd run: pieces without bytes do no harm") {
  apply::ZstdRun run;
  CHECK(run.feed({}, [](ByteView) { FAIL("nothing to take"); }) == Status::ok);
}

TEST_CASE("zstd run: long runs of one byte come out whole") {
  Bytes result;
  REQUIRE(decode(compress(Bytes(5000000, 7)), 100, &result) == Status::ok);
  CHECK(result == Bytes(5000000, 7));
}

TEST_CASE("zstd run: bytes after the end, and further frames, are refused") {
  const Bytes good = compress({1, 2, 3});
  Bytes result;
  for (const size_t piece : {size_t{1}, size_t{1000}}) {
    Bytes more = good;
    more.push_back(0);
    CHECK(decode(more, piece, &result) == Status::corrupt_data);
    more = good;
    more.insert(more.end(), good.begin(), good.end());
    CHECK(decode(more, piece, &result) == Status::corrupt_data);
  }
}

TEST_CASE("zstd run: windows above the format's limit are refused, at it accepted") {
  const Bytes bytes = test::Random(51).text(100);
  Bytes result;
  CHECK(decode(compress(bytes, 22), 50, &result) == Status::ok);
  CHECK(decode(compress(bytes, 23), 50, &result) == Status::ok);
  CHECK(result == bytes);
  CHECK(decode(compress(bytes, 24), 50, &result) == Status::corrupt_data);
  CHECK(decode(compress(bytes, 27), 50, &result) == Status::corrupt_data);
}

TEST_CASE(
    "zstd run: a frame that holds less than it states is refused, however it is cut") {
  // Content size 256, and nothing but a last block of no bytes.
  const Bytes coded = {0x28, 0xB5, 0x2F, 0xFD, 0x40, 0x40, 0, 0, 1, 0, 0};
  Bytes stated_none = coded;
  stated_none[4] = 0;  // no content size
  stated_none.erase(stated_none.begin() + 6, stated_none.begin() + 8);
  Bytes result;
  for (const size_t piece : {size_t{1}, size_t{4}, size_t{100}}) {
    CHECK(decode(coded, piece, &result) == Status::corrupt_data);
    CHECK(decode(stated_none, piece, &result) == Status::ok);
  }
}

TEST_CASE(
    "zstd run: a last block that repeats a byte no times is taken alike in all pieces") {
  const Bytes coded = {0x28, 0xB5, 0x2F, 0xFD, 0x20, 0, 3, 0, 0, 0};
  Bytes result;
  const Status status = decode(coded, 1, &result);
  for (const size_t piece : {size_t{2}, size_t{9}, size_t{100}})
    CHECK(decode(coded, piece, &result) == status);
}

TEST_CASE("zstd run: what is no zstd stream is refused") {
  Bytes result;
  CHECK(decode(Bytes(20, 0), 20, &result) == Status::corrupt_data);
  CHECK(decode(test::Random(52).bytes(100), 100, &result) == Status::corrupt_data);
}

TEST_CASE("zstd run: mutated streams end with a status") {
  test::Random random = test::seeded("mutated zstd runs");
  const Bytes good = compress(random.text(3000), 20, true);
  for (int round = 0; round < 3000; ++round) {
    Bytes coded = good;
    for (uint64_t i = 1 + random.below(4); i > 0; --i)
      coded[random.below(coded.size())] = random.byte();
    Bytes result;
    const Status status = decode(coded, 1 + random.below(500), &result);
    REQUIRE((status == Status::ok || status == Status::corrupt_data));
  }
}
