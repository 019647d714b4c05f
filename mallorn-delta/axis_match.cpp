#include "mallorn-delta/axis_match.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "libcommon/passed_pages.hpp"
#include "mallorn-delta/range_facts.hpp"
#include "mallorn-delta/signs.hpp"

namespace mallorn::delta {
namespace {

constexpr size_t kSamples = 64;     // of each index: a sign each, in one word
constexpr size_t kProbed = 16;      // indices by which a look at all of them is decided
constexpr int kMostDiffering = 10;  // signs of an index that is the same; by chance, once
                                    // in a hundred million times
constexpr uint32_t kUnknown = UINT32_MAX;

// What is known of an index.
struct Print {
  uint64_t digest = 0xCBF29CE484222325;  // of the elements
  uint64_t signs = 0;
};

class AxisMatcher {
 public:
  AxisMatcher(const AxisPair& pair, size_t which)
      : pair_(pair),
        axis_(pair.axes[which]),
        is_slowest_(which == 0),
        width_(dtype_layout(pair.range.dtype).block_bytes),
        signs_(pair.range.dtype, bytes_of(pair.result, pair.range)) {
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
    others_ = stride / axis_.length;
    elements_ = stride;
    choose_samples(which);
  }

  std::optional<std::vector<uint32_t>> run() {
    constexpr size_t kLeastBytes = 2;  // of an index: fewer are the same by chance
    if (samples_.size() * width_ < kLeastBytes) return {};
    if (std::max(axis_.length, axis_.base_length) > kMaxMatchedIndices) return {};
    in_base_ =
        prints(pair_.base, pair_.from, axis_.base_length, base_samples_, base_stride_);
    by_digest_.resize(in_base_.size());
    std::iota(by_digest_.begin(), by_digest_.end(), 0u);
    std::ranges::stable_sort(by_digest_, {}, [this](uint32_t i) { return digest(i); });
    const std::vector<Print> wanted =
        prints(pair_.result, pair_.range, axis_.length, samples_, stride_);
    if (!find_all(wanted, std::max<size_t>(wanted.size() / kProbed, 1))) return {};
    if (!find_all(wanted, 1)) return {};
    bool has_moved = picks_.size() != axis_.base_length;
    for (size_t i = 0; i < picks_.size(); ++i) has_moved |= picks_[i] != i;
    return has_moved ? std::optional(std::move(picks_)) : std::nullopt;
  }

 private:
  // Places on the other axes, spread over them: where they are in the two tensors.
  void choose_samples(size_t which) {
    const size_t count = std::min<uint64_t>(kSamples, others_);
    for (size_t i = 0; i < count; ++i) {
      uint64_t left =
          others_ <= kSamples
              ? i
              : (i * 0x9E3779B97F4A7C15 >> 20) % (others_ / count) + others_ / count * i;
      uint64_t stride = 1;
      uint64_t base_stride = 1;
      uint64_t at = 0;
      uint64_t in_base = 0;
      for (size_t axis = pair_.axes.size(); axis-- > 0;) {
        const MatchedAxis& other = pair_.axes[axis];
        if (axis != which) {
          at += left % other.length * stride;
          in_base += other.in_base(left % other.length) * base_stride;
          left /= other.length;
        }
        stride *= other.length;
        base_stride *= other.base_length;
      }
      samples_.push_back(at);
      base_samples_.push_back(in_base);
    }
  }

  // Reads a tensor from its beginning to its end, roughly.
  std::vector<Print> prints(const Model& model, const Range& range, uint64_t length,
                            const std::vector<uint64_t>& samples, uint64_t stride) const {
    std::vector<Print> made(static_cast<size_t>(length));
    const ByteView bytes = bytes_of(model, range);
    PassedPages passed(model.bytes(), range.offset_bytes);
    const auto take = [&](size_t index, size_t sample) {
      const uint64_t at = (index * stride + samples[sample]) * width_;
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

  // Of a block every byte has a bit that tells nearly as much as a sign.
  void add(const uint8_t* element, size_t sample, Print* print) const {
    for (size_t i = 0; i < width_; ++i) {
      print->digest = (print->digest ^ element[i]) * 0x100000001B3;
    }
    const size_t at = signs_.width() == width_ ? 0 : (sample * 7 + 3) % width_;
    print->signs = print->signs << 1 | signs_.at(element + at);
  }

  // Every n-th index; false if fewer than half of them are found.
  bool find_all(const std::vector<Print>& wanted, size_t step) {
    picks_.clear();
    size_t found = 0;
    uint32_t expected = 0;
    const auto last = static_cast<uint32_t>(in_base_.size() - 1);
    for (size_t i = 0; i < wanted.size(); i += step) {
      uint32_t pick = find(wanted[i], expected);
      found += pick != kUnknown ? 1 : 0;
      if (pick == kUnknown) pick = std::min(expected, last);
      picks_.push_back(pick);
      expected = pick + 1;
    }
    return found * 2 > picks_.size();
  }

  uint32_t find(const Print& print, uint32_t expected) const {
    if (expected < in_base_.size() && in_base_[expected].digest == print.digest)
      return expected;
    const auto equal = std::ranges::lower_bound(by_digest_, print.digest, {},
                                                [this](uint32_t i) { return digest(i); });
    if (equal != by_digest_.end() && digest(*equal) == print.digest) return *equal;
    return may_compare() ? nearest(print, expected) : kUnknown;
  }

  uint64_t digest(uint32_t index) const { return in_base_[index].digest; }

  bool may_compare() const {
    constexpr uint64_t kComparedEach = 16;  // element of the tensor
    return samples_.size() == kSamples &&
           axis_.length * axis_.base_length / kComparedEach <= elements_;
  }

  uint32_t nearest(const Print& print, uint32_t expected) const {
    const auto differing = [&](size_t i) {
      return std::popcount(in_base_[i].signs ^ print.signs);
    };
    int least = kMostDiffering + 1;
    uint32_t best = kUnknown;
    if (expected < in_base_.size() && differing(expected) < least) {
      best = expected;
      least = differing(expected);
    }
    for (uint32_t i = 0; i < in_base_.size(); ++i) {
      if (differing(i) >= least) continue;
      best = i;
      least = differing(i);
    }
    return best;
  }

  const AxisPair& pair_;
  const MatchedAxis& axis_;
  const bool is_slowest_;
  const size_t width_;
  const Signs signs_;
  uint64_t stride_ = 1;  // of the axis, in elements
  uint64_t base_stride_ = 1;
  uint64_t others_ = 1;    // elements for each index
  uint64_t elements_ = 1;  // of the tensor
  std::vector<uint64_t> samples_;
  std::vector<uint64_t> base_samples_;
  std::vector<Print> in_base_;
  std::vector<uint32_t> by_digest_;  // indices, of equal ones the first first
  std::vector<uint32_t> picks_;
};

}  // namespace

std::optional<std::vector<uint32_t>> match_axis(const AxisPair& pair, size_t which) {
  return AxisMatcher(pair, which).run();
}

}  // namespace mallorn::delta
