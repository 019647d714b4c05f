#include "mallorn-apply/undo_writer.hpp"

#include <algorithm>
#include <utility>

#include "mallorn-apply/journal.hpp"

namespace mallorn::apply {

void UndoWriter::add(uint64_t offset, ByteView bytes) {
  while (!bytes.empty() && offset < base_.size()) {
    if (old_.size() == kMaxUndoRecordBytes || ranges_.size() == kMaxUndoRanges) flush();
    const auto length =
        static_cast<size_t>(std::min({uint64_t{bytes.size()}, base_.size() - offset,
                                      kMaxUndoRecordBytes - uint64_t{old_.size()}}));
    const ByteView old = base_.subspan(static_cast<size_t>(offset), length);
    if (!ranges_.empty() && ranges_.back().end() == offset) {
      ranges_.back().length += length;
    } else {
      ranges_.push_back({offset, length});
    }
    old_.insert(old_.end(), old.begin(), old.end());
    now_.insert(now_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length));
    offset += length;
    bytes = bytes.subspan(length);
  }
}

void UndoWriter::flush() {
  if (old_.empty()) return;
  const std::vector<uint8_t> record = encoder_.encode(ranges_, old_, now_);
  const uint64_t offset = take_(record);
  if (unit_.records.length == 0) unit_.records.offset = offset;
  unit_.records.length += record.size();
  unit_.piece_bytes += ranges_.size() * kPieceHeadBytes + old_.size();
  ranges_.clear();
  old_.clear();
  now_.clear();
}

UndoWriter::Unit UndoWriter::end_unit() {
  flush();
  return std::exchange(unit_, {});
}

}  // namespace mallorn::apply
