// NOR flash as it behaves on bad days, with a power supply that fails when told to.
//
// Bits are only cleared, blocks are erased, words are written once. Each word that is
// programmed and each block that is erased is an operation. An operation that is cut short
// leaves words *torn*: such a word reads as old, as new, as blank, differently each time,
// or not at all.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace mallorn::firmware::sim {

struct Geometry {
  uint32_t slot_size;
  uint32_t erase_size;
  uint32_t meta_size;
  uint32_t write_size;
  uint32_t journal_size = 0;  // 0: there are two slots

  uint32_t region_size(uint8_t region) const {
    return region >= 2                        ? meta_size
           : region == 1 && journal_size != 0 ? journal_size
                                              : slot_size;
  }
};

// How an operation ends that the power does not outlast.
enum class Cut : uint8_t {
  before,      // it has done nothing
  flickering,  // words read differently each time
  blank,       // words read as blank, but are not
  complete,    // words read as if it had succeeded, but are not safe to be written again
  unreadable,  // words cannot be read (ECC)
};
constexpr Cut kAllCuts[] = {Cut::before, Cut::flickering, Cut::blank, Cut::complete,
                            Cut::unreadable};

struct PowerCut {};  // thrown

class NorFlash {
 public:
  NorFlash(const Geometry& geometry, uint32_t seed);

  int read(uint8_t region, uint32_t offset, void* to, uint32_t length);
  int erase(uint8_t region, uint32_t offset);
  int program(uint8_t region, uint32_t offset, const void* from, uint32_t length);

  // The power fails in the operation with this number, counted from now on.
  void cut_at(uint64_t operation, Cut cut);
  void cut_never() { cut_operation_ = UINT64_MAX; }
  // An operation of something else than this flash.
  void point() {
    if (is_cut(4)) throw PowerCut();
  }
  // The regions of all operations so far; 4 for those of something else.
  const std::vector<uint8_t>& history() const { return history_; }
  void count_anew() { history_.clear(); }

  // From now on operations on these slots, a bit for each, are violations.
  void protect(unsigned slots) { protected_ = slots; }
  uint64_t slot_operations() const { return slot_operations_; }

  // This bit of every word of a region cannot be cleared.
  void stick(uint8_t region) { stuck_region_ = region; }

  // Puts bytes into a slot, as the factory does.
  void fill(uint8_t region, const std::vector<uint8_t>& bytes);
  // What is surely in a region; empty if it has torn words there.
  std::vector<uint8_t> contents(uint8_t region, uint32_t length) const;
  void damage(uint8_t region, uint32_t offset) { regions_[region].bytes[offset] ^= 1; }

  // What has been done that flash does not stand; empty: nothing.
  const std::string& violation() const { return violation_; }

 private:
  enum class Word : uint8_t {
    blank,
    written,
    flickering,  // from here on: torn
    torn_blank,
    torn_complete,
    unreadable
  };
  struct Region {
    std::vector<uint8_t> bytes;   // what words read as, or flicker towards
    std::vector<uint8_t> before;  // of words that flicker: what was there
    std::vector<Word> words;
  };

  bool is_cut(uint8_t region);
  void read_torn(const Region& from, uint32_t word, uint32_t offset, uint8_t* bytes,
                 uint32_t length);
  void tear(Region& region, uint32_t word, const uint8_t* becomes);
  void violate(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }
  bool check(uint8_t region, uint32_t offset, uint32_t length, uint32_t unit);

  Geometry geometry_;
  Region regions_[4];
  std::minstd_rand random_;  // small: devices are copied
  std::vector<uint8_t> history_;
  uint64_t slot_operations_ = 0;
  uint64_t cut_operation_ = UINT64_MAX;
  Cut cut_ = Cut::before;
  unsigned protected_ = 0;
  uint8_t stuck_region_ = 4;
  std::string violation_;
};

}  // namespace mallorn::firmware::sim
