// Codec 5: which arrays are taken for a mask, round trips of all widths and extremes, what
// pack chooses it for, and what its decoder refuses.
#include "mallorn-pack/mask_codec.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "mallorn-apply/core/mask_decoder.hpp"
#include "mallorn-pack/chunk_encoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/pack/coded_check.hpp"
#include "tests/support/chunks.hpp"
#include "tests/support/masks.hpp"

using namespace mallorn;
using test::Bytes;
using test::Rows;
using test::SparseArrays;

namespace {

constexpr uint8_t kWidths[] = {1, 2, 4};

// Coded bytes and result each exactly as large as they say, so that sanitizers see what is
// read or written past them.
Status decode_mask(ByteView coded, ByteSpan result) {
  static const auto model = std::make_unique<MaskModel>();
  const Bytes exact(coded.begin(), coded.end());
  return apply::decode_mask(Dtype::opaque, exact, {}, model.get(), result);
}

Status decode_mask(ByteView coded, size_t length) {
  Bytes result(length);
  return decode_mask(coded, result);
}

Bytes check_mask(const std::vector<MaskShape>& masks, const Bytes& result) {
  return test::check_coded(
      [&] { return pack::encode_mask(masks, result); },
      [&](ByteView coded, ByteSpan decoded) { return decode_mask(coded, decoded); },
      result);
}

// In both orders and all widths that the numbers fit in.
void check_rows(const Rows& rows) {
  size_t ones = 0;
  uint32_t columns = 0;
  for (const std::vector<uint32_t>& row : rows) {
    ones += row.size();
    if (!row.empty()) columns = std::max(columns, row.back() + 1);
  }
  for (const uint8_t index_bytes : kWidths) {
    if (columns > uint64_t{1} << (8 * index_bytes)) continue;
    for (const uint8_t segment_bytes : kWidths) {
      if (ones >= uint64_t{1} << (8 * segment_bytes)) continue;
      const SparseArrays arrays = test::arrays_of(rows, index_bytes, segment_bytes);
      for (const bool has_segments_first : {false, true}) {
        const auto mask =
            test::find_mask(arrays, index_bytes, segment_bytes, has_segments_first);
        REQUIRE(mask.has_value());
        REQUIRE(mask->rows == rows.size());
        REQUIRE(mask->columns == columns);
        REQUIRE(mask->ones == ones);
        check_mask({*mask}, arrays.joined(mask->has_segments_first));
      }
    }
  }
}

bool is_mask(const Bytes& indices, const Bytes& segments) {
  return pack::find_mask({Dtype::u8, indices}, {Dtype::u8, segments}).has_value();
}

// A shape alone, as a writer could have made it up.
Bytes coded_shape(MaskShape shape) {
  Bytes coded;
  const auto model = std::make_unique<MaskModel>();
  pack::RangeEncoder coder(coded);
  (void)model->code_shape(coder, &shape);
  coder.finish();
  return coded;
}

Step step_of(StepKind kind, Dtype dtype, size_t length) {
  Step step;
  step.kind = kind;
  step.dtype = dtype;
  step.result_bytes = length;
  return step;
}

// A literal of indices, a gap, a literal of segments.
test::MadeChunk sparse_chunk(const SparseArrays& arrays, uint8_t index_bytes) {
  test::MadeChunk chunk;
  chunk.base = Bytes(100, 7);
  chunk.steps = {
      step_of(StepKind::literal, test::dtype_of_width(index_bytes), arrays.indices.size()),
      step_of(StepKind::literal, Dtype::opaque, 12),
      step_of(StepKind::literal, Dtype::u16, arrays.segments.size())};
  chunk.result = arrays.indices;
  chunk.result.insert(chunk.result.end(), 12, 1);
  chunk.result.insert(chunk.result.end(), arrays.segments.begin(), arrays.segments.end());
  return chunk;
}

// The codec of the only section; decoded, the chunk is the result.
CodecId packed_codec(const test::MadeChunk& chunk, int level, size_t* bytes) {
  static const auto space = std::make_unique<apply::ChunkWorkspace>();
  const pack::EncodedChunk coded =
      pack::encode_chunk(chunk.input(true), chunk.base.size(), {level});
  apply::HostSections sections;
  REQUIRE(apply::decode_chunk(ByteView(coded.record).subspan(1), chunk.base, 0, sections,
                              space.get()) == Status::ok);
  REQUIRE(test::result_of(*space, chunk.base) == chunk.result);
  const ChunkHeader& header = space->view.header;
  const bool has_mask = header.sections[0].codec == CodecId::mask;
  REQUIRE(((coded.features & kFeatureMask) != 0) == has_mask);
  *bytes = coded.record.size();
  return header.sections[0].codec;
}

}  // namespace

TEST_CASE("mask codec: arrays of every width and order come back") {
  test::Random random = test::seeded("mask codec");
  for (int round = 0; round < 30; ++round) {
    Rows rows = test::random_rows(random, 1 + static_cast<uint32_t>(random.below(30)),
                                  1 + static_cast<uint32_t>(random.below(400)),
                                  1 + random.below(20));
    rows[0] = {static_cast<uint32_t>(random.below(300))};  // never quite without ones
    check_rows(rows);
  }
}

TEST_CASE("mask codec: extremes come back") {
  std::vector<uint32_t> full(256);
  for (uint32_t i = 0; i < full.size(); ++i) full[i] = i;
  check_rows({{0}});
  check_rows({{255}});
  check_rows({{}, {}, {7}, {}});
  check_rows({full, full, full});
  check_rows({full, {}, full, {}, {255}});
  check_rows(Rows(700, {0}));
  check_rows({{65535}});
  check_rows({{0, 65535}, {}, {1}});
}

TEST_CASE("mask codec: masks of one section come back, joined") {
  test::Random random(74);
  std::vector<MaskShape> masks;
  Bytes result;
  for (int i = 0; i < 6; ++i) {
    const bool has_segments_first = i % 2 == 0;
    const uint8_t index_bytes = i % 3 == 0 ? 1 : 2;
    const Rows rows = test::random_rows(random, 50, 100, 4);
    const SparseArrays arrays = test::arrays_of(rows, index_bytes, 4);
    const auto mask = test::find_mask(arrays, index_bytes, 4, has_segments_first);
    REQUIRE(mask.has_value());
    masks.push_back(*mask);
    const Bytes joined = arrays.joined(mask->has_segments_first);
    result.insert(result.end(), joined.begin(), joined.end());
  }
  const Bytes coded = check_mask(masks, result);
  CHECK(decode_mask(coded, result.size() - 1) == Status::corrupt_data);
  CHECK(decode_mask(coded, result.size() + 1) == Status::corrupt_data);
}

TEST_CASE("mask codec: other arrays are none of a mask") {
  CHECK(is_mask({1, 4, 0, 2}, {0, 2, 4}));
  CHECK_FALSE(is_mask({4, 1, 0, 2}, {0, 2, 4}));  // indices that do not ascend
  CHECK_FALSE(is_mask({1, 1, 0, 2}, {0, 2, 4}));
  CHECK_FALSE(is_mask({1, 4, 0, 2}, {1, 2, 4}));  // segments from elsewhere
  CHECK_FALSE(is_mask({1, 4, 0, 2}, {0, 2, 3}));
  CHECK_FALSE(is_mask({1, 4, 0, 2}, {0, 2, 5}));
  CHECK_FALSE(is_mask({1, 4, 0, 2}, {0, 5, 4}));
  CHECK_FALSE(is_mask({1, 4, 5, 6}, {0, 3, 2, 4}));
  CHECK_FALSE(is_mask({1, 4, 0, 2}, {0}));
  CHECK_FALSE(is_mask({}, {0, 0}));
  CHECK_FALSE(is_mask({}, {}));
  for (const Dtype dtype : {Dtype::opaque, Dtype::i8, Dtype::f16, Dtype::u32, Dtype::i64}) {
    const Bytes zeros(16, 0);
    CHECK_FALSE(pack::find_mask({dtype, zeros}, {Dtype::u8, Bytes{0, 1}}).has_value());
  }
  // Elements that are not whole; columns and segments beyond every limit.
  CHECK_FALSE(pack::find_mask({Dtype::u16, Bytes{1, 0, 2}}, {Dtype::u8, Bytes{0, 1}}));
  CHECK_FALSE(pack::find_mask({Dtype::i32, Bytes{0, 0, 1, 0}}, {Dtype::u8, Bytes{0, 1}}));
  CHECK_FALSE(pack::find_mask({Dtype::i32, Bytes(4, 0xFF)}, {Dtype::u8, Bytes{0, 1}}));
  CHECK_FALSE(pack::find_mask({Dtype::u8, Bytes{1}},
                              {Dtype::i32, Bytes{0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF}}));
  // 2^25 cells and a row more.
  Rows rows(512);
  rows[0] = {65535};
  CHECK(test::find_mask(test::arrays_of(rows, 2, 1), 2, 1, false).has_value());
  rows.emplace_back();
  CHECK_FALSE(test::find_mask(test::arrays_of(rows, 2, 1), 2, 1, false).has_value());
}

TEST_CASE("mask codec: masks without rows, columns or ones are decoded, if there are any") {
  CHECK(decode_mask(coded_shape({0, 0, 0, false, 1, 1}), 1) == Status::ok);
  CHECK(decode_mask(coded_shape({9, 0, 0, true, 4, 2}), 20) == Status::ok);
  CHECK(decode_mask(coded_shape({9, 50, 0, false, 2, 4}), 40) == Status::ok);
}

TEST_CASE("mask codec: refuses other dtypes, a base, and shapes beyond their bounds") {
  const MaskShape shape = {2, 5, 4, false, 1, 1};
  const Bytes result = {1, 4, 0, 2, 0, 2, 4};
  const Bytes coded = check_mask({shape}, result);
  const auto model = std::make_unique<MaskModel>();
  Bytes made(result.size());
  const auto status = [&](Dtype dtype, ByteView base) {
    return apply::decode_mask(dtype, coded, base, model.get(), made);
  };
  CHECK(status(Dtype::opaque, {}) == Status::ok);
  CHECK(status(Dtype::u8, {}) == Status::corrupt_data);
  CHECK(status(Dtype::opaque, result) == Status::corrupt_data);
  CHECK(decode_mask({}, 0) == Status::ok);
  CHECK(decode_mask({}, 1) == Status::corrupt_data);
  const auto refused = [](const MaskShape& wrong) {
    return decode_mask(coded_shape(wrong), 100) == Status::corrupt_data;
  };
  CHECK(refused({2, 5, 11, false, 1, 1}));              // more ones than cells
  CHECK(refused({2, 257, 4, false, 1, 1}));             // columns beyond their element
  CHECK(refused({2, 200, 256, false, 1, 1}));           // ones beyond theirs
  CHECK(refused({2, 65537, 4, false, 4, 1}));           // beyond the limit
  CHECK(refused({1u << 21, 1, 4, false, 1, 1}));        //
  CHECK(refused({2, 5, 4, false, 8, 1}));               // a width that there is not
  CHECK(refused({2, 5, 4, true, 1, 8}));                //
  CHECK(refused({60, 5, 40, false, 1, 1}));             // 101 bytes
  CHECK(refused({1u << 12, 1u << 14, 4, true, 2, 1}));  // cells
}

TEST_CASE("mask codec: cells of all masks of a section together are limited") {
  const auto status_of = [](uint32_t rows) {
    const MaskShape half = {256, 65536, 1, false, 2, 1};
    const MaskShape other = {rows, 65536, 1, false, 2, 1};
    Bytes result;
    for (const MaskShape& shape : {half, other}) {
      Bytes arrays(shape.segments_length() + 2, 1);
      arrays[0] = arrays[1] = arrays[2] = 0;
      result.insert(result.end(), arrays.begin(), arrays.end());
    }
    Bytes decoded(result.size());
    const Status status = decode_mask(pack::encode_mask({half, other}, result), decoded);
    return status == Status::ok && decoded != result ? Status::internal : status;
  };
  CHECK(status_of(256) == Status::ok);
  CHECK(status_of(257) == Status::corrupt_data);
}

TEST_CASE("mask codec: coded bytes that are cut or damaged end with a status") {
  test::Random random = test::seeded("mask codec damage");
  const Rows rows = test::random_rows(random, 60, 120, 3);
  const SparseArrays arrays = test::arrays_of(rows, 1, 2);
  const auto mask = test::find_mask(arrays, 1, 2, false);
  REQUIRE(mask.has_value());
  const Bytes result = arrays.joined(false);
  const Bytes coded = pack::encode_mask({*mask}, result);
  REQUIRE(coded.size() > 200);
  for (size_t size = 0; size < coded.size(); ++size) {
    Bytes made(result.size());
    const Status status = decode_mask(ByteView(coded).first(size), made);
    REQUIRE((status == Status::ok || status == Status::corrupt_data));
    if (size + 9 < coded.size()) REQUIRE((status != Status::ok || made != result));
  }
  CHECK(decode_mask(ByteView(coded).first(coded.size() / 2), result.size()) ==
        Status::corrupt_data);
  Bytes longer = coded;
  longer.resize(coded.size() + 9, 1);
  CHECK(decode_mask(longer, result.size()) == Status::corrupt_data);
  for (int round = 0; round < 2000; ++round) {
    const Bytes damaged = round % 2 == 0
                              ? random.bytes(random.below(300))
                              : random.changed(coded, 1 + random.below(coded.size()));
    const Status status = decode_mask(damaged, random.below(3000));
    REQUIRE((status == Status::ok || status == Status::corrupt_data));
  }
}

TEST_CASE("mask codec: few bytes do not keep a decoder busy") {
  // 2^25 cells are said to follow, of which nothing is coded.
  CHECK(decode_mask(coded_shape({512, 65536, 1u << 18, false, 2, 4}),
                    (1u << 19) + 513 * 4) == Status::corrupt_data);
}

TEST_CASE("mask codec: pack takes it for pruned tensors, but not when it must be fast") {
  test::Random random(75);
  for (const uint8_t index_bytes : kWidths) {
    const Rows rows = test::random_rows(random, 200, 250, 4);
    const test::MadeChunk chunk =
        sparse_chunk(test::arrays_of(rows, index_bytes, 2), index_bytes);
    size_t thorough = 0;
    size_t fast = 0;
    CHECK(packed_codec(chunk, 9, &thorough) == CodecId::mask);
    CHECK(packed_codec(chunk, 4, &thorough) == CodecId::mask);
    for (const int level : {1, 3}) {
      CHECK(packed_codec(chunk, level, &fast) != CodecId::mask);
      CHECK(thorough < fast * 3 / 4);
    }
  }
}

TEST_CASE("mask codec: pack leaves arrays that are cut, or do not ascend") {
  test::Random random(76);
  const Rows rows = test::random_rows(random, 200, 250, 4);
  size_t bytes = 0;
  test::MadeChunk cut = sparse_chunk(test::arrays_of(rows, 2, 2), 2);
  cut.result.erase(cut.result.begin(), cut.result.begin() + 2);
  cut.steps[0].result_bytes -= 2;
  CHECK(packed_codec(cut, 9, &bytes) != CodecId::mask);
  test::MadeChunk swapped = sparse_chunk(test::arrays_of(rows, 1, 2), 1);
  std::swap(swapped.result[0], swapped.result[1]);
  CHECK(packed_codec(swapped, 9, &bytes) != CodecId::mask);
}
