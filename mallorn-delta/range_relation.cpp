#include "mallorn-delta/range_relation.hpp"

#include <algorithm>

#include "mallorn-delta/best_lanes.hpp"
#include "mallorn-delta/range_facts.hpp"
#include "mallorn-delta/signs.hpp"

namespace mallorn::delta {
namespace {

// Half an array of a sparse tensor is no array any more, and as a mask an index takes
// some three bits: only what is predicted whole, and better than that, is predicted.
bool is_apt(const Range& range, uint64_t common, const Relation& relation) {
  constexpr uint64_t kMaskCost = 3 * 1024;
  if (!is_sparsity(range)) return true;
  const uint64_t cost = relation.cost * dtype_layout(range.dtype).block_bytes;
  return common == range.length_bytes && cost < kMaskCost;
}

// Tensors may have grown or shrunk: whole blocks that both have.
uint64_t common_bytes(const Range& from, const Range& range) {
  if (from.length_bytes >= range.length_bytes) return range.length_bytes;
  return from.length_bytes - from.length_bytes % dtype_layout(range.dtype).block_bytes;
}

}  // namespace

std::optional<uint64_t> RangeRelations::distance(const Range& from,
                                                 const Range& range) const {
  if (!is_elements(range) && !is_channel_vector(range)) return {};
  if (from.dtype == range.dtype) {
    const Relation relation = relate_leading(from, range, range.length_bytes);
    return relation.is_related ? std::optional(relation.cost) : std::nullopt;
  }
  const auto converted = convert(from, range);
  if (!converted || !converted->relation.is_related) return {};
  return converted->relation.cost;
}

bool RangeRelations::predicts_vector(const Range& from, const Range& range) const {
  if (from.length_bytes != range.length_bytes) return false;
  return !std::ranges::equal(bytes_of(base_, from), bytes_of(result_, range)) &&
         relate_leading(from, range, range.length_bytes).is_related;
}

Relation RangeRelations::relate_elements(const Range& from, const Range& range,
                                         Step* step) const {
  if (from.dtype != range.dtype) {
    const auto converted = convert(from, range);
    if (!converted) return {};
    step->predictor = Predictor::converted;
    step->conversion = converted->conversion;
    step->parameters = converted->grid;
    if (converted->relation.is_related) step->result_bytes = converted->result_bytes;
    return converted->relation;
  }
  const uint64_t common = common_bytes(from, range);
  const Relation relation = relate_leading(from, range, common);
  if (relation.is_related && is_apt(range, common, relation)) {
    step->result_bytes = common;
  } else if (uses_distant_ && !is_sparsity(range)) {
    step->predictor = Predictor::distant;
    step->result_bytes = common;
  }
  return relation;
}

bool RangeRelations::is_good_match(const Range& from, const Range& range,
                                   const Step& step) const {
  if (step.result_bytes == 0 || step.predictor == Predictor::distant) return false;
  if (is_converted(step)) return true;
  if (from.length_bytes != range.length_bytes) return false;
  const bool is_good =
      agree_throughout(range.dtype, bytes_of(base_, from), bytes_of(result_, range));
  give_back(from, range);
  return is_good;
}

uint64_t RangeRelations::cost_of(const Range& range, const Step& step,
                                 const Relation& relation) const {
  const uint64_t unit = relation_unit(range.dtype);
  const ByteView bytes = bytes_of(result_, range);
  const uint64_t direct = relate(range.dtype, bytes, bytes).direct;
  result_.file->release(range.offset_bytes, range.length_bytes);
  const uint64_t predicted = relation.is_related ? step.result_bytes / unit : 0;
  return predicted * relation.cost + (range.length_bytes / unit - predicted) * direct;
}

// How a range of another dtype predicts one of the result.
std::optional<ConvertedRelation> RangeRelations::convert(const Range& from,
                                                         const Range& range) const {
  const ByteView base = bytes_of(base_, from);
  const ByteView result = bytes_of(result_, range);
  auto converted = best_lanes(from, base, range, result);
  if (!converted) converted = best_conversion(from.dtype, base, range.dtype, result);
  give_back(from, range);
  return converted;
}

// How the first `length` bytes of two ranges are related.
Relation RangeRelations::relate_leading(const Range& from, const Range& range,
                                        uint64_t length) const {
  const Relation relation =
      relate(range.dtype, bytes_of(base_, from).first(static_cast<size_t>(length)),
             bytes_of(result_, range).first(static_cast<size_t>(length)),
             place_of(range, 0).row_elements);
  give_back(from, range);
  return relation;
}

// The pages that have been read, and those around them that the system has read as well.
void RangeRelations::give_back(const Range& from, const Range& range) const {
  base_.file->release(from.offset_bytes, from.length_bytes);
  result_.file->release(range.offset_bytes, range.length_bytes);
}

uint64_t estimated_bytes(const Range& range, const Relation& relation) {
  if (relation.cost == 0) return relation.is_related ? 0 : range.length_bytes;
  return range.length_bytes / relation_unit(range.dtype) * relation.cost / (8 * 1024);
}

}  // namespace mallorn::delta
