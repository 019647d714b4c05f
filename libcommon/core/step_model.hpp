// StepModel: how the steps of a chunk are written (docs/format/structure.md, "Steps").
//
// A step makes the next `length` bytes of the result. Where it reads the base is coded
// relative to where the step before left off, so that models whose layout did not move cost
// almost nothing.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "libcommon/core/bit_model.hpp"
#include "libcommon/core/permutation.hpp"

namespace mallorn {

enum class CodedStepKind : uint8_t {
  copy = 0,     // bytes of the base as they are
  bytes = 1,    // bytes coded here by ByteModel
  section = 2,  // bytes that one of the chunk's sections holds
  derived = 3,  // binary32 numbers that follow from others of the chunk (DerivedModel)
};
constexpr uint32_t kCodedStepKinds = 4;
constexpr uint32_t kAddressedKinds = 3;  // those before `derived` may read the base

enum class AddressKind : uint8_t {
  straight = 0,  // where the last step that read the base stopped
  waiting = 1,   // where its cursor's other hypothesis stands
  near = 2,      // so far from a place where one of the last steps stopped or began, signed
  none = 3,      // the base says nothing about this step
};

// Zeros unless given: workspaces have thousands of them, which nobody has to initialize.
struct CodedStep {
  CodedStepKind kind;    // zero: copy
  AddressKind address;   // zero: straight
  bool source_is_ahead;  // for kind derived: its source begins behind its own begin
  uint8_t permutation;   // for kind section: which of the chunk's it is read in; 0: none
  uint32_t factor;       // for kind derived: binary32
  uint64_t section;      // index, for kind section
  uint64_t length_bytes;
  uint64_t base_offset;      // meaningful unless address is none
  uint64_t source_distance;  // for kind derived: from its own begin
};

// Where the last steps that read the base stopped (references 0 to 7, the latest first) and
// where they began (8 to 15). Files that were put together anew take turns between a few
// regions of the base: each goes on about where it was left.
class RecentPlaces {
 public:
  static constexpr uint32_t kReferences = 16;

  void begin_chunk(uint64_t place) { places_.fill(place); }
  void add(uint64_t start, uint64_t stop) {
    latest_ = (latest_ + 1) % kSteps;
    places_[latest_] = stop;
    places_[kSteps + latest_] = start;
  }
  // The latest goes on, as if the step had been longer.
  void move_on(uint64_t length) { places_[latest_] += length; }
  uint64_t operator[](uint32_t reference) const {
    const uint32_t step = (latest_ + kSteps - reference % kSteps) % kSteps;
    return places_[reference / kSteps * kSteps + step];
  }

 private:
  static constexpr uint32_t kSteps = 8;
  std::array<uint64_t, kReferences> places_{};
  uint32_t latest_ = 0;
};

class StepModel {
 public:
  // `place` is where the chunk begins in the result, or the end of the base if that is
  // less.
  void begin_chunk(uint64_t place) {
    start_anew(this);
    places_.begin_chunk(place);
    waiting_ = place;
  }

  // After a step that read the base: where it began, and where its cursor's hypotheses
  // stand.
  void end_step(uint64_t start, uint64_t straight, uint64_t waiting) {
    places_.add(start, straight);
    waiting_ = waiting;
  }

  // After a step that did not read the base but made what stood there in a new form.
  void pass(uint64_t length) {
    places_.move_on(length);
    waiting_ += length;
  }

  // How a step at `base_offset` is best addressed.
  AddressKind address_of(uint64_t base_offset) const {
    return base_offset == places_[0] ? AddressKind::straight
           : base_offset == waiting_ ? AddressKind::waiting
                                     : AddressKind::near;
  }

  // Codes one step. A decoder must check everything it gets.
  template <typename Coder>
  CodedStep code(Coder& coder, CodedStep step) {
    const uint32_t kind = kind_[before_].code(coder, static_cast<uint32_t>(step.kind));
    step.kind = static_cast<CodedStepKind>(kind);
    before_ = 1 + kind;
    if (step.kind == CodedStepKind::section) {
      step.section = section_.code(coder, step.section);
    }
    step.length_bytes = length_[kind].code(coder, step.length_bytes);
    if (step.kind == CodedStepKind::derived) {
      step.address = AddressKind::none;
      code_source(coder, &step);
      return step;
    }
    step.address = static_cast<AddressKind>(
        address_[kind].code(coder, static_cast<uint32_t>(step.address)));
    if (step.address == AddressKind::straight) step.base_offset = places_[0];
    if (step.address == AddressKind::waiting) step.base_offset = waiting_;
    if (step.address == AddressKind::near) code_near(coder, &step.base_offset);
    return step;
  }

  // Behind a step of a section that is permuted. A decoder must check what it gets.
  template <typename Coder>
  Permutation code_permutation(Coder& coder, Permutation permutation) {
    permutation.axes = axes_.code(coder, permutation.axes);
    for (uint32_t i = 0; i < permutation.axes && i < kMaxAxes; ++i) {
      permutation.order[i] =
          static_cast<uint8_t>(order_[i].code(coder, permutation.order[i]));
      permutation.lengths[i] = code_small(elements_, coder, permutation.lengths[i]);
      permutation.picked[i] = code_small(elements_, coder, permutation.picked[i]);
    }
    if (!permutation.is_none())
      permutation.first = code_small(elements_, coder, permutation.first);
    return permutation;
  }

  // The picks of one axis, likewise. Mostly each is the index behind the one before.
  template <typename Coder>
  void code_picks(Coder& coder, std::span<uint32_t> picks) {
    uint32_t expected = 0;
    uint32_t moved = 0;
    for (uint32_t& pick : picks) {
      const uint32_t ahead = pick - expected;
      moved = has_moved_[moved].code(coder, ahead != 0 ? 1u : 0u);
      uint32_t coded = 0;
      if (moved != 0) {
        const uint32_t folded = ahead << 1 ^ (0 - (ahead >> 31));
        coded = static_cast<uint32_t>(elements_.code(coder, folded));
      }
      pick = expected + (coded >> 1 ^ (0 - (coded & 1)));
      expected = pick + 1;
    }
  }

 private:
  // What is too large for any tensor that is permuted.
  static constexpr uint32_t kFar = UINT32_MAX;

  template <typename Coder>
  static uint32_t code_small(NumberModel& model, Coder& coder, uint32_t number) {
    const uint64_t coded = model.code(coder, number);
    return static_cast<uint32_t>(coded < kFar ? coded : kFar);
  }

  template <typename Coder>
  void code_source(Coder& coder, CodedStep* step) {
    step->source_distance = source_distance_.code(coder, step->source_distance);
    step->source_is_ahead =
        source_is_ahead_.code(coder, step->source_is_ahead ? 1u : 0u) != 0;
    uint32_t factor = 0;
    for (uint32_t i = 4; i-- > 0;) {  // the sign first
      factor = factor << 8 | factor_[i].code(coder, step->factor >> (8 * i) & 0xFF);
    }
    step->factor = factor;
  }

  template <typename Coder>
  void code_near(Coder& coder, uint64_t* base_offset) {
    const uint32_t reference = reference_.code(coder, nearest(*base_offset));
    const uint64_t place = places_[reference];
    NumberModel& distance = distance_[reference == 0 ? 0 : reference < 8 ? 1 : 2];
    const uint64_t coded = distance.code(coder, difference(*base_offset, place));
    const bool is_backward =
        is_backward_[reference].code(coder, *base_offset < place ? 1u : 0u) != 0;
    *base_offset = is_backward ? place - coded : place + coded;
  }

  // The reference that makes the shortest distance; another than 0 costs some three bits.
  uint32_t nearest(uint64_t base_offset) const {
    uint32_t best = 0;
    int best_bits = 64;
    for (uint32_t i = 0; i < RecentPlaces::kReferences; ++i) {
      const int bits =
          static_cast<int>(std::bit_width(difference(base_offset, places_[i]))) +
          (i == 0 ? 0 : 3);
      if (bits >= best_bits) continue;
      best = i;
      best_bits = bits;
    }
    return best;
  }

  static uint64_t difference(uint64_t a, uint64_t b) { return a < b ? b - a : a - b; }

  std::array<TreeModel<2>, kCodedStepKinds + 1> kind_{};  // by the kind before, +1
  std::array<NumberModel, kCodedStepKinds> length_{};
  NumberModel section_{};
  std::array<TreeModel<2>, kAddressedKinds> address_{};
  TreeModel<4> reference_{};
  std::array<NumberModel, 3>
      distance_{};  // from where the last step stopped, others, began
  std::array<BitModel, RecentPlaces::kReferences> is_backward_{};
  NumberModel source_distance_{};
  BitModel source_is_ahead_{};
  std::array<TreeModel<8>, 4> factor_{};  // by byte, the lowest first
  TreeModel<3> axes_{};
  std::array<TreeModel<2>, kMaxAxes> order_{};
  NumberModel elements_{};
  std::array<BitModel, 2> has_moved_{};  // a pick; by whether the one before has
  RecentPlaces places_{};
  uint64_t waiting_ = 0;
  uint32_t before_ = 0;
};

}  // namespace mallorn
