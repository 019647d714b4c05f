// Copies cost the same however long they are: where the bytes beside a copy happen to equal
// those beside its source, the copy takes them over. So an unchanged gap between two
// unchanged tensors disappears into one copy.
#include <algorithm>

#include "libcommon/file.hpp"
#include "mallorn-delta/byte_index.hpp"
#include "mallorn-delta/plan.hpp"

namespace mallorn::delta {
namespace {

// Bytes that no element structure keeps together.
bool is_bytes(const Step& step) {
  return step.kind != StepKind::copy && step.dtype == Dtype::opaque;
}

uint64_t common_suffix(ByteView a, ByteView b) {
  const size_t limit = std::min(a.size(), b.size());
  size_t length = 0;
  while (length < limit && a[a.size() - 1 - length] == b[b.size() - 1 - length]) ++length;
  return length;
}

// So many steps have looked at no more pages than may stay in memory.
constexpr size_t kStepsKept = 256;

// Takes the first `length` bytes off `step`.
void drop_front(Step* step, uint64_t length) {
  step->result_bytes -= length;
  if (step->kind == StepKind::predict) step->base_offset += length;
}

}  // namespace

std::vector<Step> grow_copies(std::vector<Step> steps, ByteView base, ByteView result) {
  uint64_t at = 0;  // where steps[i] begins in the result
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    Step& step = steps[i];
    Step& next = steps[i + 1];
    const uint64_t boundary = at + step.result_bytes;
    if (step.kind == StepKind::copy && is_bytes(next)) {
      const ByteView source = base.subspan(step.base_offset + step.result_bytes);
      const uint64_t run =
          common_length(source, result.subspan(boundary, next.result_bytes));
      step.result_bytes += run;
      drop_front(&next, std::min(run, next.result_bytes));
    } else if (is_bytes(step) && next.kind == StepKind::copy) {
      const ByteView source = base.first(next.base_offset);
      const uint64_t run = common_suffix(source, result.subspan(at, step.result_bytes));
      step.result_bytes -= run;
      next.result_bytes += run;
      next.base_offset -= run;
    }
    at += step.result_bytes;
    if (i % kStepsKept != kStepsKept - 1) continue;
    release_mapped(base);
    release_mapped(result);
  }
  std::erase_if(steps, [](const Step& step) { return step.result_bytes == 0; });
  std::vector<Step> merged;
  for (Step& step : steps) {
    const bool continues =
        !merged.empty() && step.kind == StepKind::copy &&
        merged.back().kind == StepKind::copy &&
        merged.back().base_offset + merged.back().result_bytes == step.base_offset;
    if (continues) {
      merged.back().result_bytes += step.result_bytes;
    } else {
      merged.push_back(std::move(step));
    }
  }
  return merged;
}

}  // namespace mallorn::delta
