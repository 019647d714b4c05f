// Equal ranges of a result that no parser understood: nothing says where its tensors are.
#include <algorithm>
#include <bit>
#include <vector>

#include "libcommon/passed_pages.hpp"
#include "mallorn-delta/byte_index.hpp"
#include "mallorn-delta/twins.hpp"

namespace mallorn::delta {
namespace {

constexpr uint64_t kLeastLength = 4096;  // of a twin: more is left out at its ends
constexpr uint64_t kMostMarks = 1u << 19;
constexpr unsigned kLeastShift = 7;  // of so many places, as a power of two, one is a mark
constexpr uint64_t kWord = sizeof(uint64_t);

// Marks are places whose next bytes have a hash that few have: where bytes are equal, so
// are marks, whatever is around them.
class ByteTwinFinder {
 public:
  ByteTwinFinder(const Model& result, uint64_t searched_bytes)
      : result_(result), bytes_(result.bytes()) {
    while (searched_bytes >> shift_ > kMostMarks) ++shift_;
    slot_bits_ = static_cast<unsigned>(std::bit_width(2 * (searched_bytes >> shift_) + 1));
    slots_.assign(size_t{1} << slot_bits_, 0);
  }

  void search(const ByteRange& range) {
    constexpr uint64_t kPiece = 1u << 20;
    PassedPages passed(result_.bytes(), range.offset);
    const uint64_t end = range.offset + range.length;
    for (uint64_t at = std::max(range.offset, done()); at + kWord <= end;) {
      at = search_piece(at, std::min(end - kWord + 1, at + kPiece));
      passed.advance_to(at);
    }
  }

  std::vector<Twin> take() { return std::move(twins_); }

 private:
  uint64_t search_piece(uint64_t at, uint64_t end) {
    while (at < end) {
      const auto word = load_le<uint64_t>(bytes_.data() + at);
      const uint64_t hash = word * 0x9E3779B97F4A7C15ull;
      const bool is_mark = hash >> (64 - shift_) == 0 && std::rotl(word, 32) != word;
      at = is_mark ? next_after(at, hash << shift_ >> (64 - slot_bits_)) : at + 1;
    }
    return at;
  }

  // Where to go on from a mark: behind the twin that it leads to, if it does.
  uint64_t next_after(uint64_t at, uint64_t slot) {
    uint64_t& first = slots_[static_cast<size_t>(slot)];
    if (first == 0) {
      first = at + 1;
      return at + 1;
    }
    const Twin twin = around(first - 1, at);
    if (twin.length < kLeastLength) return at + 1;
    twins_.push_back(twin);
    return end_of(twin);
  }

  // What is equal around two places, of which the first is before the other: ranges that
  // touch neither each other nor the other of twins before.
  Twin around(uint64_t first, uint64_t at) const {
    const auto behind = std::ranges::upper_bound(twins_, first, {}, &Twin::offset);
    const uint64_t high = behind == twins_.end() ? at : behind->offset;
    const uint64_t low = behind == twins_.begin() ? 0 : end_of(*std::prev(behind));
    const auto from = static_cast<size_t>(first);
    const auto other = static_cast<size_t>(at);
    const uint64_t length = common_length(
        bytes_.subspan(from, static_cast<size_t>(high - first)), bytes_.subspan(other));
    const uint64_t most = std::min({first - low, at - done(), at - first - length});
    uint64_t before = 0;
    while (before < most && bytes_[from - before - 1] == bytes_[other - before - 1]) {
      ++before;
    }
    return {first - before, at - before, length + before};
  }

  // Where the last twin ends.
  uint64_t done() const { return twins_.empty() ? 0 : end_of(twins_.back()); }

  static uint64_t end_of(const Twin& twin) { return twin.offset + twin.length; }

  const Model& result_;
  const ByteView bytes_;
  unsigned shift_ = kLeastShift;
  unsigned slot_bits_ = 0;
  std::vector<uint64_t> slots_;  // 1 + offset of the first mark; 0: none
  std::vector<Twin> twins_;
};

}  // namespace

std::vector<Twin> find_byte_twins(const Model& result,
                                  const std::vector<ByteRange>& searched) {
  uint64_t length = 0;
  for (const ByteRange& range : searched) length += range.length;
  if (length < kLeastLength) return {};
  ByteTwinFinder finder(result, length);
  for (const ByteRange& range : searched) finder.search(range);
  return finder.take();
}

}  // namespace mallorn::delta
