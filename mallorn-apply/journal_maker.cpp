#include "mallorn-apply/journal_maker.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "libcommon/error.hpp"
#include "libcommon/fast_crc32c.hpp"
#include "libcommon/part_file.hpp"

namespace mallorn::apply {
namespace {

// Each is a mapping of its own; systems have a limit of some 65,000.
constexpr size_t kMaxStashes = 16 * 1024;

// `ranges` in whole blocks; where there are too many, joined across what is between them.
std::vector<ByteRange> in_blocks(std::vector<ByteRange> ranges) {
  for (uint64_t block = kJournalBlockBytes;; block *= 2) {
    for (ByteRange& range : ranges) {
      const uint64_t end = (range.end() + block - 1) / block * block;
      range.offset = range.offset / block * block;
      range.length = end - range.offset;
    }
    join_ranges(&ranges);
    if (ranges.size() <= kMaxStashes) return ranges;
  }
}

uint64_t block_aligned(uint64_t bytes) {
  return (bytes + kJournalBlockBytes - 1) / kJournalBlockBytes * kJournalBlockBytes;
}

// Blocks of the last stash that are wholly behind the base are not kept.
void cut_to(uint64_t base_bytes, std::vector<ByteRange>* ranges) {
  const uint64_t end = block_aligned(base_bytes);
  for (ByteRange& range : *ranges) range.length = std::min(range.end(), end) - range.offset;
}

// Writes the old bytes of the stash entries, and sets their checks.
void write_stashed(const Fd& fd, const std::string& path, uint64_t at, ByteView base,
                   std::vector<JournalStash>* all) {
  static constexpr std::array<uint8_t, 4096> kZeros{};
  for (JournalStash& stash : *all) {
    const uint64_t real = std::min<uint64_t>(stash.range.end(), base.size());
    for (uint64_t from = stash.range.offset; from < real;) {
      const auto length =
          static_cast<size_t>(std::min<uint64_t>(kJournalWindowBytes, real - from));
      const ByteView bytes = base.subspan(static_cast<size_t>(from), length);
      stash.check = fast_crc32c(stash.check, bytes);
      write_full_at(fd.get(), at + (from - stash.range.offset), bytes, path);
      from += length;
    }
    for (uint64_t left = stash.range.end() - real; left > 0;) {
      const auto length = static_cast<size_t>(std::min<uint64_t>(kZeros.size(), left));
      stash.check = fast_crc32c(stash.check, ByteView(kZeros).first(length));
      left -= length;
    }
    at += stash.range.length;
  }
}

// Writes the tables, then the head with their check.
void write_tables(const Fd& fd, const std::string& path, JournalHead* head,
                  const std::vector<JournalUnit>& units,
                  const std::vector<JournalStash>& stash) {
  std::vector<uint8_t> tables(static_cast<size_t>(head->tables_bytes()));
  ByteWriter writer(tables);
  for (const JournalUnit& unit : units) write_unit(unit, writer);
  for (const JournalStash& each : stash) write_stash(each, writer);
  head->tables_check = fast_crc32c(0, tables);
  write_full_at(fd.get(), head->tables_offset(), tables, path);
  std::array<uint8_t, kJournalHeadBytes> bytes{};
  ByteWriter head_writer(bytes);
  write_journal_head(*head, head_writer);
  write_full_at(fd.get(), 0, bytes, path);
}

void reserve(const Fd& fd, const std::string& path, const JournalHead& head,
             const JournalPlan& plan) {
  if (::ftruncate(fd.get(), static_cast<off_t>(head.file_bytes())) != 0) {
    throw Error(Status::no_space, path + ": " + std::strerror(errno));
  }
  reserve_range(fd.get(), 0, head.slot_offset(0), path);
  // Of the other slot, what the way back takes.
  const uint64_t back = kBatchHeadBytes + plan.back_batch_bytes;
  const uint64_t other =
      plan.has_one_batch ? std::min(back, head.slot_bytes) : head.slot_bytes;
  if (plan.has_undo || !plan.has_one_batch) {
    reserve_range(fd.get(), head.slot_offset(0), other, path);
  }
  reserve_range(fd.get(), head.slot_offset(1), head.slot_bytes, path);
}

}  // namespace

JournalMaker::~JournalMaker() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void JournalMaker::open() {
  fd_ = make_unnamed(folder_of(path_), path_, 0600);
  if (fd_.get() >= 0) return;
  Part part = make_part(path_, 0600);
  fd_ = std::move(part.fd);
  temporary_ = std::move(part.path);
}

uint64_t JournalMaker::add_undo(ByteView record) {
  if (fd_.get() < 0) open();
  write_full_at(fd_.get(), kJournalHeadBytes + undo_bytes_, record, path_);
  return std::exchange(undo_bytes_, undo_bytes_ + record.size());
}

JournalFile JournalMaker::make(const JournalPlan& plan, ByteView base) {
  if (fd_.get() < 0) open();
  std::vector<ByteRange> ranges = in_blocks(plan.stash);
  cut_to(base.size(), &ranges);
  std::vector<JournalStash> stash;
  JournalHead head;
  head.patch_digest = plan.patch_digest;
  head.base_bytes = base.size();
  head.result_bytes = plan.result_bytes;
  head.unit_count = plan.units.size();
  head.stash_count = ranges.size();
  for (const ByteRange& range : ranges) {
    head.stash_bytes += range.length;
    stash.push_back({range, 0});
  }
  head.slot_bytes = block_aligned(kBatchHeadBytes + plan.batch_bytes);
  head.has_undo = plan.has_undo;
  head.undo_bytes = undo_bytes_;
  reserve(fd_, path_, head, plan);
  write_stashed(fd_, path_, head.stash_offset(), base, &stash);
  write_tables(fd_, path_, &head, plan.units, stash);
  sync_file(fd_.get(), path_);
  return {std::move(fd_), path_, head, plan.units, std::move(stash)};
}

void JournalMaker::publish(const JournalFile& journal) {
  const int failed = temporary_.empty()
                         ? link_to_descriptor(journal.fd(), path_)
                         : ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD,
                                       path_.c_str(), RENAME_NOREPLACE);
  if (failed != 0) {
    throw Error(Status::cannot_create, path_ + ": " + std::strerror(errno));
  }
  temporary_ = path_;  // nobody needs it before the folder is on the disk
  // Of what has no name a file system may keep nothing, sync or not.
  sync_file(journal.fd(), path_);
  journal.sync_folder();
  temporary_.clear();
}

}  // namespace mallorn::apply
