// Byte-level matching: covers a range of the result with copies of the base and with bytes
// that are coded beside what the base has there.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "mallorn-delta/byte_index.hpp"

namespace mallorn::delta {

struct Segment {
  bool is_copy = false;
  bool has_base = false;     // false: nothing in the base resembles these bytes
  uint64_t base_offset = 0;  // where the segment starts in the base
  uint64_t length = 0;
};

// Runs at least this long are copied; shorter ones cost less as well-predicted bytes.
constexpr uint64_t kMinCopy = 160;

// How many searches may still be thorough, of all that is matched. Names and tables of a
// model are short; of a long text that resembles the base here and there, nobody would wait
// for the best of each word, and it would be worth less than what it takes to say where.
struct SearchBudget {
  uint64_t thorough = 1u << 16;
  size_t segments = SIZE_MAX;  // that may be made of one range
};

// Segments that tile `result`, in order; none if more would be needed than the budget has.
// `expected` is where in the base the range probably continues (the end of what was used
// before it). Linear in the size of `result`, once the budget is spent.
std::vector<Segment> match_bytes(ByteView base, ByteIndex& index, ByteView result,
                                 uint64_t expected, SearchBudget* budget);

}  // namespace mallorn::delta
