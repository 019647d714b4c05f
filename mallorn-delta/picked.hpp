// Finds tensors whose axes have lost some of their indices, gained some, or have them in
// another order: networks that were made narrower, channels that were sorted or mirrored.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "libcommon/core/permutation.hpp"
#include "libcommon/model_source.hpp"
#include "mallorn-delta/axis_match.hpp"
#include "mallorn-delta/relation.hpp"

namespace mallorn::delta {

struct PickedMatch {
  Permutation permutation{};
  std::vector<uint32_t> picks;
  Relation relation;
  uint64_t picks_cost = 0;  // in 1/1024 bit
};

class PickedTensors {
 public:
  PickedTensors(const Model& base, const Model& result) : base_(base), result_(result) {}

  // How `range` of the result has the elements of `from`, or such as resemble them: along
  // one axis in any order, along others as in tensors before, since all that meet in a
  // network are made narrower in the same way; or along two of them in any order, where
  // most elements are equal. Time linear in the length of the tensors, near enough.
  std::optional<PickedMatch> find(const Range& from, const Range& range);

 private:
  std::optional<PickedMatch> find_axes(AxisPair* pair, const std::vector<size_t>& changed);
  std::optional<PickedMatch> find_axis(AxisPair* pair, size_t which);
  std::optional<PickedMatch> find_two(AxisPair* pair, const std::vector<size_t>& changed);
  std::optional<PickedMatch> find_by_rows(AxisPair* pair,
                                          const std::vector<size_t>& changed,
                                          std::vector<uint32_t> rows);
  void keep(const MatchedAxis& axis);

  using Lengths = std::pair<uint64_t, uint64_t>;  // of an axis in the base and the result

  const Model& base_;
  const Model& result_;
  // How axes that have become shorter or longer have done so, the latest first; a few.
  std::map<Lengths, std::vector<std::vector<uint32_t>>> known_;
  size_t kept_ = 0;  // picks, since there were none
};

}  // namespace mallorn::delta
