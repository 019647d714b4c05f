#include "mallorn-delta/axis_match.hpp"

#include <algorithm>
#include <numeric>

#include "libcommon/passed_pages.hpp"
#include "mallorn-delta/element_codes.hpp"
#include "mallorn-delta/near_words.hpp"
#include "mallorn-delta/range_facts.hpp"

namespace mallorn::delta {
namespace {

constexpr size_t kSamples = 64;  // of each index
constexpr size_t kProbed = 64;   // indices by which a look at all of them is decided
constexpr size_t kOneIn = 4;     // of so many indices is found, at least

// What is known of an index.
struct Print {
  uint64_t digest = 0xCBF29CE484222325;  // of the elements
  uint64_t codes = 0;                    // of the first of them, a word full
};

class AxisMatcher {
 public:
  AxisMatcher(const AxisPair& pair, size_t which)
      : pair_(pair),
        axis_(pair.axes[which]),
        is_slowest_(which == 0),
        width_(dtype_layout(pair.range.dtype).block_bytes) {
    uint64_t stride = 1;
    uint64_t base_stride = 1;
    for (size_t i = pair.axes.size(); i-- > 0;) {
      if (i == which) {
        stride_ = stride;
        base_stride_ = base_stride;
      }
      stride *= pair.axes[i].length;
      base_stride *= pair.axes[i].base_length;
    }
    elements_ = stride;
    choose_samples(which);
    // The fewer there are, the more is to be known of each.
    const unsigned bits = samples_.size() >= 64 ? 1 : samples_.size() >= 32 ? 2 : 4;
    codes_.emplace(pair.range.dtype, bytes_of(pair.result, pair.range), bits);
  }

  std::optional<std::vector<uint32_t>> run() {
    constexpr size_t kLeastBytes = 2;  // of an index: fewer are the same by chance
    if (samples_.size() * width_ < kLeastBytes) return {};
    if (std::max(axis_.length, axis_.base_length) > kMaxMatchedIndices) return {};
    in_base_ =
        prints(pair_.base, pair_.from, axis_.base_length, base_samples_, base_stride_, 1);
    by_digest_.resize(in_base_.size());
    std::iota(by_digest_.begin(), by_digest_.end(), 0u);
    std::ranges::stable_sort(by_digest_, {}, [this](uint32_t i) { return digest(i); });
    if (samples_.size() >= coded()) {
      std::vector<uint64_t> words;
      for (const Print& print : in_base_) words.push_back(print.codes);
      near_.emplace(std::move(words), may_compare_all());
    }
    if (!find_some() || !find_all()) return {};
    bool has_moved = picks_.size() != axis_.base_length;
    for (size_t i = 0; i < picks_.size(); ++i)
      has_moved |= picks_[i] != i && picks_[i] != kNoIndex;
    return has_moved ? std::optional(std::move(picks_)) : std::nullopt;
  }

 private:
  // Of how many samples of an index a word has the codes.
  size_t coded() const { return 64 / codes_->bits(); }

  // The indices of an axis that are those of the base.
  static std::vector<uint32_t> known_of(const MatchedAxis& axis) {
    std::vector<uint32_t> known;
    for (size_t i = 0; i < axis.picks.size(); ++i) {
      if (axis.picks[i] != kNoIndex) known.push_back(static_cast<uint32_t>(i));
    }
    return known;
  }

  // Places on the other axes, spread over them: where they are in the two tensors.
  void choose_samples(size_t which) {
    std::vector<std::vector<uint32_t>> known(pair_.axes.size());  // of those with picks
    uint64_t others = 1;
    for (size_t axis = 0; axis < known.size(); ++axis) {
      if (axis == which) continue;
      known[axis] = known_of(pair_.axes[axis]);
      others *= count_of(axis, known);
    }
    const size_t count = std::min<uint64_t>(kSamples, others);
    for (size_t i = 0; i < count; ++i) {
      uint64_t left =
          others <= kSamples
              ? i
              : (i * 0x9E3779B97F4A7C15 >> 20) % (others / count) + others / count * i;
      uint64_t stride = 1;
      uint64_t base_stride = 1;
      uint64_t at = 0;
      uint64_t in_base = 0;
      for (size_t axis = pair_.axes.size(); axis-- > 0;) {
        const MatchedAxis& other = pair_.axes[axis];
        if (axis != which) {
          const uint64_t place = left % count_of(axis, known);
          const uint64_t index = other.picks.empty() ? place : known[axis][place];
          at += index * stride;
          in_base += other.in_base(index) * base_stride;
          left /= count_of(axis, known);
        }
        stride *= other.length;
        base_stride *= other.base_length;
      }
      samples_.push_back(at);
      base_samples_.push_back(in_base);
    }
  }

  uint64_t count_of(size_t axis, const std::vector<std::vector<uint32_t>>& known) const {
    const MatchedAxis& other = pair_.axes[axis];
    return other.picks.empty() ? std::min(other.length, other.base_length)
                               : known[axis].size();
  }

  // Of every n-th index. Reads a tensor from its beginning to its end, roughly.
  std::vector<Print> prints(const Model& model, const Range& range, uint64_t length,
                            const std::vector<uint64_t>& samples, uint64_t stride,
                            uint64_t step) const {
    std::vector<Print> made(static_cast<size_t>((length + step - 1) / step));
    const ByteView bytes = bytes_of(model, range);
    PassedPages passed(model.bytes(), range.offset_bytes);
    const auto take = [&](size_t index, size_t sample) {
      const uint64_t at = (index * step * stride + samples[sample]) * width_;
      add(bytes.data() + at, sample, &made[index]);
      return range.offset_bytes + at;
    };
    if (is_slowest_) {
      for (size_t i = 0; i < made.size(); ++i) {
        uint64_t at = 0;
        for (size_t k = 0; k < samples.size(); ++k) at = std::max(at, take(i, k));
        passed.advance_to(at);
      }
    } else {
      for (size_t k = 0; k < samples.size(); ++k) {
        for (size_t i = 0; i < made.size(); ++i) passed.advance_to(take(i, k));
      }
    }
    return made;
  }

  void add(const uint8_t* element, size_t sample, Print* print) const {
    for (size_t i = 0; i < width_; ++i) {
      print->digest = (print->digest ^ element[i]) * 0x100000001B3;
    }
    if (sample < coded())
      print->codes = print->codes << codes_->bits() | codes_->at(element, sample);
  }

  std::vector<Print> prints_of_result(uint64_t step) const {
    return prints(pair_.result, pair_.range, axis_.length, samples_, stride_, step);
  }

  // False if of some indices few are found.
  bool find_some() {
    constexpr size_t kHopeless = 24;  // of which not one is found
    const uint64_t step = std::max<uint64_t>(axis_.length / kProbed, 1);
    if (step == 1) return true;
    size_t found = 0;
    size_t probed = 0;
    for (const Print& print : prints_of_result(step)) {
      const auto expected = static_cast<uint32_t>(probed++ * step);
      found += find(print, expected) != kNoIndex ? 1 : 0;
      if (probed == kHopeless && found == 0) return false;
    }
    return found * kOneIn > probed;
  }

  // False if few indices are found.
  bool find_all() {
    size_t found = 0;
    uint32_t expected = 0;
    for (const Print& print : prints_of_result(1)) {
      picks_.push_back(find(print, expected));
      if (picks_.back() == kNoIndex) continue;
      ++found;
      expected = picks_.back() + 1;
    }
    return found * kOneIn > picks_.size();
  }

  uint32_t find(const Print& print, uint32_t expected) {
    if (expected < in_base_.size() && in_base_[expected].digest == print.digest)
      return expected;
    const auto equal = std::ranges::lower_bound(by_digest_, print.digest, {},
                                                [this](uint32_t i) { return digest(i); });
    if (equal != by_digest_.end() && digest(*equal) == print.digest) return *equal;
    if (!near_) return kNoIndex;
    const uint32_t nearest = near_->find(print.codes, expected);
    return nearest == NearWords::kNone ? kNoIndex : nearest;
  }

  uint64_t digest(uint32_t index) const { return in_base_[index].digest; }

  bool may_compare_all() const {
    constexpr uint64_t kComparedEach = 16;  // element of the tensor
    return axis_.length * axis_.base_length / kComparedEach <= elements_;
  }

  const AxisPair& pair_;
  const MatchedAxis& axis_;
  const bool is_slowest_;
  const size_t width_;
  uint64_t stride_ = 1;  // of the axis, in elements
  uint64_t base_stride_ = 1;
  uint64_t elements_ = 1;  // of the tensor
  std::vector<uint64_t> samples_;
  std::vector<uint64_t> base_samples_;
  std::optional<ElementCodes> codes_;
  std::vector<Print> in_base_;
  std::vector<uint32_t> by_digest_;  // indices, of equal ones the first first
  std::optional<NearWords> near_;
  std::vector<uint32_t> picks_;
};

}  // namespace

std::optional<std::vector<uint32_t>> match_axis(const AxisPair& pair, size_t which) {
  return AxisMatcher(pair, which).run();
}

std::vector<uint32_t> whole_picks(const MatchedAxis& axis) {
  std::vector<uint32_t> picks = axis.picks;
  uint32_t expected = 0;
  for (uint32_t& pick : picks) {
    if (pick == kNoIndex)
      pick = std::min(expected, static_cast<uint32_t>(axis.base_length - 1));
    expected = pick + 1;
  }
  return picks;
}

}  // namespace mallorn::delta
