#include "mallorn-pack/token_section.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "libcommon/log2.hpp"

namespace mallorn::pack {

uint64_t TokenStreams::cost() {
  uint64_t bits = raw.bits();
  for (TokenList& list : lists) bits += list.cost();
  return bits;
}

void TokenSection::set_groups(uint32_t shift) {
  shift_ = shift;
  const uint32_t group = least_group(type_.kind) << shift;
  group_log2_ = static_cast<uint32_t>(std::countr_zero(group));
  levels_.assign((elements_ + group - 1) / group, 0);
}

void TokenSection::choose_groups() {
  constexpr uint32_t kLargeShift = 2;
  set_groups(0);
  size_t equal = 0;
  equal_.resize(groups());
  for (size_t group = 0; group < groups(); ++group) {
    const size_t begin = group_begin(group);
    equal_[group] =
        std::memcmp(base_at(begin), result_at(begin), group_size(group) * type_.bytes) == 0
            ? 1
            : 0;
    equal += equal_[group];
  }
  const bool is_sparse = equal > groups() / 2;
  const bool is_large = type_.kind == TokenKind::blocks && type_.bytes > 64;
  if (!is_sparse && !is_large) set_groups(kLargeShift);
}

bool TokenSection::is_equal(size_t group) const {
  const size_t begin = group << shift_;
  const size_t end = std::min(begin + (size_t{1} << shift_), equal_.size());
  size_t equal = 0;
  for (size_t i = begin; i < end; ++i) equal += equal_[i];
  return equal == end - begin;
}

void TokenSection::choose_levels(const std::vector<uint64_t>& moves, int32_t usual,
                                 int32_t most) {
  uint64_t all = 0;
  for (const uint64_t each : moves) all += each;
  const auto average = static_cast<int64_t>(log2_1024(std::max<uint64_t>(all, 1))) -
                       static_cast<int64_t>(log2_1024(elements_));
  for (size_t group = 0; group < groups(); ++group) {
    if (is_equal(group)) continue;
    const auto mine = static_cast<int64_t>(log2_1024(std::max<uint64_t>(moves[group], 1))) -
                      static_cast<int64_t>(log2_1024(group_size(group)));
    const auto above = static_cast<int32_t>((mine - average + 512) >> 10);
    levels_[group] = static_cast<uint8_t>(std::clamp(usual + above, 1, most));
  }
}

size_t TokenSection::group_size(size_t group) const {
  return std::min<size_t>(elements_ - group_begin(group), size_t{1} << group_log2_);
}

uint32_t TokenSection::common_level() const {
  const bool is_common = std::all_of(levels_.begin(), levels_.end(),
                                     [&](uint8_t level) { return level == levels_[0]; });
  return is_common ? levels_[0] : 0;
}

void TokenSection::add_levels(TokenStreams* streams) const {
  if (common_level() != 0) return;
  TokenList& list = streams->begin(kLevelStream, levels_.size());
  for (const uint8_t level : levels_) list.add(0, level);
}

size_t TokenSection::moved_elements() const {
  size_t count = 0;
  for (size_t group = 0; group < groups(); ++group) {
    if (levels_[group] != 0) count += group_size(group);
  }
  return count;
}

}  // namespace mallorn::pack
