// Tensors whose elements stand elsewhere in the base, or in another order: with other axes,
// other rows and columns, part by part, or byte by byte, whichever costs least.
#pragma once

#include <optional>
#include <vector>

#include "mallorn-delta/anchor_index.hpp"
#include "mallorn-delta/marks.hpp"
#include "mallorn-delta/moved_bytes.hpp"
#include "mallorn-delta/permuted.hpp"
#include "mallorn-delta/picked.hpp"
#include "mallorn-delta/plan.hpp"
#include "mallorn-delta/plan_parts.hpp"
#include "mallorn-delta/range_relation.hpp"

namespace mallorn::delta {

// A tensor of the result that has no good match.
struct StrayTensor {
  size_t range = 0;              // of the result
  TensorMatch match;             // which it has all the same, or none
  bool resembles_match = false;  // all through, hardly as it may be
  uint64_t expected = 0;         // where in the base the bytes before it have ended
};

// What the tensor is made of, in order: elements, or else bytes. The latter may be very
// many, and are steps of ten times that size only once they are planned.
struct Rearranged {
  std::vector<Step> elements;
  std::vector<Segment> bytes;
  TensorPlan plan;
};

class RearrangedTensors {
 public:
  // `bytes`: an index of all bytes of the base, if tensors are guesses. What is given must
  // outlive this.
  RearrangedTensors(const Model& base, const Model& result, const RangeRelations& relations,
                    const PlanOptions& options, ByteIndex* bytes)
      : base_(base),
        result_(result),
        relations_(relations),
        uses_permuted_(options.uses_permuted),
        picked_(base, result),
        moved_(base, result, bytes) {}

  // How `tensor` is made for less than `most`, in 1/1024 bit; nothing if it cannot be. What
  // is kept of all that were found, picks and pieces, is bounded: ask for what is used.
  std::optional<Rearranged> find(const StrayTensor& tensor, uint64_t most);

 private:
  // Elements that were picked from the axes of a tensor.
  struct Picked {
    TensorMatch match;
    PickedMatch picks;
    uint64_t cost = 0;  // in 1/1024 bit
  };

  const Range& range_of(const StrayTensor& tensor) const {
    return result_.manifest.ranges[tensor.range];
  }
  std::optional<Rearranged> find_permuted(const StrayTensor& tensor, uint64_t most);
  std::optional<Picked> find_picked(const StrayTensor& tensor, uint64_t most);
  std::optional<Picked> find_picked_from(const Range& range, const TensorMatch& match,
                                         uint64_t most);
  std::optional<PartsPlan> find_parts_of(const StrayTensor& tensor, uint64_t most);
  std::optional<MovedBytes> find_moved(const StrayTensor& tensor, uint64_t most);
  const Marks::Found& marks_of(const StrayTensor& tensor);
  Rearranged by_picks(const StrayTensor& tensor, Picked picked);
  Rearranged by_parts(const StrayTensor& tensor, const PartsPlan& parts) const;
  TensorPlan describe(const StrayTensor& tensor, const PartsPlan& parts) const;

  const Model& base_;
  const Model& result_;
  const RangeRelations& relations_;
  const bool uses_permuted_;
  PickedTensors picked_;
  std::optional<PermutedTensors> permuted_;  // made when a tensor needs it
  std::optional<AnchorIndex> anchors_;       // likewise
  std::optional<Marks> marks_;               // likewise
  MovedTensors moved_;
  Marks::Found found_;                   // of tensor marked_
  size_t marked_ = SIZE_MAX;             // none
  size_t picks_left_ = size_t{1} << 23;  // that may be kept until all is planned
};

}  // namespace mallorn::delta
