#include "mallorn-delta/twins.hpp"

#include <algorithm>
#include <unordered_map>

#include "mallorn-delta/derived.hpp"
#include "mallorn-delta/plan.hpp"
#include "mallorn-delta/same_bytes.hpp"

namespace mallorn::delta {
namespace {

// Chunks that end for it learn less, and both have heads.
constexpr uint64_t kWorthBytes = 512;
constexpr uint64_t kLeastLength = 2 * kWorthBytes;
// Vectors that are so near are derived from each other in one chunk, for less; in several
// they cannot be.
constexpr uint64_t kNear = 256 * 1024;

// What of the cost of a range falls to the other of a twin, or so.
uint64_t share_of(uint64_t cost, const Range& range, const Twin& twin) {
  const uint64_t begin = std::max(range.offset_bytes, twin.offset);
  const uint64_t end =
      std::min(range.offset_bytes + range.length_bytes, twin.offset + twin.length);
  uint64_t product = 0;
  if (begin >= end) return 0;
  return checked_mul(cost, end - begin, &product) ? product / range.length_bytes : cost;
}

class TwinFinder {
 public:
  TwinFinder(const Model& result, const std::vector<size_t>& contents)
      : result_(result), ranges_(result.manifest.ranges) {
    for (size_t i = 0; i < ranges_.size(); ++i) {
      if (ranges_[i].kind == RangeKind::tensor) tensors_.push_back(i);
    }
    std::unordered_map<size_t, size_t> seen;
    for (size_t i = 0; i < tensors_.size(); ++i) {
      first_.push_back(seen.try_emplace(contents[tensors_[i]], i).first->second);
    }
  }

  std::vector<Twin> run() const {
    std::vector<Twin> twins;
    for (size_t i = 0; i < tensors_.size();) {
      const size_t count = run_length(i);
      const size_t last = i + std::max<size_t>(count, 1) - 1;
      const uint64_t begin = tensor(i).offset_bytes;
      const Twin twin{tensor(first_[i]).offset_bytes, begin, end_of(last) - begin};
      if (count > 0 && twin.length >= kLeastLength && !is_derived(twin, i, count)) {
        twins.push_back(twin);
      }
      i = last + 1;
    }
    return twins;
  }

 private:
  const Range& tensor(size_t i) const { return ranges_[tensors_[i]]; }
  uint64_t end_of(size_t i) const {
    return tensor(i).offset_bytes + tensor(i).length_bytes;
  }

  // How many tensors from i on have the bytes of as many before, those between them among
  // it.
  size_t run_length(size_t i) const {
    const size_t from = first_[i];
    if (from == i) return 0;
    size_t count = 1;
    while (i + count < tensors_.size() && from + count < i &&
           first_[i + count] == from + count) {
      const uint64_t gap = tensor(i + count).offset_bytes - end_of(i + count - 1);
      const uint64_t before = end_of(from + count - 1);
      if (tensor(from + count).offset_bytes - before != gap ||
          !has_same_bytes(result_, before, result_, end_of(i + count - 1), gap)) {
        break;
      }
      ++count;
    }
    return count;
  }

  // Whether `count` tensors from i on, of the twin, need no chunks for that.
  bool is_derived(const Twin& twin, size_t i, size_t count) const {
    if (twin.offset + twin.length - twin.first > kNear) return false;
    while (count > 0 && may_be_derived(tensor(i + count - 1))) --count;
    return count == 0;
  }

  const Model& result_;
  const std::vector<Range>& ranges_;
  std::vector<size_t> tensors_;  // among the ranges
  std::vector<size_t> first_;    // by tensor: the first with its bytes
};

// What of the result no copy makes.
std::vector<ByteRange> coded_ranges(const std::vector<Step>& steps) {
  std::vector<ByteRange> ranges;
  uint64_t at = 0;
  for (const Step& step : steps) {
    if (step.kind != StepKind::copy) ranges.push_back({at, step.result_bytes});
    at += step.result_bytes;
  }
  return ranges;
}

}  // namespace

std::vector<Twin> find_twins(const Model& result, const std::vector<size_t>& contents) {
  // What is taken for a tensor there has others in it.
  if (result.manifest.format == "raw") return {};
  return TwinFinder(result, contents).run();
}

std::vector<Twin> costly_twins(std::vector<Twin> twins, const Manifest& result,
                               const std::vector<uint64_t>& costs) {
  size_t next = 0;  // range
  std::erase_if(twins, [&](const Twin& twin) {
    uint64_t cost = 0;
    for (; next < result.ranges.size(); ++next) {
      const Range& range = result.ranges[next];
      const uint64_t end = range.offset_bytes + range.length_bytes;
      if (range.offset_bytes >= twin.offset + twin.length) break;
      cost += share_of(costs[next], range, twin);
      if (end > twin.offset + twin.length) break;
    }
    return cost < kWorthBytes;
  });
  return twins;
}

void keep_twins(std::vector<Twin> twins, const Model& model, Plan* plan) {
  const Manifest& result = model.manifest;
  if (result.format == "raw") twins = find_byte_twins(model, coded_ranges(plan->steps));
  std::vector<uint64_t> costs(result.ranges.size());
  for (const TensorPlan& tensor : plan->tensors) {
    costs[tensor.result_range] = tensor.estimated_bytes;
  }
  plan->twins = costly_twins(std::move(twins), result, costs);
  for (TensorPlan& tensor : plan->tensors) {
    const uint64_t at = result.ranges[tensor.result_range].offset_bytes;
    if (!is_other(plan->twins, at)) continue;
    tensor.method = "again";
    tensor.estimated_bytes = 0;
  }
}

bool is_other(const std::vector<Twin>& twins, uint64_t offset) {
  const auto behind = std::ranges::upper_bound(twins, offset, {}, &Twin::offset);
  if (behind == twins.begin()) return false;
  const Twin& twin = *std::prev(behind);
  return offset - twin.offset < twin.length;
}

}  // namespace mallorn::delta
