// Bytes that come in pieces, joined. Pieces that lie one behind the other, as those of one
// tensor do where the model is mapped, are not copied.
#pragma once

#include <algorithm>
#include <vector>

#include "libcommon/core/bytes.hpp"

namespace mallorn::pack {

class JoinedBytes {
 public:
  // `piece` outlives this.
  void add(ByteView piece) {
    if (piece.empty()) return;
    if (empty()) {
      view_ = piece;
    } else if (owned_.empty() && view_.data() + view_.size() == piece.data()) {
      view_ = {view_.data(), view_.size() + piece.size()};
    } else {
      std::ranges::copy(piece, add(piece.size()).begin());
    }
  }
  // `count` bytes that the caller writes.
  ByteSpan add(size_t count) {
    if (owned_.empty()) owned_.assign(view_.begin(), view_.end());
    view_ = {};
    owned_.resize(owned_.size() + count);
    return ByteSpan(owned_).last(count);
  }
  void clear() { *this = {}; }

  operator ByteView() const { return owned_.empty() ? view_ : ByteView(owned_); }
  size_t size() const { return ByteView(*this).size(); }
  bool empty() const { return size() == 0; }

  friend bool operator==(ByteView a, const JoinedBytes& b) {
    return std::ranges::equal(a, ByteView(b));
  }
  friend bool operator==(const JoinedBytes& a, const JoinedBytes& b) {
    return ByteView(a) == b;
  }

 private:
  ByteView view_;
  std::vector<uint8_t> owned_;  // instead of the view, if it is not empty
};

}  // namespace mallorn::pack
