#include "firmware/sim/nor_flash.hpp"

#include <algorithm>

namespace mallorn::firmware::sim {

NorFlash::NorFlash(const Geometry& geometry, uint32_t seed)
    : geometry_(geometry), random_(seed) {
  for (uint8_t i = 0; i < 4; ++i) {
    const uint32_t size = geometry.region_size(i);
    regions_[i].bytes.assign(size, 0xFF);
    regions_[i].before.assign(size, 0xFF);
    regions_[i].words.assign(size / geometry.write_size, Word::blank);
  }
}

void NorFlash::fill(uint8_t region, const std::vector<uint8_t>& bytes) {
  std::copy(bytes.begin(), bytes.end(), regions_[region].bytes.begin());
  std::fill(regions_[region].words.begin(), regions_[region].words.end(), Word::written);
}

std::vector<uint8_t> NorFlash::contents(uint8_t region, uint32_t length) const {
  const Region& from = regions_[region];
  for (uint32_t at = 0; at < length; at += geometry_.write_size) {
    const Word word = from.words[at / geometry_.write_size];
    if (word != Word::blank && word != Word::written) return {};
  }
  return {from.bytes.begin(), from.bytes.begin() + length};
}

void NorFlash::cut_at(uint64_t operation, Cut cut) {
  cut_operation_ = history_.size() + operation;
  cut_ = cut;
}

bool NorFlash::is_cut(uint8_t region) {
  history_.push_back(region);
  return history_.size() - 1 == cut_operation_;
}

bool NorFlash::check(uint8_t region, uint32_t offset, uint32_t length, uint32_t unit) {
  const uint32_t size =
      region < 4 ? static_cast<uint32_t>(regions_[region].bytes.size()) : 0;
  if (offset > size || length > size - offset) {
    violate("beyond a region");
  } else if (offset % unit != 0 || length % unit != 0) {
    violate("not aligned");
  } else if ((protected_ >> region & 1) != 0) {
    violate("the slot in use is written");
  }
  slot_operations_ += region < 2 ? 1 : 0;
  return violation_.empty();
}

int NorFlash::read(uint8_t region, uint32_t offset, void* to, uint32_t length) {
  const Region& from = regions_[region];
  if (offset > from.bytes.size() || length > from.bytes.size() - offset) {
    violate("a read beyond a region");
    return -1;
  }
  auto* bytes = static_cast<uint8_t*>(to);
  std::copy_n(from.bytes.begin() + offset, length, bytes);
  const uint32_t unit = geometry_.write_size;
  for (uint32_t word = offset / unit; word * unit < offset + length; ++word) {
    if (from.words[word] <= Word::written) continue;
    if (from.words[word] == Word::unreadable) return -1;
    const uint32_t begin = std::max(offset, word * unit);
    const uint32_t end = std::min(offset + length, (word + 1) * unit);
    read_torn(from, word, begin, bytes + (begin - offset), end - begin);
  }
  return 0;
}

void NorFlash::read_torn(const Region& from, uint32_t word, uint32_t offset, uint8_t* bytes,
                         uint32_t length) {
  if (from.words[word] == Word::torn_blank) std::fill_n(bytes, length, uint8_t{0xFF});
  if (from.words[word] != Word::flickering) return;
  const auto reads_as = random_() % 3;  // as it would have become, as it was, between
  if (reads_as == 0) return;
  for (uint32_t i = 0; i < length; ++i) {
    const auto mask = static_cast<uint8_t>(reads_as == 1 ? 0 : random_());
    bytes[i] = static_cast<uint8_t>((bytes[i] & mask) | (from.before[offset + i] & ~mask));
  }
}

// `becomes` is what the word would have been.
void NorFlash::tear(Region& region, uint32_t word, const uint8_t* becomes) {
  if (cut_ == Cut::before) return;
  constexpr Word kTorn[] = {Word::blank, Word::flickering, Word::torn_blank,
                            Word::torn_complete, Word::unreadable};
  region.words[word] = kTorn[static_cast<size_t>(cut_)];
  const uint32_t at = word * geometry_.write_size;
  for (uint32_t i = at; i < at + geometry_.write_size; ++i) {
    region.before[i] = region.bytes[i];
    region.bytes[i] = becomes[i - at];
  }
}

int NorFlash::program(uint8_t region, uint32_t offset, const void* from, uint32_t length) {
  if (length > 128) violate("more than a page is written");
  if (!check(region, offset, length, geometry_.write_size)) return -1;
  Region& into = regions_[region];
  const auto* bytes = static_cast<const uint8_t*>(from);
  for (uint32_t at = 0; at < length; at += geometry_.write_size) {
    const uint32_t word = (offset + at) / geometry_.write_size;
    if (into.words[word] != Word::blank) {
      violate("a word is written twice");
      return -1;
    }
    if (is_cut(region)) {
      tear(into, word, bytes + at);
      throw PowerCut();
    }
    into.words[word] = Word::written;
    for (uint32_t i = 0; i < geometry_.write_size; ++i) {
      into.bytes[offset + at + i] = bytes[at + i];
      if (region == stuck_region_) into.bytes[offset + at + i] |= 0x10;
    }
  }
  return 0;
}

// An erase that is cut short has come so far with some words, and not begun with the
// others; or it has touched all.
int NorFlash::erase(uint8_t region, uint32_t offset) {
  const uint32_t size = region < 2 ? geometry_.erase_size : geometry_.meta_size;
  if (!check(region, offset, size, size)) return -1;
  Region& into = regions_[region];
  const uint32_t first = offset / geometry_.write_size;
  const uint32_t count = size / geometry_.write_size;
  const std::vector<uint8_t> ones(geometry_.write_size, 0xFF);
  if (is_cut(region)) {
    const auto part = random_() % 3;  // the first words, the last ones, all
    const auto middle = static_cast<uint32_t>(random_() % count);
    const uint32_t begin = part == 1 ? middle : 0;
    const uint32_t end = part == 0 ? middle + 1 : count;
    for (uint32_t i = begin; i < end; ++i) tear(into, first + i, ones.data());
    throw PowerCut();
  }
  std::fill_n(into.words.begin() + first, count, Word::blank);
  std::fill_n(into.bytes.begin() + offset, size, uint8_t{0xFF});
  return 0;
}

}  // namespace mallorn::firmware::sim
