#include "mallorn-apply/core/chunk_decoder.hpp"

#include "mallorn-apply/core/derived_numbers.hpp"
#include "mallorn-apply/core/range_decoder.hpp"

namespace mallorn::apply {
namespace {

// Reads the structure stream: the steps, and the bytes of steps that hold their own.
class StructureDecoder {
 public:
  StructureDecoder(ByteView base, uint64_t result_offset, SectionDecoder& sections,
                   ChunkWorkspace* workspace)
      : base_(base),
        position_(result_offset),
        sections_(sections),
        space_(*workspace),
        coder_(workspace->view.structure) {}

  Status run() {
    const ChunkHeader& header = space_.view.header;
    space_.steps.begin_chunk(position_ < base_.size() ? position_ : base_.size());
    space_.derived.begin_chunk();
    space_.step_count = 0;
    space_.permuted_count = 0;
    space_.permutations[0] = {};
    space_.pick_count = 0;
    while (made_ < header.result_bytes) {
      if (space_.step_count == kMaxChunkSteps) return Status::limit_exceeded;
      CodedStep step = space_.steps.code(coder_, {});
      space_.made_before[space_.step_count] = static_cast<uint32_t>(made_);
      space_.coded_before[space_.step_count] = static_cast<uint32_t>(coded_);
      if (const Status status = accept(&step); status != Status::ok) return status;
      if (!space_.structure_left.empty()) {
        space_.structure_left[space_.step_count] = static_cast<uint32_t>(coder_.left());
      }
      space_.step[space_.step_count++] = step;
    }
    if (coded_ != header.coded_result_bytes) return Status::corrupt_data;
    for (uint32_t i = 0; i < header.section_count; ++i) {
      if (used_[i] != header.sections[i].result_bytes) return Status::corrupt_data;
    }
    return coder_.status();
  }

 private:
  // Completes a step of a section.
  Status accept(CodedStep* accepted) {
    const CodedStep& step = *accepted;
    const ChunkHeader& header = space_.view.header;
    const uint64_t length = step.length_bytes;
    const bool has_base = step.address != AddressKind::none;
    if (length == 0 || length > header.result_bytes - made_) return Status::corrupt_data;
    if (step.kind == CodedStepKind::copy) {
      if (!has_base || !range_fits(step.base_offset, length, base_.size())) {
        return Status::corrupt_data;
      }
      copy(step);
    } else {
      if (length > header.coded_result_bytes - coded_) return Status::corrupt_data;
      if (step.kind == CodedStepKind::bytes) {
        if (has_base && step.base_offset > base_.size()) return Status::corrupt_data;
        if (const Status status = decode_bytes(step); status != Status::ok) return status;
      } else if (step.kind == CodedStepKind::section) {
        if (const Status status = take_section(accepted); status != Status::ok)
          return status;
      } else {
        if (const Status status = decode_corrections(step); status != Status::ok)
          return status;
      }
      coded_ += static_cast<size_t>(length);
    }
    made_ += length;
    position_ += length;
    return Status::ok;
  }

  void copy(const CodedStep& step) {
    end_step(step.base_offset, step.length_bytes);
    remember(base_.subspan(static_cast<size_t>(step.base_offset),
                           static_cast<size_t>(step.length_bytes)));
  }

  Status decode_bytes(const CodedStep& step) {
    if (bytes_ == nullptr) {
      const uint64_t bytes = space_.view.header.own_bytes();
      bytes_ = sections_.byte_model(bytes);
      if (bytes_ == nullptr) return Status::unsupported_feature;
      bytes_->begin_chunk(bytes);
    }
    const bool has_base = step.address != AddressKind::none;
    BaseCursor cursor(has_base ? base_ : ByteView{}, 0, has_base ? step.base_offset : 0);
    bytes_->begin_step(position_, before_);
    const ByteSpan to =
        ByteSpan(space_.coded).subspan(coded_, static_cast<size_t>(step.length_bytes));
    // A byte costs a microsecond: no megabyte of them for a record of a few bytes.
    for (uint8_t& byte : to) {
      byte = bytes_->code(coder_, 0, cursor);
      if (coder_.is_exhausted()) return Status::corrupt_data;
    }
    remember(to);
    if (has_base) {
      space_.steps.end_step(step.base_offset, cursor.straight_offset(),
                            cursor.waiting_offset());
    }
    return Status::ok;
  }

  // What is permuted is so at once: its place in the result waits for the section.
  Status take_section(CodedStep* taken) {
    const CodedStep& step = *taken;
    const ChunkHeader& header = space_.view.header;
    if (step.section >= header.section_count) return Status::corrupt_data;
    const auto index = static_cast<size_t>(step.section);
    const SectionHeader& section = header.sections[index];
    const bool has_base = step.address != AddressKind::none;
    if (has_base != section.has_base) return Status::corrupt_data;
    if (step.length_bytes > section.result_bytes - used_[index])
      return Status::corrupt_data;
    used_[index] += step.length_bytes;
    before_ = 0;  // its bytes come later
    if (!has_base) return Status::ok;
    Picks picks;
    if (section.is_permuted) {
      if (const Status status = take_permutation(taken, &picks); status != Status::ok)
        return status;
    }
    const Permutation& permutation = space_.permutations[step.permutation];
    uint64_t base_bytes = 0;
    if (!section_base_bytes(section, step.length_bytes, permutation, &base_bytes) ||
        !range_fits(step.base_offset, base_bytes, base_.size())) {
      return Status::corrupt_data;
    }
    if (step.permutation != 0) {
      const ByteView tensor = base_.subspan(static_cast<size_t>(step.base_offset),
                                            static_cast<size_t>(base_bytes));
      permute(
          permutation, picks, section.dtype, tensor,
          ByteSpan(space_.coded).subspan(coded_, static_cast<size_t>(step.length_bytes)));
    }
    end_step(step.base_offset, base_bytes);
    return Status::ok;
  }

  Status take_permutation(CodedStep* step, Picks* picks) {
    const Permutation permutation = space_.steps.code_permutation(coder_, {});
    if (permutation.is_none()) return Status::ok;
    if (permutation.axes > kMaxAxes) return Status::corrupt_data;
    if (space_.permuted_count == kMaxChunkPermuted) return Status::limit_exceeded;
    const uint64_t count = permutation.picks_before(permutation.axes);
    if (count > kMaxChunkPicks - space_.pick_count) return Status::limit_exceeded;
    space_.permutations[++space_.permuted_count] = permutation;
    space_.pick_count += static_cast<uint32_t>(count);
    step->permutation = static_cast<uint8_t>(space_.permuted_count);
    size_t at = 0;
    for (uint32_t axis = 0; axis < permutation.axes; ++axis) {
      const uint32_t picked = permutation.picked[axis];
      space_.steps.code_picks(coder_,
                              std::span<uint32_t>(space_.words).subspan(at, picked));
      at += picked;
    }
    *picks = Picks(space_.words).first(at);
    return has_picks(permutation, *picks) ? Status::ok : Status::corrupt_data;
  }

  // What the numbers differ by from the products that predict them; these are known only
  // when all other bytes of the chunk are (add_products).
  Status decode_corrections(const CodedStep& step) {
    const auto length = static_cast<size_t>(step.length_bytes);
    if (length % sizeof(uint32_t) != 0) return Status::corrupt_data;
    space_.derived.begin_step();
    for (size_t i = 0; i < length; i += sizeof(uint32_t)) {
      store_le(space_.coded.data() + coded_ + i, space_.derived.code(coder_, 0));
      if (coder_.is_exhausted()) return Status::corrupt_data;
    }
    before_ = 0;
    space_.steps.pass(step.length_bytes);
    return Status::ok;
  }

  // After a step that read so many bytes of the base, in order.
  void end_step(uint64_t base_offset, uint64_t base_bytes) {
    const uint64_t end = base_offset + base_bytes;
    space_.steps.end_step(base_offset, end, end);
  }

  // Keeps the last eight bytes of the result in before_.
  void remember(ByteView made) {
    for (const uint8_t byte : made.last(made.size() < 8 ? made.size() : 8)) {
      before_ = before_ << 8 | byte;
    }
  }

  ByteView base_;
  uint64_t position_;
  SectionDecoder& sections_;
  ChunkWorkspace& space_;
  ByteModel* bytes_ = nullptr;  // in use from the first step that needs it
  RangeDecoder coder_;
  uint64_t before_ = 0;
  uint64_t made_ = 0;
  size_t coded_ = 0;
  std::array<uint64_t, kMaxChunkSections> used_{};
};

// Calls visit(step, base, coded) for every step of section `index`: the step's bytes of the
// base (empty without one) and where its result bytes belong.
template <typename Visit>
void for_each_step_of(uint32_t index, ByteView base, ChunkWorkspace& space, Visit visit) {
  size_t at = 0;
  for (uint32_t i = 0; i < space.step_count; ++i) {
    const CodedStep& step = space.step[i];
    if (step.kind == CodedStepKind::copy) continue;
    const auto length = static_cast<size_t>(step.length_bytes);
    if (step.kind == CodedStepKind::section && step.section == index) {
      ByteView from;
      if (step.address != AddressKind::none) {
        from = base.subspan(static_cast<size_t>(step.base_offset),
                            static_cast<size_t>(base_bytes_of(space, step)));
      }
      visit(step, from, ByteSpan(space.coded).subspan(at, length));
    }
    at += length;
  }
}

// The weights of a section that is quantized from them, unit by unit: all of them would
// take much more room than the section.
class StepWeights final : public WeightSource {
 public:
  StepWeights(uint32_t index, ByteView base, const ChunkWorkspace& space)
      : index_(index),
        base_(base),
        space_(space),
        header_(space.view.header.sections[index]),
        unit_elements_(conversion_elements(header_.conversion, header_.dtype)) {
    (void)section_base_bytes(header_, conversion_unit(header_.conversion, header_.dtype),
                             {}, &unit_bytes_);
  }

  // Units are of as many blocks, or of one.
  void read(size_t count, uint32_t* numbers) override {
    if (used_ == unit_elements_) convert_unit();
    memcpy(numbers, unit_.data() + used_, count * sizeof(uint32_t));
    used_ += count;
  }

 private:
  void convert_unit() {
    while (left_.empty()) left_ = next_range();
    const auto bytes = static_cast<size_t>(unit_bytes_);
    to_binary32(header_.conversion, left_.data(), unit_elements_, unit_.data());
    left_ = left_.subspan(bytes);
    used_ = 0;
  }

  // Of the base, of the next step of the section: there is one, for their lengths are as
  // many units as are read.
  ByteView next_range() {
    const CodedStep& step = space_.step[step_++];
    if (step.kind != CodedStepKind::section || step.section != index_) return {};
    uint64_t base_bytes = 0;  // has been checked
    (void)section_base_bytes(header_, step.length_bytes, {}, &base_bytes);
    return base_.subspan(static_cast<size_t>(step.base_offset),
                         static_cast<size_t>(base_bytes));
  }

  const uint32_t index_;
  const ByteView base_;
  const ChunkWorkspace& space_;
  const SectionHeader& header_;
  const size_t unit_elements_;
  uint64_t unit_bytes_ = 0;
  uint32_t step_ = 0;
  ByteView left_;  // of the range
  std::array<uint32_t, kMaxBlockCodes> unit_;
  size_t used_ = unit_elements_;  // of the unit
};

// Into space.section.
Status decode_section_bytes(uint32_t index, ByteView base, SectionDecoder& decoder,
                            ChunkWorkspace& space) {
  const SectionHeader& header = space.view.header.sections[index];
  const auto total = static_cast<size_t>(header.result_bytes);
  const ByteSpan result = ByteSpan(space.section).first(total);
  if (has_weights(header.conversion, header.dtype)) {
    StepWeights weights(index, base, space);
    return decoder.decode_by_weights(header, space.view.payloads[index], weights, result);
  }
  size_t gathered = 0;
  for_each_step_of(
      index, base, space, [&](const CodedStep& step, ByteView from, ByteSpan to) {
        if (from.empty()) return;
        const ByteSpan predicted = space.base().subspan(gathered, to.size());
        if (step.permutation != 0) {
          memcpy(predicted.data(), to.data(), to.size());
        } else if (header.conversion.is_none()) {
          memcpy(predicted.data(), from.data(), from.size());
        } else if (has_lanes(header.conversion, header.dtype)) {
          convert_lanes(header.conversion, header.grid, header.dtype, from, predicted);
        } else {
          convert(header.conversion, header.dtype, from, predicted);
        }
        gathered += to.size();
      });
  const ByteView prediction = ByteView(space.base()).first(header.has_base ? total : 0);
  return decoder.decode(header, space.view.payloads[index], prediction, result);
}

Status decode_section(uint32_t index, ByteView base, SectionDecoder& decoder,
                      ChunkWorkspace& space) {
  const Status status = decode_section_bytes(index, base, decoder, space);
  if (status != Status::ok) return status;
  size_t dealt = 0;
  for_each_step_of(index, base, space, [&](const CodedStep&, ByteView, ByteSpan to) {
    memcpy(to.data(), space.section.data() + dealt, to.size());
    dealt += to.size();
  });
  return Status::ok;
}

}  // namespace

Status decode_chunk(ByteView record, ByteView base, uint64_t result_offset,
                    SectionDecoder& sections, ChunkWorkspace* workspace) {
  if (const Status status = read_chunk(record, &workspace->view); status != Status::ok) {
    return status;
  }
  StructureDecoder structure(base, result_offset, sections, workspace);
  if (const Status status = structure.run(); status != Status::ok) return status;
  for (uint32_t i = 0; i < workspace->view.header.section_count; ++i) {
    const Status status = decode_section(i, base, sections, *workspace);
    if (status != Status::ok) return status;
  }
  return add_products(base, workspace);
}

uint64_t base_bytes_of(const ChunkWorkspace& workspace, const CodedStep& step) {
  const auto section = static_cast<size_t>(step.section);
  uint64_t base_bytes = 0;  // has been checked
  (void)section_base_bytes(workspace.view.header.sections[section], step.length_bytes,
                           workspace.permutations[step.permutation], &base_bytes);
  return base_bytes;
}

uint32_t used_features(const ChunkWorkspace& workspace) {
  uint32_t features = section_features(workspace.view.header);
  for (uint32_t i = 0; i < workspace.step_count; ++i) {
    if (workspace.step[i].kind == CodedStepKind::bytes) features |= kFeatureStructure;
    if (workspace.step[i].kind == CodedStepKind::derived) features |= kFeatureDerived;
  }
  return features;
}

}  // namespace mallorn::apply
