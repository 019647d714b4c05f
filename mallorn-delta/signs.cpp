#include "mallorn-delta/signs.hpp"

#include <bit>

namespace mallorn::delta {
namespace {

// A sample: runs that are spread over a range.
constexpr uint64_t kRuns = 64;
constexpr uint64_t kRunSigns = 64;

// Calls visit(offset) for the elements of a run, run after run.
template <typename Visit>
void for_each_run(uint64_t elements, Visit visit) {
  const uint64_t runs = std::min(kRuns, elements / kRunSigns);
  for (uint64_t run = 0; run < runs; ++run) {
    visit((elements - kRunSigns) / std::max<uint64_t>(runs - 1, 1) * run);
  }
}

}  // namespace

Signs::Signs(Dtype dtype, ByteView elements) : width_(sign_width(dtype)) {
  constexpr size_t kOneInEight = 8;  // has another sign: fewer tell nothing
  std::vector<uint64_t> numbers;
  size_t negative = 0;
  for_each_run(elements.size() / width_, [&](uint64_t first) {
    for (uint64_t i = first; i < first + kRunSigns; ++i) {
      const uint8_t* const element = elements.data() + i * width_;
      numbers.push_back(number_at(element));
      negative += element[width_ - 1] >> 7;
    }
  });
  const size_t fewer = std::min(negative, numbers.size() - negative);
  if (numbers.empty() || fewer * kOneInEight >= numbers.size()) return;
  std::ranges::sort(numbers);
  set_centre(numbers);
}

// With a quarter of the sorted `numbers` on either side at least, unless many are equal.
void Signs::set_centre(const std::vector<uint64_t>& numbers) {
  const uint64_t low = numbers[numbers.size() / 4];
  const uint64_t middle = numbers[numbers.size() / 2];
  const uint64_t high = numbers[numbers.size() / 4 * 3];
  const uint64_t unit = std::bit_floor(std::min(middle - low, high - middle));
  near_ = unit / 4;
  if (unit > 1) {
    centre_ = (middle + unit / 2) / unit * unit;
  } else {
    centre_ = middle == high && middle > 0 ? middle - 1 : middle;
  }
}

bool agree_throughout(Dtype dtype, ByteView base, ByteView result) {
  constexpr uint64_t kLeast = 45;  // of a run; these agree by chance once in 1000 times
  const Signs signs(dtype, result);
  const size_t width = signs.width();
  uint64_t runs = 0;
  uint64_t strange = 0;
  for_each_run(result.size() / width, [&](uint64_t first) {
    uint64_t agreed = 0;
    uint64_t compared = 0;
    for (uint64_t i = first; i < first + kRunSigns; ++i) {
      const uint8_t* const now = result.data() + i * width;
      if (std::all_of(now, now + width, [](uint8_t byte) { return byte == 0; })) continue;
      ++compared;
      agreed += signs.at(base.data() + i * width) == signs.at(now) ? 1 : 0;
    }
    // Rows that are multiplied by what is below zero agree in that they never do. Zeros, of
    // which a pruned tensor may have whole rows, say nothing.
    agreed = std::max(agreed, compared - agreed);
    ++runs;
    strange += agreed * kRunSigns < compared * kLeast ? 1 : 0;
  });
  return runs == 0 || strange * 16 < runs;
}

}  // namespace mallorn::delta
