#include "mallorn-pack/structure_encoder.hpp"

#include <algorithm>
#include <memory>

#include "libcommon/core/byte_model.hpp"
#include "libcommon/core/derived_model.hpp"
#include "libcommon/core/f32_arithmetic.hpp"
#include "libcommon/core/patch_format.hpp"
#include "libcommon/core/step_model.hpp"
#include "libcommon/derivation.hpp"
#include "libcommon/error.hpp"
#include "mallorn-pack/range_encoder.hpp"

namespace mallorn::pack {
namespace {

// Mirrors StructureDecoder in mallorn-apply/core/chunk_decoder.cpp, state by state.
class StructureEncoder {
 public:
  StructureEncoder(const ChunkInput& chunk, const ChunkLayout& layout, uint64_t base_bytes)
      : chunk_(chunk),
        layout_(layout),
        steps_(std::make_unique<StepModel>()),
        derived_(std::make_unique<DerivedModel>()),
        coder_(structure_.coded) {
    steps_->begin_chunk(std::min(chunk.result_offset, base_bytes));
  }

  Structure run() {
    for (size_t i = 0; i < chunk_.steps.size(); ++i) {
      const size_t before = structure_.coded.size();
      encode_step(i);
      structure_.step_bytes.push_back(
          static_cast<uint32_t>(structure_.coded.size() - before));
    }
    coder_.finish();
    return std::move(structure_);
  }

 private:
  void encode_step(size_t i) {
    const Step& step = chunk_.steps[i];
    const ByteView result =
        chunk_.result.subspan(made_, static_cast<size_t>(step.result_bytes));
    if (is_derived(step)) {
      encode_derived(step, result);
    } else {
      encode_addressed(i, result);
    }
    made_ += result.size();
  }

  void encode_addressed(size_t i, ByteView result) {
    const Step& step = chunk_.steps[i];
    const bool is_section = layout_.section_of[i] != kNoSection;
    const bool is_made = is_converted(step) || is_permuted(step);
    const bool sees_base =
        is_section ? layout_.sections[layout_.section_of[i]].has_base : !is_made;
    const bool has_base = step.kind != StepKind::literal && sees_base;
    CodedStep coded{};
    coded.kind = step.kind == StepKind::copy ? CodedStepKind::copy
                 : is_section                ? CodedStepKind::section
                                             : CodedStepKind::bytes;
    coded.section = is_section ? layout_.section_of[i] : 0;
    coded.length_bytes = step.result_bytes;
    coded.base_offset = step.base_offset;
    coded.address = has_base ? steps_->address_of(step.base_offset) : AddressKind::none;
    steps_->code(coder_, coded);
    if (coded.kind == CodedStepKind::bytes) {
      encode_bytes(i, result, has_base);
    } else if (has_base) {
      if (is_section && layout_.sections[layout_.section_of[i]].is_permuted)
        encode_permutation(step);
      uint64_t base_bytes = 0;  // has been checked
      (void)predicting_bytes(step, step.result_bytes, &base_bytes);
      const uint64_t end = step.base_offset + base_bytes;
      steps_->end_step(step.base_offset, end, end);
    }
    if (coded.kind == CodedStepKind::section) {
      before_ = 0;
    } else {
      remember(result);
    }
  }

  void encode_permutation(const Step& step) {
    steps_->code_permutation(coder_, step.permutation);
    std::vector<uint32_t> picks = step.picks;
    size_t at = 0;
    for (uint32_t axis = 0; axis < step.permutation.axes; ++axis) {
      const uint32_t count = step.permutation.picked[axis];
      steps_->code_picks(coder_, std::span<uint32_t>(picks).subspan(at, count));
      at += count;
    }
  }

  void encode_derived(const Step& step, ByteView result) {
    Derivation derivation;
    if (!derivation_from_bytes(step.parameters, &derivation)) {
      throw Error(Status::internal, "a derived step without derivation");
    }
    CodedStep coded{};
    coded.kind = CodedStepKind::derived;
    coded.length_bytes = step.result_bytes;
    coded.source_distance = derivation.source_distance;
    coded.source_is_ahead = derivation.source_is_ahead;
    coded.factor = derivation.factor;
    steps_->code(coder_, coded);
    structure_.features |= kFeatureDerived;
    const auto distance = static_cast<size_t>(derivation.source_distance);
    const ByteView source = chunk_.result.subspan(
        derivation.source_is_ahead ? made_ + distance : made_ - distance, result.size());
    derived_->begin_step();
    for (size_t at = 0; at < result.size(); at += sizeof(uint32_t)) {
      const uint32_t product =
          f32_product(load_le<uint32_t>(source.data() + at), derivation.factor);
      derived_->code(coder_, load_le<uint32_t>(result.data() + at) - product);
    }
    steps_->pass(step.result_bytes);
    before_ = 0;
  }

  // As ChunkHeader has them.
  uint64_t own_bytes() const {
    uint64_t bytes = 0;
    for (size_t i = 0; i < chunk_.steps.size(); ++i) {
      const bool is_own =
          chunk_.steps[i].kind != StepKind::copy && layout_.section_of[i] == kNoSection;
      if (is_own) bytes += chunk_.steps[i].result_bytes;
    }
    return bytes;
  }

  void encode_bytes(size_t i, ByteView result, bool has_base) {
    if (!bytes_) {
      bytes_ = std::make_unique<ByteModel>();
      bytes_->begin_chunk(own_bytes());
    }
    structure_.features |= kFeatureStructure;
    const uint64_t start = has_base ? chunk_.steps[i].base_offset : 0;
    BaseCursor cursor(has_base ? chunk_.base[i] : ByteView{}, start, start);
    bytes_->begin_step(chunk_.result_offset + made_, before_);
    for (const uint8_t byte : result) bytes_->code(coder_, byte, cursor);
    if (has_base) {
      steps_->end_step(start, cursor.straight_offset(), cursor.waiting_offset());
    }
  }

  void remember(ByteView made) {
    for (const uint8_t byte : made.last(std::min<size_t>(made.size(), 8))) {
      before_ = before_ << 8 | byte;
    }
  }

  const ChunkInput& chunk_;
  const ChunkLayout& layout_;
  uint64_t before_ = 0;
  size_t made_ = 0;
  Structure structure_;
  std::unique_ptr<StepModel> steps_;
  std::unique_ptr<DerivedModel> derived_;
  std::unique_ptr<ByteModel> bytes_;  // only if it is needed: it is large
  RangeEncoder coder_;
};

}  // namespace

Structure encode_structure(const ChunkInput& chunk, const ChunkLayout& layout,
                           uint64_t base_bytes) {
  return StructureEncoder(chunk, layout, base_bytes).run();
}

}  // namespace mallorn::pack
