#include "mallorn-apply/in_place_plan.hpp"

#include <algorithm>

#include "libcommon/error.hpp"
#include "libcommon/fast_crc32c.hpp"

namespace mallorn::apply {
namespace {

// Some hundred megabytes of memory; patches of models of terabytes have fewer.
constexpr size_t kMaxRanges = 1u << 24;
// What keeping account of one takes, from here to the journal, where vectors grow.
constexpr uint64_t kUnitBytes = 448;
constexpr uint64_t kReadBytes = 96;
constexpr uint64_t kWriteBytes = 128;

}  // namespace

bool PlanMaker::is_in_place(ByteView base, uint64_t offset, ByteView bytes) {
  return range_fits(offset, bytes.size(), base.size()) &&
         memcmp(base.data() + offset, bytes.data(), bytes.size()) == 0;
}

uint64_t PlanMaker::used_bytes() const {
  return kUnitBytes * units_.size() + kReadBytes * reads_.size() +
         kWriteBytes * writes_.size();
}

void PlanMaker::require_room() const {
  if (used_bytes() > most_bytes_) {
    throw Error(Status::out_of_memory,
                patch_ +
                    ": has too many steps for the plan of an update in place, in the "
                    "memory that it may have",
                "more --memory, or fewer --threads, or a new file, with -o");
  }
  if (reads_.size() > kMaxRanges || writes_.size() > kMaxRanges) {
    throw Error(Status::limit_exceeded, patch_ + ": too many steps for an update in place",
                "make a new file, with -o");
  }
}

void PlanMaker::keep_undo(Unit* unit, uint64_t payload_bytes) {
  if (undo_ != nullptr) {
    const UndoWriter::Unit kept = undo_->end_unit();
    if (unit->unit.undo.length == 0) unit->unit.undo.offset = kept.records.offset;
    unit->unit.undo.length += kept.records.length;
    payload_bytes = std::max(payload_bytes, kept.piece_bytes);
  }
  unit->payload_bytes += payload_bytes;
}

void PlanMaker::add_unit(Unit unit, uint64_t payload_bytes) {
  keep_undo(&unit, payload_bytes);
  unit.reads_end = reads_.size();
  unit.writes_end = writes_.size();
  units_.push_back(unit);
}

void PlanMaker::add(const DecodedChunk& decoded) {
  require_room();
  add_own(decoded);
  for_each_step(decoded.workspace->chunk, decoded.result_offset,
                [&](uint64_t at, const CodedStep& step, ByteView) {
                  if (fate_of(step, at) == StepFate::is_long) add_copy(step, at);
                });
}

void PlanMaker::add_own(const DecodedChunk& decoded) {
  const ChunkWorkspace& chunk = decoded.workspace->chunk;
  Unit unit;
  unit.unit = {UnitKind::chunk,
               decoded.patch_offset,
               decoded.result_offset,
               chunk.view.header.result_bytes,
               0,
               {}};
  const size_t first = writes_.size();
  bool is_same = true;
  uint64_t payload_bytes = 0;
  for_each_own_piece(chunk, decoded.result_offset, base_, [&](uint64_t at, ByteView bytes) {
    unit.unit.check = fast_crc32c(unit.unit.check, bytes);
    payload_bytes += kPieceHeadBytes + bytes.size();
    is_same = is_same && is_in_place(base_, at, bytes);
    if (writes_.size() > first && writes_.back().end() == at) {
      writes_.back().length += bytes.size();
    } else {
      writes_.push_back({at, bytes.size()});
    }
  });
  if (is_same) {
    writes_.resize(first);
    return;
  }
  const std::vector<ByteRange> reads = base_ranges(chunk, base_.size());
  reads_.insert(reads_.end(), reads.begin(), reads.end());
  if (undo_ != nullptr) {
    for_each_own_piece(chunk, decoded.result_offset, base_,
                       [&](uint64_t at, ByteView bytes) { undo_->add(at, bytes); });
  }
  add_unit(unit, payload_bytes);
}

void PlanMaker::add_copy(const CodedStep& step, uint64_t result_offset) {
  for (uint64_t done = 0; done < step.length_bytes; done += kCopyPieceBytes) {
    const uint64_t length = std::min(kCopyPieceBytes, step.length_bytes - done);
    const uint64_t source = step.base_offset + done;
    const uint64_t target = result_offset + done;
    const ByteView bytes =
        base_.subspan(static_cast<size_t>(source), static_cast<size_t>(length));
    if (is_in_place(base_, target, bytes)) continue;
    reads_.push_back({source, length});
    writes_.push_back({target, length});
    if (undo_ != nullptr) undo_->add(target, bytes);
    Unit unit;
    unit.unit = {UnitKind::copy, source, target, length, fast_crc32c(0, bytes), {}};
    add_unit(unit, kPieceHeadBytes + length);
  }
}

// Few units take little memory; those of more than so many bytes take the slots too much.
bool PlanMaker::extend_part(uint64_t result_offset, ByteView bytes) {
  if (units_.empty()) return false;
  Unit& last = units_.back();
  if (last.unit.result_offset + last.unit.result_bytes != result_offset ||
      last.unit.result_bytes + bytes.size() > kCopyPieceBytes) {
    return false;
  }
  last.unit.result_bytes += bytes.size();
  last.unit.check = fast_crc32c(last.unit.check, bytes);
  writes_.back().length += bytes.size();
  keep_undo(&last, kPieceHeadBytes + bytes.size());
  return true;
}

void PlanMaker::add_part(uint64_t result_offset, ByteView bytes) {
  require_room();
  if (is_in_place(base_, result_offset, bytes)) return;
  if (undo_ != nullptr) undo_->add(result_offset, bytes);
  if (extend_part(result_offset, bytes)) return;
  writes_.push_back({result_offset, bytes.size()});
  Unit unit;
  unit.unit = {UnitKind::part, 0, result_offset, bytes.size(), fast_crc32c(0, bytes), {}};
  add_unit(unit, kPieceHeadBytes + bytes.size());
}

Order PlanMaker::order() const {
  std::vector<UnitRanges> ranges;
  ranges.reserve(units_.size());
  size_t read = 0;
  size_t write = 0;
  for (const Unit& unit : units_) {
    ranges.push_back({std::span(reads_).subspan(read, unit.reads_end - read),
                      std::span(writes_).subspan(write, unit.writes_end - write)});
    read = unit.reads_end;
    write = unit.writes_end;
  }
  const uint64_t left = most_bytes_ - std::min(most_bytes_, used_bytes());
  return order_units(ranges, left / kEdgeBytes);
}

uint64_t PlanMaker::largest_batch(const std::vector<uint32_t>& order,
                                  uint64_t batch_bytes) const {
  uint64_t largest = 0;
  uint64_t added = 0;
  for (const uint32_t index : order) {
    added += units_[index].payload_bytes;
    largest = std::max(largest, added);
    if (is_full(added, batch_bytes)) added = 0;
  }
  return largest;
}

JournalPlan PlanMaker::finish(uint64_t batch_bytes) {
  Order order = this->order();
  JournalPlan plan;
  plan.stash = std::move(order.stash);
  plan.units.reserve(units_.size());
  uint64_t total = 0;
  uint64_t largest = 0;
  for (const uint32_t index : order.units) {
    plan.units.push_back(units_[index].unit);
    total += units_[index].payload_bytes;
    largest = std::max(largest, units_[index].payload_bytes);
  }
  const bool is_whole = !units_.empty() && units_[0].unit.kind == UnitKind::part;
  plan.batch_bytes = is_whole ? total : largest_batch(order.units, batch_bytes);
  plan.has_one_batch = total == plan.batch_bytes;
  plan.has_undo = undo_ != nullptr;
  plan.back_batch_bytes = std::min(plan.batch_bytes, batch_bytes + largest);
  return plan;
}

}  // namespace mallorn::apply
