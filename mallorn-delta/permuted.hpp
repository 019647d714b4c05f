// Finds tensors whose axes an exporter has put in another order: matrices of a fully
// connected layer one way round or the other, kernels with their channels first or last.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "libcommon/core/permutation.hpp"
#include "libcommon/model_source.hpp"
#include "mallorn-delta/relation.hpp"
#include "mallorn-delta/shape_key.hpp"

namespace mallorn::delta {

struct PermutedMatch {
  size_t base_range = 0;
  Permutation permutation{};
  Relation relation;
};

// How a tensor of the shape `to` has the elements of one of the shape `from`, if its axes,
// but for those of length 1, are those of `from` in the order `order`: as few axes as say
// so, neighbours that stay together being one. None if nothing moves, or by more axes than
// can be.
Permutation permutation_of(const std::vector<uint64_t>& from,
                           const std::vector<size_t>& order);

class PermutedTensors {
 public:
  PermutedTensors(const Model& base, const Model& result);

  // The tensor of the base that has the elements of `range`, or such as resemble them, in
  // another order of axes. Tensors are compared by bounded samples, a bounded number of
  // them; each of the base serves once if that can be, those with a name of `range` first.
  std::optional<PermutedMatch> find(const Range& range);

 private:
  // What a permutation leaves as it is: dtype, and the lengths of axes, sorted.
  using Key = std::tuple<Dtype, ShapeKey>;

  std::vector<size_t> candidates_for(const Range& range) const;
  std::optional<PermutedMatch> best_order(size_t base_range, const Range& range) const;
  std::optional<Relation> relate_sample(const Range& from, const Range& range,
                                        const Permutation& permutation) const;

  const Model& base_;
  const Model& result_;
  std::map<Key, std::vector<size_t>> by_key_;
  std::vector<bool> used_;
};

}  // namespace mallorn::delta
