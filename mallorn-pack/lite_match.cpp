#include "mallorn-pack/lite_match.hpp"

#include <algorithm>

#include "mallorn-pack/lite_in_place.hpp"

namespace mallorn::pack {
namespace {

constexpr uint32_t kHashBits = 16;
constexpr size_t kAnchor = 4;  // bytes that must agree for a place to be considered
constexpr int kMaxChain = 64;
constexpr uint32_t kWayHashBits = 10;

// Roughly what the steps cost, in 1/16 bit.
constexpr uint32_t kLiteralCost = 104;
constexpr uint32_t kHitCost = 1;
constexpr uint32_t kMissCost = 120;
constexpr uint32_t kStepCost = 450;
constexpr uint32_t kNever = 1u << 28;
// Equal bytes that are worth a copy of their own.
constexpr uint32_t kLeastCopy = 2000;

uint32_t anchor_hash(const uint8_t* bytes) {
  uint64_t key = 0;
  for (size_t i = 0; i < kAnchor; ++i) key = key << 8 | bytes[i];
  return static_cast<uint32_t>(key * 0x9E3779B97F4A7C15u >> (64 - kHashBits));
}

}  // namespace

uint32_t LiteMatcher::way_hash(const Way& way) {
  const uint64_t key = static_cast<uint64_t>(way.offset) * 4 + (way.is_own ? 2 : 0) +
                       (way.is_literal ? 1 : 0);
  return static_cast<uint32_t>(key * 0x9E3779B97F4A7C15u >> (64 - kWayHashBits));
}

void LiteMatcher::Index::add(ByteView bytes, size_t place) {
  uint32_t& head = heads[anchor_hash(bytes.data() + place)];
  chain[place] = head;
  head = static_cast<uint32_t>(place) + 1;
}

LiteMatcher::LiteMatcher(ByteView base, const std::vector<bool>& known, ByteView result,
                         const InPlace& in_place)
    : base_(base), known_(known), result_(result), in_place_(in_place) {
  in_base_ = {std::vector<uint32_t>(1u << kHashBits), std::vector<uint32_t>(base.size())};
  in_result_ = {std::vector<uint32_t>(1u << kHashBits),
                std::vector<uint32_t>(result.size())};
  for (size_t i = 0; i + kAnchor <= base.size(); ++i) {
    if (known[i] && known[i + kAnchor - 1]) in_base_.add(base, i);
  }
}

LiteMatcher::Byte LiteMatcher::look(const Way& way, uint32_t at) const {
  const int64_t place = at + way.offset;
  if (way.is_own) {
    if (place < 0) return Byte::missing;
    return result_[static_cast<size_t>(place)] == result_[at] ? Byte::equal : Byte::other;
  }
  if (place < first_in_base(at, in_place_) || place >= static_cast<int64_t>(base_.size()) ||
      !known_[static_cast<size_t>(place)]) {
    return Byte::missing;
  }
  return base_[static_cast<size_t>(place)] == result_[at] ? Byte::equal : Byte::other;
}

// Ways by which the next few bytes agree.
void LiteMatcher::find_ways(uint32_t at, std::vector<Way>* ways) const {
  if (at + kAnchor > result_.size()) return;
  const auto find = [&](const Index& index, ByteView bytes, bool is_own) {
    uint32_t place = index.heads[anchor_hash(result_.data() + at)];
    for (int n = 0; place != 0 && n < kMaxChain; ++n, place = index.chain[place - 1]) {
      if (memcmp(bytes.data() + place - 1, result_.data() + at, kAnchor) != 0) continue;
      ways->push_back({false, is_own, int64_t{place} - 1 - int64_t{at}});
    }
  };
  find(in_base_, base_, false);
  find(in_result_, result_, true);
}

LiteMatcher::Path* LiteMatcher::find_path(const Way& way) {
  for (uint32_t i = path_heads_[way_hash(way)]; i != 0; i = paths_[i - 1].next) {
    if (paths_[i - 1].way == way) return &paths_[i - 1];
  }
  return nullptr;
}

void LiteMatcher::link_path(size_t i) {
  uint32_t& head = path_heads_[way_hash(paths_[i].way)];
  paths_[i].next = head;
  head = static_cast<uint32_t>(i) + 1;
}

// Runs by those `ways` that have the byte and are not under way for less.
void LiteMatcher::start_runs(uint32_t at, const std::vector<Way>& ways, uint32_t cost,
                             uint32_t before) {
  for (const Way& way : ways) {
    if (!way.is_literal && look(way, at) != Byte::equal) continue;
    Path* const same = find_path(way);
    if (same != nullptr && same->cost <= cost) continue;
    const auto run = static_cast<uint32_t>(runs_.size());
    runs_.push_back({way, at, before});
    if (same != nullptr) {
      same->run = run;
      same->cost = cost;
    } else {
      paths_.push_back({run, cost, way, 0});
      link_path(paths_.size() - 1);
    }
  }
}

// By one byte. What costs so much more than the best that it could begin anew is dropped.
void LiteMatcher::extend_paths(uint32_t at) {
  uint32_t least = UINT32_MAX;
  for (Path& path : paths_) {
    const Way& way = path.way;
    const Byte byte = way.is_literal ? Byte::other : look(way, at);
    path.cost += way.is_literal        ? kLiteralCost
                 : byte == Byte::equal ? kHitCost
                 : byte == Byte::other ? kMissCost
                                       : kNever;
    least = std::min(least, path.cost);
  }
  const size_t dropped = std::erase_if(
      paths_, [&](const Path& path) { return path.cost > least + kStepCost; });
  for (Path& path : paths_) path.cost -= least;  // only differences count
  if (dropped == 0) return;
  std::ranges::fill(path_heads_, 0);
  for (size_t i = 0; i < paths_.size(); ++i) link_path(i);
}

// The cheapest runs that make a range.
std::vector<LiteMatcher::Run> LiteMatcher::choose(uint32_t begin, uint32_t end,
                                                  const std::vector<Way>& given) {
  const auto by_cost = [](const Path& a, const Path& b) { return a.cost < b.cost; };
  runs_.clear();
  paths_.clear();
  path_heads_.assign(1u << kWayHashBits, 0);
  std::vector<Way> ways;
  for (uint32_t at = begin; at < end; ++at) {
    for (; indexed_ < at && indexed_ + kAnchor <= result_.size(); ++indexed_) {
      in_result_.add(result_, indexed_);
    }
    ways = given;
    find_ways(at, &ways);
    const auto best = std::min_element(paths_.begin(), paths_.end(), by_cost);
    const bool is_first = best == paths_.end();
    start_runs(at, ways, is_first ? 0 : best->cost + kStepCost, is_first ? 0 : best->run);
    extend_paths(at);
  }
  std::vector<Run> chosen;
  uint32_t run = std::min_element(paths_.begin(), paths_.end(), by_cost)->run;
  chosen.push_back(runs_[run]);
  while (runs_[run].begin != begin) chosen.push_back(runs_[run = runs_[run].before]);
  std::reverse(chosen.begin(), chosen.end());
  return chosen;
}

// Long runs of equal bytes are copies, as is what has no others.
void LiteMatcher::add_run(uint32_t begin, uint32_t end, const Way& way,
                          std::vector<LitePiece>* pieces) const {
  const auto add = [&](uint32_t from, uint32_t to, LiteContent content) {
    if (from == to) return;
    LitePiece piece;
    piece.content = content;
    piece.begin = from;
    piece.length = to - from;
    piece.has_base = true;
    piece.is_own = way.is_own;
    piece.base_offset = static_cast<uint32_t>(from + way.offset);
    pieces->push_back(piece);
  };
  uint32_t pending = begin;
  for (uint32_t at = begin; at < end;) {
    uint32_t stop = at;
    while (stop < end && look(way, stop) == Byte::equal) ++stop;
    if (stop - at >= kLeastCopy || (at == begin && stop == end)) {
      add(pending, at, LiteContent::changed);
      add(at, stop, LiteContent::copy);
      pending = stop;
    }
    at = std::max(stop, at + 1);
  }
  add(pending, end, LiteContent::changed);
}

std::vector<LitePiece> LiteMatcher::cut(uint32_t begin, uint32_t length,
                                        const std::vector<int64_t>& offsets) {
  std::vector<Way> given = {{}};
  for (const int64_t offset : offsets) given.push_back({false, false, offset});
  const uint32_t end = begin + length;
  const std::vector<Run> runs = choose(begin, end, given);
  std::vector<LitePiece> pieces;
  for (size_t i = 0; i < runs.size(); ++i) {
    const uint32_t run_end = i + 1 < runs.size() ? runs[i + 1].begin : end;
    if (!runs[i].way.is_literal) {
      add_run(runs[i].begin, run_end, runs[i].way, &pieces);
      continue;
    }
    LitePiece piece;
    piece.begin = runs[i].begin;
    piece.length = run_end - runs[i].begin;
    pieces.push_back(piece);
  }
  return pieces;
}

}  // namespace mallorn::pack
