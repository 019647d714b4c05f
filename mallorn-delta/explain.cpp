#include "mallorn-delta/explain.hpp"

#include <bit>
#include <cstdio>

#include "libcommon/cli.hpp"
#include "libcommon/explanation.hpp"

namespace mallorn::delta {
namespace {

// What one element will roughly take in the patch.
double bits_each(const Range& range, uint64_t bytes) {
  const DtypeLayout& layout = dtype_layout(range.dtype);
  const double elements =
      static_cast<double>(range.length_bytes) / layout.block_bytes * layout.block_elements;
  return elements == 0 ? 0.0 : 8.0 * static_cast<double>(bytes) / elements;
}

// The tensor's name, and from which others it comes.
std::string story_of(const Model& base, const Model& result, const TensorPlan& tensor) {
  const Range& range = result.manifest.ranges[tensor.result_range];
  std::string story = shown_name(range);
  if (tensor.derived) {
    char factor[32];
    std::snprintf(factor, sizeof(factor), " * %g",
                  static_cast<double>(std::bit_cast<float>(tensor.derived->factor)));
    story +=
        " = " + shown_name(result.manifest.ranges[tensor.derived->source_range]) + factor;
  }
  if (!tensor.parts.empty()) {
    story += " <- parts of ";
    for (size_t i = 0; i < tensor.parts.size(); ++i) {
      story += (i > 0 ? ", " : "") + shown_name(base.manifest.ranges[tensor.parts[i]]);
    }
  } else if (tensor.match.kind != MatchKind::none) {
    const Range& from = base.manifest.ranges[tensor.match.base_range];
    if (shown_name(from) != shown_name(range)) story += " <- " + shown_name(from);
    if (!tensor.permutation.is_none())
      story += " (" + shown_permutation(tensor.permutation) + ")";
    if (from.dtype != range.dtype)
      story += std::string(" (") + dtype_layout(from.dtype).name + ")";
  }
  return story;
}

}  // namespace

std::string explain(const Model& base, const Model& result, const Plan& plan) {
  std::string text;
  char line[256];
  std::snprintf(line, sizeof(line), "%-11s %-16s %12s %-8s %-8s %10s %7s  %s\n", "dtype",
                "shape", "bytes", "match", "method", "~patch", "~bits", "tensor");
  text += line;
  uint64_t in_tensors = 0;
  for (const TensorPlan& tensor : plan.tensors) {
    const Range& range = result.manifest.ranges[tensor.result_range];
    in_tensors += range.kind == RangeKind::tensor ? range.length_bytes : 0;
    std::snprintf(line, sizeof(line), "%-11s %-16s %12s %-8s %-8s %10s %7.3f  ",
                  dtype_layout(range.dtype).name, shown_shape(range).substr(0, 16).c_str(),
                  with_commas(range.length_bytes).c_str(), match_name(tensor.match.kind),
                  tensor.method, with_commas(tensor.estimated_bytes).c_str(),
                  bits_each(range, tensor.estimated_bytes));
    text += line + story_of(base, result, tensor) + "\n";
  }
  const uint64_t rest = result.manifest.length_bytes - in_tensors;
  text += "between tensors: " + with_commas(rest) + " bytes\n";
  return text;
}

std::vector<TensorNote> make_notes(const Model& base, const Model& result,
                                   const Plan& plan) {
  std::vector<TensorNote> notes;
  const auto add = [&](const Range& range, const char* match, std::string name) {
    notes.push_back({range.offset_bytes, range.length_bytes, range.dtype, match,
                     shown_shape(range), std::move(name)});
  };
  std::vector<bool> is_planned(result.manifest.ranges.size());
  for (const TensorPlan& tensor : plan.tensors) {
    is_planned[tensor.result_range] = true;
    add(result.manifest.ranges[tensor.result_range], match_name(tensor.match.kind),
        story_of(base, result, tensor));
  }
  // The shortest are part of the bytes around them.
  for (size_t i = 0; i < is_planned.size(); ++i) {
    const Range& range = result.manifest.ranges[i];
    if (!is_planned[i] && range.kind == RangeKind::tensor && range.length_bytes > 0)
      add(range, "-", shown_name(range));
  }
  return notes;
}

}  // namespace mallorn::delta
