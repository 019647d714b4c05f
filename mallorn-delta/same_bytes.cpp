#include "mallorn-delta/same_bytes.hpp"

#include <algorithm>
#include <cstring>

#include "libcommon/passed_pages.hpp"

namespace mallorn::delta {

bool has_same_bytes(const Model& one, uint64_t begin, const Model& other,
                    uint64_t other_begin, uint64_t length) {
  constexpr uint64_t kPiece = 1u << 16;
  PassedPages passed(one.bytes(), begin);
  PassedPages passed_other(other.bytes(), other_begin);
  for (uint64_t done = 0; done < length;) {
    const uint64_t piece = std::min(kPiece, length - done);
    if (memcmp(one.bytes().data() + begin + done, other.bytes().data() + other_begin + done,
               static_cast<size_t>(piece)) != 0) {
      return false;
    }
    done += piece;
    passed.advance_to(begin + done);
    passed_other.advance_to(other_begin + done);
  }
  return true;
}

}  // namespace mallorn::delta
