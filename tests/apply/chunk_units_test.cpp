// What of the base a chunk needs, and what of it is written where.
#include "mallorn-apply/chunk_units.hpp"

#include <doctest/doctest.h>

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-pack/chunk_encoder.hpp"
#include "tests/support/chunks.hpp"

using namespace mallorn;
using apply::ChunkWorkspace;

using apply::StepFate;
using test::Bytes;
using test::MadeChunk;

namespace {

std::unique_ptr<ChunkWorkspace> decode(const Bytes& record, ByteView base,
                                       uint64_t result_offset) {
  auto workspace = std::make_unique<ChunkWorkspace>();
  apply::HostSections sections;
  REQUIRE(apply::decode_chunk(ByteView(record).subspan(1), base, result_offset, sections,
                              workspace.get()) == Status::ok);
  return workspace;
}

Bytes own_bytes(const ChunkWorkspace& chunk, uint64_t result_offset, ByteView base) {
  Bytes own;
  apply::for_each_own_piece(chunk, result_offset, base, [&](uint64_t, ByteView bytes) {
    own.insert(own.end(), bytes.begin(), bytes.end());
  });
  return own;
}

}  // namespace

TEST_CASE("chunk units: a chunk is made from its ranges of the base alone") {
  test::Random random = test::seeded("chunk units");
  int spared = 0;
  for (int round = 0; round < test::rounds(200); ++round) {
    const size_t most = random.chance(4) ? 40000 : 300;
    const MadeChunk made = test::make_chunk(random, 1 + random.length(most * 4), 12, most);
    const Bytes record = pack::encode_chunk(made.input(true), made.base.size(), {3}).record;
    const auto chunk = decode(record, made.base, made.result_offset);
    Bytes poor(made.base.size(), 0xA5);
    for (const apply::ByteRange& range : apply::base_ranges(*chunk, made.base.size())) {
      REQUIRE(range_fits(range.offset, range.length, made.base.size()));
      std::copy_n(made.base.begin() + static_cast<ptrdiff_t>(range.offset), range.length,
                  poor.begin() + static_cast<ptrdiff_t>(range.offset));
    }
    spared += poor != made.base ? 1 : 0;
    const auto again = decode(record, poor, made.result_offset);
    REQUIRE(own_bytes(*again, made.result_offset, poor) ==
            own_bytes(*chunk, made.result_offset, made.base));
  }
  CHECK(spared > test::rounds(200) / 10);
}

TEST_CASE("chunk units: own pieces and long copies are the result, but for what stays") {
  test::Random random = test::seeded("chunk pieces");
  for (int round = 0; round < test::rounds(50); ++round) {
    const MadeChunk made = test::make_chunk(random, 100000, 10, 50000);
    const Bytes record = pack::encode_chunk(made.input(true), made.base.size(), {3}).record;
    const auto chunk = decode(record, made.base, made.result_offset);
    Bytes found(made.result.size());
    const auto put = [&](uint64_t at, ByteView bytes) {
      std::copy(bytes.begin(), bytes.end(),
                found.begin() + static_cast<ptrdiff_t>(at - made.result_offset));
    };
    apply::for_each_own_piece(*chunk, made.result_offset, made.base, put);
    apply::for_each_step(
        *chunk, made.result_offset, [&](uint64_t at, const CodedStep& step, ByteView) {
          const StepFate fate = apply::fate_of(step, at);
          if (fate == StepFate::is_own) return;
          CHECK((fate == StepFate::stays) == (step.base_offset == at));
          put(at, ByteView(made.base).subspan(static_cast<size_t>(step.base_offset),
                                              static_cast<size_t>(step.length_bytes)));
        });
    REQUIRE(found == made.result);
  }
}

TEST_CASE("chunk units: ranges that touch or overlap are joined") {
  std::vector<apply::ByteRange> ranges = {{10, 5}, {0, 3},  {15, 5}, {3, 0},
                                          {12, 2}, {30, 1}, {0, 1}};
  apply::join_ranges(&ranges);
  CHECK(ranges == std::vector<apply::ByteRange>{{0, 3}, {10, 10}, {30, 1}});
  ranges.clear();
  apply::join_ranges(&ranges);
  CHECK(ranges.empty());
}
