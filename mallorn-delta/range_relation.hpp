// How a range of the base and one of the result are related: what the one tells of the
// other, and what that costs.
#pragma once

#include <optional>

#include "libcommon/delta_stream.hpp"
#include "libcommon/model_source.hpp"
#include "mallorn-delta/best_conversion.hpp"
#include "mallorn-delta/relation.hpp"

namespace mallorn::delta {

// Of two models. All that is read is given back to the system at once.
class RangeRelations {
 public:
  // With `uses_distant` tensors that hardly resemble their counterpart are predicted by it
  // all the same.
  RangeRelations(const Model& base, const Model& result, bool uses_distant)
      : base_(base), result_(result), uses_distant_(uses_distant) {}

  // What an element of `range` costs if `from` predicts it, in 1/1024 bit; nothing where
  // prediction is not worth it: such ranges match by shape or not at all.
  std::optional<uint64_t> distance(const Range& from, const Range& range) const;

  // Whether a channel vector is coded as elements: equal ones are copied with the bytes
  // around them, and without a counterpart bytes are as good.
  bool predicts_vector(const Range& from, const Range& range) const;

  // How the elements of two ranges are related, and how much of `range` a step is to
  // predict by those of `from`: nothing if it does not pay.
  Relation relate_elements(const Range& from, const Range& range, Step* step) const;

  // Whether a tensor as long as its counterpart resembles it everywhere.
  bool is_good_match(const Range& from, const Range& range, const Step& step) const;

  // What `step` and the rest of a range cost, in 1/1024 bit.
  uint64_t cost_of(const Range& range, const Step& step, const Relation& relation) const;

 private:
  std::optional<ConvertedRelation> convert(const Range& from, const Range& range) const;
  Relation relate_leading(const Range& from, const Range& range, uint64_t length) const;
  void give_back(const Range& from, const Range& range) const;

  const Model& base_;
  const Model& result_;
  const bool uses_distant_;
};

// What has to cost less than that, to be sure that it does: samples are not exact, and what
// is told apart costs a little in the coder.
constexpr uint64_t clearly_less(uint64_t cost) { return cost - cost / 32; }

// What a tensor will roughly cost in the patch, in bytes; without a relation, its own.
uint64_t estimated_bytes(const Range& range, const Relation& relation);

}  // namespace mallorn::delta
