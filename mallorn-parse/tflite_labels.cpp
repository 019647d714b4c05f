#include "mallorn-parse/tflite_labels.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>

#include "libcommon/error.hpp"

namespace mallorn::parse {
namespace {

bool is_label_before(const TfliteLabel& a, const TfliteLabel& b) {
  return std::tie(a.offset_bytes, a.length_bytes, a.precision) <
         std::tie(b.offset_bytes, b.length_bytes, b.precision);
}

bool have_equal_extents(const TfliteLabel& a, const TfliteLabel& b) {
  return a.offset_bytes == b.offset_bytes && a.length_bytes == b.length_bytes;
}

}  // namespace

void TfliteLabels::add(const TfliteLabel& label) {
  if (label.length_bytes == 0) return;
  if (labels_.size() >= kMaxLabels) {
    throw Error(Status::limit_exceeded, "byte " + std::to_string(label.offset_bytes) +
                                            ": more than " + std::to_string(kMaxLabels) +
                                            " tensors and quantization vectors");
  }
  labels_.push_back(label);
}

TfliteLabels::Merged TfliteLabels::merge(uint64_t name_budget_bytes) {
  std::stable_sort(labels_.begin(), labels_.end(), is_label_before);
  Merged merged;
  std::set<std::string_view>
      names;  // of the range being made; no hash that could be flooded
  for (size_t i = 0; i < labels_.size(); ++i) {
    const TfliteLabel& label = labels_[i];
    if (i == 0 || !have_equal_extents(labels_[i - 1], label)) {
      names.clear();
      Range range;
      range.kind = label.kind;
      range.offset_bytes = label.offset_bytes;
      range.length_bytes = label.length_bytes;
      range.dtype = label.dtype;
      range.role = label.role;
      merged.ranges.push_back(std::move(range));
      merged.tensors.push_back(label.tensor);
    }
    if (label.name.empty() || label.name.size() > name_budget_bytes) continue;
    // Looking at a name costs its length, whether it turns out to be new or not.
    name_budget_bytes -= label.name.size();
    if (names.insert(label.name).second)
      merged.ranges.back().names.emplace_back(label.name);
  }
  return merged;
}

}  // namespace mallorn::parse
