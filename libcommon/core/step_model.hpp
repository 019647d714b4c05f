// StepModel: how the steps of a chunk are written (docs/format/structure.md, "Steps").
//
// A step makes the next `length` bytes of the result. Where it reads the base is coded
// relative to where the step before left off, so that models whose layout did not move cost
// almost nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"

namespace mallorn {

enum class CodedStepKind : uint8_t {
  copy = 0,     // bytes of the base as they are
  bytes = 1,    // bytes coded here by ByteModel
  section = 2,  // bytes that one of the chunk's sections holds
};
constexpr uint32_t kCodedStepKinds = 3;

enum class AddressKind : uint8_t {
  straight = 0,  // where the step before stopped reading
  waiting = 1,   // where its cursor's other hypothesis stands
  delta = 2,     // that far from `straight`, signed
  none = 3,      // the base says nothing about this step
};

struct CodedStep {
  CodedStepKind kind = CodedStepKind::copy;
  uint64_t section = 0;  // index, for kind section
  uint64_t length_bytes = 0;
  AddressKind address = AddressKind::straight;
  uint64_t base_offset = 0;  // meaningful unless address is none
};

struct StepModel {
  std::array<TreeModel<2>, kCodedStepKinds + 1> kind{};  // by the kind before, +1
  std::array<NumberModel, kCodedStepKinds> length{};
  NumberModel section{};
  std::array<TreeModel<2>, kCodedStepKinds> address{};
  std::array<NumberModel, kCodedStepKinds> distance{};
  BitModel is_backward{};
  uint32_t before = 0;

  // Codes one step, given where the step before stopped. A decoder must check everything it
  // gets.
  template <typename Coder>
  CodedStep code(Coder& coder, CodedStep step, uint64_t straight, uint64_t waiting) {
    const uint32_t kind_number = kind[before].code(coder, static_cast<uint32_t>(step.kind));
    const uint32_t k = kind_number < kCodedStepKinds ? kind_number : 0;
    step.kind = static_cast<CodedStepKind>(kind_number);
    before = 1 + k;
    if (step.kind == CodedStepKind::section) {
      step.section = section.code(coder, step.section);
    }
    step.length_bytes = length[k].code(coder, step.length_bytes);
    step.address = static_cast<AddressKind>(
        address[k].code(coder, static_cast<uint32_t>(step.address)));
    if (step.address == AddressKind::straight) step.base_offset = straight;
    if (step.address == AddressKind::waiting) step.base_offset = waiting;
    if (step.address == AddressKind::delta) {
      const bool backward = step.base_offset < straight;
      const uint64_t far =
          backward ? straight - step.base_offset : step.base_offset - straight;
      const uint64_t coded = distance[k].code(coder, far);
      const bool is_back = is_backward.code(coder, backward ? 1u : 0u) != 0;
      step.base_offset = is_back ? straight - coded : straight + coded;
    }
    return step;
  }
};

}  // namespace mallorn
