// Finds tensors whose axes have lost some of their indices, gained some, or have them in
// another order: networks that were made narrower, channels that were sorted or mirrored.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "libcommon/model_source.hpp"
#include "mallorn-delta/picked_match.hpp"
#include "mallorn-delta/row_votes.hpp"

namespace mallorn::delta {

class PickedTensors {
 public:
  PickedTensors(const Model& base, const Model& result);

  // How `range` of the result has the elements of `from`, or such as resemble them: along
  // one axis in any order, along others as in tensors before, since all that meet in a
  // network are made narrower in the same way; or along two of them in any order, where
  // most elements are equal. Tensors are looked at a bounded number of times, all of them
  // together, each look in time linear in their length, near enough: nothing is found once
  // that is spent.
  std::optional<PickedMatch> find(const Range& from, const Range& range);

 private:
  std::optional<PickedMatch> find_axes(AxisPair* pair, const std::vector<size_t>& changed);
  std::optional<PickedMatch> find_axis(AxisPair* pair, size_t which);
  std::optional<PickedMatch> find_two(AxisPair* pair, const std::vector<size_t>& changed);
  std::optional<PickedMatch> find_by_rows(AxisPair* pair,
                                          const std::vector<size_t>& changed,
                                          std::vector<uint32_t> rows);
  bool may_look(const AxisPair& pair);
  std::optional<std::vector<uint32_t>> look_at_axis(const AxisPair& pair, size_t which);
  std::optional<std::vector<uint32_t>> look_at_rows(const AxisPair& pair, size_t which,
                                                    Alike alike);
  std::optional<PickedMatch> look_at_all(const AxisPair& pair);
  void keep(const MatchedAxis& axis);

  using Lengths = std::pair<uint64_t, uint64_t>;  // of an axis in the base and the result

  const Model& base_;
  const Model& result_;
  // How axes that have become shorter or longer have done so, the latest first; a few.
  std::map<Lengths, std::vector<std::vector<uint32_t>>> known_;
  size_t kept_ = 0;  // picks, since there were none
  uint64_t left_;    // bytes of tensors that may still be looked at
};

}  // namespace mallorn::delta
