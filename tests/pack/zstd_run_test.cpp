// The whole result as one zstd stream, against the decoder of mallorn-apply.
#include "mallorn-pack/zstd_run.hpp"

#include <doctest/doctest.h>

#include "mallorn-apply/zstd_run.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

std::optional<Bytes> compressed(const Bytes& bytes, int level, uint64_t limit) {
  const Fd file = test::file_of(bytes);
  const std::optional<Fd> run = pack::compress_whole(MappedFile(file, "x"), level, limit);
  if (!run) return std::nullopt;
  return test::contents_of(*run);
}

}  // namespace

TEST_CASE("zstd run: what pack writes apply reads, for every length, the same each time") {
  test::Random random = test::seeded("pack zstd run");
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}, (size_t{1} << 20) - 1,
                            size_t{1} << 20, (size_t{1} << 20) + 1, size_t{3500000}}) {
    const Bytes bytes = random.text(size);
    const std::optional<Bytes> coded = compressed(bytes, 3, UINT64_MAX);
    REQUIRE(coded.has_value());
    CHECK(compressed(bytes, 3, UINT64_MAX) == coded);
    Bytes result;
    apply::ZstdRun run;
    REQUIRE(run.feed(*coded, [&](ByteView piece) {
      result.insert(result.end(), piece.begin(), piece.end());
    }) == Status::ok);
    CHECK(result == bytes);
  }
}

TEST_CASE("zstd run: gives up at the limit, and not below it") {
  const Bytes bytes = test::Random(24).bytes(100000);
  const size_t size = compressed(bytes, 1, UINT64_MAX)->size();
  CHECK(compressed(bytes, 1, size + 1).has_value());
  CHECK_FALSE(compressed(bytes, 1, size).has_value());
  CHECK_FALSE(compressed(bytes, 1, 0).has_value());
}

TEST_CASE("zstd run: large files are sampled, and those that may be small found") {
  constexpr size_t kLarge = (16u << 20) + 1000;
  test::Random random = test::seeded("large zstd run");
  const Bytes noise = random.bytes(kLarge);
  CHECK_FALSE(compressed(noise, 3, kLarge / 8 * 5).has_value());
  CHECK(compressed(noise, 3, 2 * kLarge).has_value());
  Bytes halves = noise;
  for (size_t i = 0; i < kLarge; i += 2) halves[i] = 0;
  const size_t size = compressed(halves, 3, UINT64_MAX)->size();
  CHECK(size < kLarge / 3 * 2);
  CHECK(compressed(halves, 3, size + 1).has_value());
}
