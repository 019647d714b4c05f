#include "mallorn-apply/chunk_order.hpp"

#include <algorithm>
#include <cstdint>

namespace mallorn::apply {
namespace {

constexpr uint64_t kEdgesEach = 16;        // on the average
constexpr uint64_t kEdgesFree = 1u << 20;  // beside these
constexpr uint64_t kStepsEach = 64;        // of searches for circles, on the average

struct Write {
  ByteRange range;
  uint32_t unit;
};

// Rows of numbers, one for each unit.
struct Rows {
  std::vector<uint64_t> begin;  // one more than units
  std::vector<uint32_t> values;

  std::span<const uint32_t> operator[](uint32_t row) const {
    return std::span(values).subspan(begin[row], begin[row + 1] - begin[row]);
  }
};

class Ordering {
 public:
  Ordering(std::span<const UnitRanges> units, uint64_t most_edges)
      : units_(units),
        most_edges_(std::min(most_edges, kEdgesFree + kEdgesEach * units.size())) {
    sort_writes();
    find_successors();
    find_predecessors();
  }

  Order run() {
    for (uint32_t unit = 0; unit < units_.size(); ++unit) {
      if (waits_[unit] == 0) order_.units.push_back(unit);
    }
    for (uint32_t next = 0, pending = 0;;) {
      while (next < order_.units.size()) finish(order_.units[next++]);
      while (pending < units_.size() && is_done_[pending] != 0) ++pending;
      if (pending == units_.size()) break;
      stash(choose(pending));
    }
    join_ranges(&order_.stash);
    return std::move(order_);
  }

 private:
  void sort_writes() {
    for (uint32_t unit = 0; unit < units_.size(); ++unit) {
      for (const ByteRange& range : units_[unit].writes) writes_.push_back({range, unit});
    }
    std::sort(writes_.begin(), writes_.end(), [](const Write& a, const Write& b) {
      return a.range.offset < b.range.offset;
    });
  }

  // Calls visit(other, common) for each write by another unit of what `unit` reads.
  template <typename Visit>
  void for_each_conflict(uint32_t unit, Visit visit) const {
    for (const ByteRange& read : units_[unit].reads) {
      auto write = std::upper_bound(
          writes_.begin(), writes_.end(), read.offset,
          [](uint64_t offset, const Write& each) { return offset < each.range.end(); });
      for (; write != writes_.end() && write->range.offset < read.end(); ++write) {
        if (write->unit == unit) continue;
        const uint64_t from = std::max(read.offset, write->range.offset);
        const uint64_t to = std::min(read.end(), write->range.end());
        if (!visit(write->unit, ByteRange{from, to - from})) return;
      }
    }
  }

  // By unit, those that have to come later, since they overwrite what it reads.
  void find_successors() {
    later_.begin.push_back(0);
    costs_.resize(units_.size());
    is_stashed_.resize(units_.size());
    is_done_.resize(units_.size());
    for (uint32_t unit = 0; unit < units_.size(); ++unit) {
      const size_t first = later_.values.size();
      bool is_entangled = false;
      for_each_conflict(unit, [&](uint32_t other, const ByteRange& common) {
        later_.values.push_back(other);
        costs_[unit] += common.length;
        is_entangled = later_.values.size() > most_edges_;
        return !is_entangled;
      });
      if (is_entangled) {
        later_.values.resize(first);
        is_stashed_[unit] = 1;
        const std::span<const ByteRange> reads = units_[unit].reads;
        order_.stash.insert(order_.stash.end(), reads.begin(), reads.end());
      }
      std::sort(later_.values.begin() + static_cast<ptrdiff_t>(first), later_.values.end());
      later_.values.erase(std::unique(later_.values.begin() + static_cast<ptrdiff_t>(first),
                                      later_.values.end()),
                          later_.values.end());
      later_.begin.push_back(later_.values.size());
    }
  }

  void find_predecessors() {
    waits_.resize(units_.size());
    for (const uint32_t other : later_.values) ++waits_[other];
    earlier_.begin.push_back(0);
    for (const uint32_t count : waits_) {
      earlier_.begin.push_back(earlier_.begin.back() + count);
    }
    earlier_.values.resize(later_.values.size());
    std::vector<uint64_t> at(earlier_.begin.begin(), earlier_.begin.end() - 1);
    for (uint32_t unit = 0; unit < units_.size(); ++unit) {
      for (const uint32_t other : later_[unit]) earlier_.values[at[other]++] = unit;
    }
    cursor_ = {earlier_.begin.begin(), earlier_.begin.end() - 1};
    seen_.resize(units_.size());
  }

  // Its successors wait for it no longer.
  void let_go(uint32_t unit) {
    for (const uint32_t other : later_[unit]) {
      if (--waits_[other] == 0) order_.units.push_back(other);
    }
  }

  void finish(uint32_t unit) {
    is_done_[unit] = 1;
    if (is_stashed_[unit] == 0) let_go(unit);
  }

  void stash(uint32_t unit) {
    is_stashed_[unit] = 1;
    for_each_conflict(unit, [&](uint32_t other, const ByteRange& common) {
      if (is_done_[other] == 0) order_.stash.push_back(common);
      return true;
    });
    let_go(unit);
  }

  // A unit that `unit` waits for.
  uint32_t awaited_by(uint32_t unit) {
    uint64_t& at = cursor_[unit];
    for (;; ++at) {
      const uint32_t other = earlier_.values[at];
      if (is_done_[other] == 0 && is_stashed_[other] == 0) return other;
    }
  }

  // Everything that is left waits for something. Whoever goes from one to what it waits for
  // comes back to where they were: of that circle, the unit that is cheapest to stash.
  uint32_t choose(uint32_t pending) {
    ++round_;
    uint32_t at = pending;
    for (; seen_[at] != round_; at = awaited_by(at)) {
      seen_[at] = round_;
      if (++steps_ > kEdgesFree + kStepsEach * units_.size()) return awaited_by(at);
    }
    uint32_t best = at;
    for (uint32_t each = awaited_by(at); each != at; each = awaited_by(each)) {
      if (costs_[each] < costs_[best]) best = each;
    }
    return best;
  }

  std::span<const UnitRanges> units_;
  uint64_t most_edges_;
  std::vector<Write> writes_;  // sorted
  Rows later_;
  Rows earlier_;
  std::vector<uint64_t> cursor_;  // by unit: in its row of earlier_, those before are done
  std::vector<uint64_t> costs_;   // by unit: bytes to be stashed
  std::vector<uint32_t> waits_;   // by unit: for how many
  std::vector<uint8_t> is_stashed_;
  std::vector<uint8_t> is_done_;
  std::vector<uint32_t> seen_;  // by unit: in which round
  uint32_t round_ = 0;
  uint64_t steps_ = 0;
  Order order_;
};

}  // namespace

Order order_units(std::span<const UnitRanges> units, uint64_t most_edges) {
  return Ordering(units, most_edges).run();
}

}  // namespace mallorn::apply
