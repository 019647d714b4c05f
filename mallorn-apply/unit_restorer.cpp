#include "mallorn-apply/unit_restorer.hpp"

#include "libcommon/error.hpp"
#include "mallorn-apply/in_place_plan.hpp"
#include "mallorn-apply/undo_record.hpp"
#include "mallorn-apply/unit_writer.hpp"

namespace mallorn::apply {
namespace {

class UnitRestorer {
 public:
  UnitRestorer(JournalFile& journal, const Fd& model, const std::string& name)
      : journal_(journal), model_(model), name_(name) {}

  void run() {
    const uint64_t batch_bytes = batch_bytes_for(journal_.head().result_bytes);
    uint64_t left = journal_.batch().units_done;
    while (left != 0) {
      const ByteRange& records = journal_.units()[static_cast<size_t>(left - 1)].undo;
      if (journal_.added_bytes() != 0 && piece_bytes(records) > journal_.room_bytes()) {
        commit(left);
      }
      restore(records);
      --left;
      if (left == 0 || is_full(journal_.added_bytes(), batch_bytes)) commit(left);
    }
  }

 private:
  struct Record {
    UndoHead head;
    std::vector<ByteRange> ranges;
    std::vector<uint8_t> rest;  // ranges, and what is coded
  };

  void commit(uint64_t left) {
    journal_.commit(left, JournalFile::Direction::back);
    journal_.replay(model_.get(), name_);
  }

  void require(Status status, uint64_t offset) const {
    if (status == Status::ok) return;
    throw Error(status, journal_.path() + ": undo record at " + std::to_string(offset) +
                            ": is damaged, or not for what the model holds");
  }

  // The record at `offset`, which ends before `end`; the offset of the next.
  uint64_t read(uint64_t offset, uint64_t end, Record* record) const {
    std::array<uint8_t, kUndoHeadBytes> head{};
    require(end - offset < head.size() ? Status::malformed : Status::ok, offset);
    journal_.read_undo(offset, head);
    require(read_undo_head(head, &record->head), offset);
    const uint64_t begin = offset + head.size();
    const size_t length = record->head.rest_bytes();
    require(length > end - begin ? Status::malformed : Status::ok, offset);
    record->rest.resize(length);
    journal_.read_undo(begin, record->rest);
    require(read_undo_ranges(record->head, record->rest, journal_.head().base_bytes,
                             &record->ranges),
            offset);
    return begin + length;
  }

  // What the old bytes of these records take in a batch.
  uint64_t piece_bytes(const ByteRange& records) {
    uint64_t total = 0;
    for (uint64_t at = records.offset; at < records.end();) {
      at = read(at, records.end(), &record_);
      for (const ByteRange& range : record_.ranges) total += kPieceHeadBytes + range.length;
    }
    return total;
  }

  void restore(const ByteRange& records) {
    for (uint64_t at = records.offset; at < records.end();) {
      const uint64_t next = read(at, records.end(), &record_);
      now_.clear();
      for (const ByteRange& range : record_.ranges) {
        const size_t begin = now_.size();
        now_.resize(begin + static_cast<size_t>(range.length));
        // Behind the model's end: 0, which the record was not made for.
        (void)read_full_at(model_.get(), range.offset, ByteSpan(now_).subspan(begin),
                           name_);
      }
      old_.resize(now_.size());
      require(decode_undo(record_.head, record_.rest, now_, old_), at);
      ByteView rest = old_;
      for (const ByteRange& range : record_.ranges) {
        const auto length = static_cast<size_t>(range.length);
        journal_.add(range.offset, rest.first(length));
        rest = rest.subspan(length);
      }
      at = next;
    }
  }

  JournalFile& journal_;
  const Fd& model_;
  const std::string& name_;
  Record record_;
  std::vector<uint8_t> now_;
  std::vector<uint8_t> old_;
};

}  // namespace

void restore_units(JournalFile& journal, const Fd& model, const std::string& name) {
  UnitRestorer(journal, model, name).run();
}

}  // namespace mallorn::apply
