// Two models from the input, under manifests from the input: the plan, cut into chunks,
// encoded and decoded, is the result again. Input: five bytes that cut the rest into base
// and result and both into ranges.
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "libcommon/core/crc32c.hpp"
#include "mallorn-apply/section_codecs.hpp"
#include "mallorn-delta/plan.hpp"
#include "mallorn-pack/chunk_encoder.hpp"
#include "tests/fuzz/inputs.hpp"
#include "tests/support/cut.hpp"

namespace {

using namespace mallorn;

// Four rows, or four columns, where elements can be so.
std::vector<uint64_t> matrix_of(const Range& range, bool has_rows) {
  const uint64_t elements = range.length_bytes / dtype_layout(range.dtype).block_bytes;
  if (elements % 4 != 0) return {};
  const uint64_t others = elements / 4;
  return has_rows ? std::vector<uint64_t>{4, others} : std::vector<uint64_t>{others, 4};
}

// Ranges of `step` bytes and more: tensors of changing dtypes, and gaps.
Model model_of(ByteView bytes, uint8_t step, uint8_t first_dtype, bool has_rows) {
  const DtypeTable table = dtype_table();
  Model model;
  model.manifest.format = step % 2 == 0 ? "raw" : "gguf";
  model.manifest.length_bytes = bytes.size();
  for (uint64_t at = 0, i = 0; at < bytes.size(); ++i) {
    Range range;
    range.offset_bytes = at;
    range.length_bytes = std::min<uint64_t>(bytes.size() - at, 1 + (step + i) * 37);
    range.kind = i % 3 == 2 ? RangeKind::gap : RangeKind::tensor;
    if (range.kind == RangeKind::tensor) {
      range.dtype = table.entries[(first_dtype + i / 3) % table.count].dtype;
      range.names = {std::string(1, static_cast<char>('a' + i % 7))};
      range.shape = matrix_of(range, has_rows);
    }
    at += range.length_bytes;
    model.manifest.ranges.push_back(std::move(range));
  }
  model.file = std::make_unique<MappedFile>(fuzz::file_of(bytes), "model");
  return model;
}

pack::ChunkInput input_of(const Model& base, const Model& result,
                          const std::vector<Step>& steps, uint64_t offset) {
  pack::ChunkInput chunk{offset, steps, {}, {}, {}};
  uint64_t length = 0;
  for (const Step& step : steps) {
    std::vector<uint8_t> made;
    chunk.base.push_back(predicting_view(step, base.bytes(), &made));
    if (!made.empty()) chunk.permuted.push_back(std::move(made));
    length += step.result_bytes;
  }
  chunk.result = result.bytes().subspan(offset, length);
  chunk.check = crc32c(0, chunk.result);
  return chunk;
}

void check_chunk(const pack::ChunkInput& chunk, ByteView base) {
  static const auto space = std::make_unique<apply::ChunkWorkspace>();
  constexpr int kLevel = 4;  // the lowest that tries every codec
  const pack::EncodedChunk coded = encode_chunk(chunk, base.size(), {kLevel});
  if (coded.record.size() > kMaxRecordBytes) std::abort();
  apply::HostSections sections;
  const Status status = apply::decode_chunk(ByteView(coded.record).subspan(1), base,
                                            chunk.result_offset, sections, space.get());
  if (status != Status::ok) std::abort();
  uint32_t check = 0;
  size_t at = 0;
  for (uint32_t i = 0; i < space->step_count; ++i) {
    const CodedStep& step = space->step[i];
    const bool is_copy = step.kind == CodedStepKind::copy;
    check = crc32c(check, is_copy ? base.subspan(step.base_offset, step.length_bytes)
                                  : ByteView(space->coded).subspan(at, step.length_bytes));
    at += is_copy ? 0 : static_cast<size_t>(step.length_bytes);
  }
  if (check != crc32c(0, chunk.result) || check != space->view.header.check) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kHead = 5;
  if (size < kHead || size > 32768) return 0;
  const ByteView rest = ByteView(data, size).subspan(kHead);
  const size_t cut = rest.size() * data[0] / 255;
  const Model base = model_of(rest.first(cut), data[1], data[2], true);
  const Model result = model_of(rest.subspan(cut), data[3], data[4], false);
  uint64_t made = 0;
  delta::Plan plan = delta::make_plan(base, result);
  for (const std::vector<Step>& steps : test::cut_into_chunks(
           std::move(plan.steps), plan.whole, delta::Chunks::few, plan.twins)) {
    const pack::ChunkInput chunk = input_of(base, result, steps, made);
    check_chunk(chunk, base.bytes());
    made += chunk.result.size();
  }
  if (made != result.bytes().size()) std::abort();
  return 0;
}
