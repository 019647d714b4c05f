#include "mallorn-delta/match.hpp"

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>

#include "libcommon/core/lane_conversion.hpp"
#include "mallorn-delta/shape_key.hpp"

namespace mallorn::delta {
namespace {

// Ranges worth matching as tensors; the rest is coded as bytes between them.
bool is_tensor(const Range& range) {
  return range.length_bytes > 0 &&
         (range.kind == RangeKind::tensor || is_channel_vector(range));
}

bool has_content(const Range& range) { return range.kind == RangeKind::tensor; }

// How many candidates are looked at where many are alike: any of them serves, and a crafted
// model must not make this quadratic.
constexpr size_t kMaxTried = 16;

class Matcher {
 public:
  Matcher(const Manifest& base, const Manifest& result, const Contents& contents,
          const Distance& distance)
      : base_(base),
        result_(result),
        contents_(contents),
        distance_(distance),
        matches_(result.ranges.size()),
        used_(base.ranges.size()) {
    for (size_t i = 0; i < base.ranges.size(); ++i) {
      if (!is_tensor(base.ranges[i])) continue;
      if (has_content(base.ranges[i])) by_content_[contents.base[i]].push_back(i);
      for (const std::string& name : base.ranges[i].names)
        by_name_[name].ranges.push_back(i);
    }
  }

  std::vector<TensorMatch> run() {
    for_each_unmatched([this](size_t i) {
      if (has_content(result_.ranges[i])) match_bytes(i);
    });
    for_each_unmatched([this](size_t i) {
      match_name(i,
                 [](const Range& from, const Range& to) { return from.dtype == to.dtype; });
    });
    for_each_unmatched([this](size_t i) {
      match_name(i, [this](const Range& from, const Range& to) {
        return may_become(from, to) && distance_(from, to);
      });
    });
    match_contents(
        [](const Range& range) {
          return ContentKey{range.dtype, range.role, range.length_bytes};
        },
        [](const Range&, const Range&) { return true; });
    match_contents(
        [](const Range& range) {
          return ContentKey{Dtype::opaque, range.role, elements_of(range)};
        },
        may_become);
    match_shapes();
    return std::move(matches_);
  }

 private:
  // Ranges of the base that share a name; those before `unused` are all taken.
  struct Named {
    std::vector<size_t> ranges;
    size_t unused = 0;
  };

  // What tensors have in common that may resemble each other.
  using ContentKey = std::tuple<Dtype, std::string, uint64_t>;

  static uint64_t elements_of(const Range& range) {
    const DtypeLayout& layout = dtype_layout(range.dtype);
    return range.length_bytes / layout.block_bytes * layout.block_elements;
  }

  static bool may_become(const Range& from, const Range& to) {
    const Conversion conversion = {from.dtype, Rounding::nearest};
    return can_convert(conversion, to.dtype) || has_lanes(conversion, to.dtype) ||
           has_weights(conversion, to.dtype);
  }

  template <typename Visit>
  void for_each_unmatched(Visit visit) {
    for (size_t i = 0; i < result_.ranges.size(); ++i) {
      if (is_tensor(result_.ranges[i]) && matches_[i].kind == MatchKind::none) visit(i);
    }
  }

  void take(size_t i, MatchKind kind, size_t base_range) {
    matches_[i] = {kind, base_range};
    used_[base_range] = true;
  }

  // Looks at the first few names of each: shared buffers may have thousands.
  static bool share_name(const Range& a, const Range& b) {
    for (size_t i = 0; i < std::min(a.names.size(), kMaxTried); ++i) {
      for (size_t j = 0; j < std::min(b.names.size(), kMaxTried); ++j) {
        if (a.names[i] == b.names[j]) return true;
      }
    }
    return false;
  }

  // Of several tensors with these bytes: one that shares a name, else the first not yet
  // used.
  void match_bytes(size_t i) {
    const Range& range = result_.ranges[i];
    const auto found = by_content_.find(contents_.result[i]);
    if (found == by_content_.end()) return;
    size_t best = found->second.front();
    size_t tried = 0;
    for (const size_t candidate : found->second) {
      if (++tried > kMaxTried) break;
      if (used_[best] && !used_[candidate]) best = candidate;
      if (share_name(range, base_.ranges[candidate])) {
        best = candidate;
        break;
      }
    }
    take(i, MatchKind::equal, best);
  }

  template <typename Fits>
  void match_name(size_t i, Fits fits) {
    const Range& range = result_.ranges[i];
    for (const std::string& name : range.names) {
      const auto found = by_name_.find(name);
      if (found == by_name_.end()) continue;
      Named& named = found->second;
      while (named.unused < named.ranges.size() && used_[named.ranges[named.unused]]) {
        ++named.unused;
      }
      const size_t end = std::min(named.ranges.size(), named.unused + kMaxTried);
      for (size_t at = named.unused; at < end; ++at) {
        const size_t candidate = named.ranges[at];
        const Range& base = base_.ranges[candidate];
        if (used_[candidate] || base.role != range.role || !fits(base, range)) continue;
        take(i, MatchKind::name, candidate);
        return;
      }
    }
  }

  // Exporters rename tensors and put them in another order. Those of the same shape are
  // looked at first, in file order: mostly the first of them is the one.
  template <typename KeyOf, typename Fits>
  void match_contents(KeyOf key, Fits fits) {
    std::map<ContentKey, std::deque<size_t>> free;
    for (size_t i = 0; i < base_.ranges.size(); ++i) {
      if (is_tensor(base_.ranges[i]) && !used_[i]) free[key(base_.ranges[i])].push_back(i);
    }
    for_each_unmatched([&](size_t i) {
      const auto found = free.find(key(result_.ranges[i]));
      if (found == free.end()) return;
      const auto nearest = find_nearest(result_.ranges[i], found->second, fits);
      if (!nearest) return;
      take(i, MatchKind::content, *nearest);
      found->second.erase(std::ranges::find(found->second, *nearest));  // near the front
    });
  }

  template <typename Fits>
  std::optional<size_t> find_nearest(const Range& range,
                                     const std::deque<size_t>& candidates,
                                     Fits fits) const {
    constexpr size_t kMaxSeen = 256;
    const size_t seen = std::min(candidates.size(), kMaxSeen);
    std::vector<size_t> order;
    std::copy_if(candidates.begin(), candidates.begin() + static_cast<ptrdiff_t>(seen),
                 std::back_inserter(order),
                 [&](size_t candidate) { return fits(base_.ranges[candidate], range); });
    std::stable_partition(order.begin(), order.end(), [&](size_t candidate) {
      return base_.ranges[candidate].shape == range.shape;
    });
    order.resize(std::min(order.size(), kMaxTried));
    std::optional<size_t> nearest;
    uint64_t least = UINT64_MAX;
    for (const size_t candidate : order) {
      const auto distance = distance_(base_.ranges[candidate], range);
      if (!distance || *distance >= least) continue;
      least = *distance;
      nearest = candidate;
    }
    return nearest;
  }

  void match_shapes() {
    using Key = std::tuple<Dtype, std::string, ShapeKey, uint64_t>;
    const auto key = [](const Range& range) {
      return Key{range.dtype, range.role, ShapeKey{range.shape}, range.length_bytes};
    };
    std::map<Key, std::deque<size_t>> free;
    for (size_t i = 0; i < base_.ranges.size(); ++i) {
      if (is_tensor(base_.ranges[i]) && !used_[i]) free[key(base_.ranges[i])].push_back(i);
    }
    for_each_unmatched([&](size_t i) {
      const auto found = free.find(key(result_.ranges[i]));
      if (found == free.end() || found->second.empty()) return;
      take(i, MatchKind::shape, found->second.front());
      found->second.pop_front();
    });
  }

  const Manifest& base_;
  const Manifest& result_;
  const Contents& contents_;
  const Distance& distance_;
  std::vector<TensorMatch> matches_;
  std::vector<bool> used_;
  std::unordered_map<size_t, std::vector<size_t>> by_content_;
  std::unordered_map<std::string, Named> by_name_;
};

}  // namespace

std::vector<TensorMatch> match_tensors(const Manifest& base, const Manifest& result,
                                       const Contents& contents, const Distance& distance) {
  return Matcher(base, result, contents, distance).run();
}

const char* match_name(MatchKind kind) {
  switch (kind) {
    case MatchKind::none:
      return "-";
    case MatchKind::equal:
      return "equal";
    case MatchKind::name:
      return "name";
    case MatchKind::content:
      return "content";
    case MatchKind::shape:
      return "shape";
    case MatchKind::parts:
      return "parts";
  }
  return "-";
}

}  // namespace mallorn::delta
