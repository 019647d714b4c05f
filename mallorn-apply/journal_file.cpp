#include "mallorn-apply/journal_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "libcommon/error.hpp"
#include "libcommon/fast_crc32c.hpp"

namespace mallorn::apply {
namespace {

constexpr size_t kGatherBytes = 256 * 1024;

[[noreturn]] void fail_to_open(const std::string& path, const std::string& reason) {
  throw Error(Status::cannot_open, path + ": " + reason);
}

}  // namespace

std::string journal_name(const std::string& model) { return model + ".journal"; }

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "." : path.substr(0, slash + 1);
}

std::optional<JournalFile> JournalFile::open(const std::string& path) {
  // O_NONBLOCK: a FIFO in its place must not be waited for.
  Fd fd(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (fd.get() < 0 && errno == ENOENT) return std::nullopt;
  if (fd.get() < 0 && errno == ENAMETOOLONG) {
    throw Error(Status::cannot_create, path + ": " + std::strerror(errno),
                "a journal has to be made beside the model: give that a shorter name");
  }
  struct stat info {};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) {
    fail_to_open(path, errno == ELOOP ? "is a symbolic link" : std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) fail_to_open(path, "not a regular file");
  if (info.st_uid != ::geteuid() || info.st_nlink != 1) {
    fail_to_open(path, "is another user's, or has another name as well");
  }
  return JournalFile(std::move(fd), path);
}

void JournalFile::require_journal() const {
  std::array<uint8_t, kJournalMagic.size()> magic{};
  (void)read_full_at(fd_.get(), 0, magic, path_);
  if (magic == kJournalMagic) return;
  throw Error(Status::cannot_create, path_ + ": exists, and is no journal",
              "an update in place needs this name");
}

void JournalFile::read(uint64_t offset, ByteSpan to) const {
  if (read_full_at(fd_.get(), offset, to, path_) < to.size()) {
    throw Error(Status::truncated, path_ + ": journal ends too early");
  }
}

uint32_t JournalFile::check_of(uint64_t offset, uint64_t length) const {
  std::vector<uint8_t> window(
      static_cast<size_t>(std::min<uint64_t>(kJournalWindowBytes, length)));
  uint32_t check = 0;
  for (uint64_t done = 0; done < length;) {
    const auto part = static_cast<size_t>(std::min<uint64_t>(window.size(), length - done));
    read(offset + done, ByteSpan(window).first(part));
    check = fast_crc32c(check, ByteView(window).first(part));
    done += part;
  }
  return check;
}

void JournalFile::load() {
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) {
    throw Error(Status::io, path_ + ": " + std::strerror(errno));
  }
  const auto file_bytes = static_cast<uint64_t>(info.st_size);
  std::array<uint8_t, kJournalHeadBytes> head{};
  read(0, head);
  require(read_journal_head(head, file_bytes, &head_), path_ + ": journal");
  std::vector<uint8_t> tables(static_cast<size_t>(head_.tables_bytes()));
  read(head_.tables_offset(), tables);
  require(read_tables(head_, tables, &units_, &stash_), path_ + ": tables of the journal");
  uint64_t at = head_.stash_offset();
  for (const JournalStash& stash : stash_) {
    if (check_of(at, stash.range.length) != stash.check) {
      throw Error(Status::check_mismatch, path_ + ": what is stashed is damaged");
    }
    at += stash.range.length;
  }
  find_batch();
}

void JournalFile::find_batch() {
  for (const uint64_t sequence : {0u, 1u}) {
    const uint64_t at = head_.slot_offset(sequence);
    std::array<uint8_t, kBatchHeadBytes> bytes{};
    read(at, bytes);
    BatchHead found;
    // What is torn has never been complete, and nothing of it is in the model.
    if (read_batch_head(head_, bytes, &found) != Status::ok ||
        found.sequence % 2 != sequence || found.sequence <= batch_.sequence ||
        check_of(at + kBatchHeadBytes, found.payload_bytes) != found.check) {
      continue;
    }
    batch_ = found;
  }
}

void JournalFile::read_undo(uint64_t offset, ByteSpan to) const {
  read(kJournalHeadBytes + offset, to);
}

void JournalFile::show_stash(BaseView* view) const {
  uint64_t at = head_.stash_offset();
  for (const JournalStash& stash : stash_) {
    view->show_instead(stash.range, fd_, at);
    at += stash.range.length;
  }
}

void JournalFile::flush() {
  const uint64_t done = next_.payload_bytes - gathered_.size();
  const uint64_t slot = head_.slot_offset(batch_.sequence + 1) + kBatchHeadBytes;
  write_full_at(fd_.get(), slot + done, gathered_, path_);
  next_.check = fast_crc32c(next_.check, gathered_);
  gathered_.clear();
}

void JournalFile::add(uint64_t result_offset, ByteView bytes) {
  const uint64_t room = room_bytes();
  if (!range_fits(result_offset, bytes.size(), head_.result_bytes) ||
      room < kPieceHeadBytes || bytes.size() > room - kPieceHeadBytes) {
    throw Error(Status::malformed, path_ + ": journal has no place for a piece");
  }
  std::array<uint8_t, kPieceHeadBytes> head{};
  ByteWriter writer(head);
  writer.u64(result_offset);
  writer.u64(bytes.size());
  gathered_.insert(gathered_.end(), head.begin(), head.end());
  next_.payload_bytes += head.size();
  while (!bytes.empty()) {
    const ByteView part = bytes.first(std::min(bytes.size(), kGatherBytes));
    gathered_.insert(gathered_.end(), part.begin(), part.end());
    next_.payload_bytes += part.size();
    if (gathered_.size() >= kGatherBytes) flush();
    bytes = bytes.subspan(part.size());
  }
}

void JournalFile::commit(uint64_t units_done, Direction direction) {
  flush();
  next_.sequence = batch_.sequence + 1;
  next_.is_back = direction == Direction::back;
  next_.units_done = units_done;
  std::array<uint8_t, kBatchHeadBytes> bytes{};
  ByteWriter writer(bytes);
  write_batch_head(next_, writer);
  write_full_at(fd_.get(), head_.slot_offset(next_.sequence), bytes, path_);
  sync_file(fd_.get(), path_);
  batch_ = std::exchange(next_, {});
}

void JournalFile::write_batch_again() {
  std::vector<uint8_t> window(kJournalWindowBytes);
  const uint64_t begin = head_.slot_offset(batch_.sequence);
  const uint64_t end = begin + kBatchHeadBytes + batch_.payload_bytes;
  for (uint64_t at = begin; at < end; at += window.size()) {
    const ByteSpan part = ByteSpan(window).first(
        static_cast<size_t>(std::min<uint64_t>(kJournalWindowBytes, end - at)));
    read(at, part);
    write_full_at(fd_.get(), at, part, path_);
  }
  sync_file(fd_.get(), path_);
}

void JournalFile::replay(int model, const std::string& name) const {
  std::vector<uint8_t> window(kJournalWindowBytes);
  const uint64_t begin = head_.slot_offset(batch_.sequence) + kBatchHeadBytes;
  const uint64_t end = begin + batch_.payload_bytes;
  for (uint64_t at = begin; at < end;) {
    std::array<uint8_t, kPieceHeadBytes> head{};
    if (end - at < head.size())
      throw Error(Status::malformed, path_ + ": piece of a batch");
    read(at, head);
    at += head.size();
    ByteReader reader(head);
    const uint64_t offset = reader.u64();
    const uint64_t length = reader.u64();
    if (length > end - at || !range_fits(offset, length, head_.result_bytes)) {
      throw Error(Status::malformed, path_ + ": piece of a batch");
    }
    for (uint64_t done = 0; done < length;) {
      const auto part =
          static_cast<size_t>(std::min<uint64_t>(kJournalWindowBytes, length - done));
      read(at + done, ByteSpan(window).first(part));
      write_full_at(model, offset + done, ByteView(window).first(part), name);
      done += part;
    }
    at += length;
  }
  sync_file(model, name);
}

void JournalFile::remove() {
  if (::unlink(path_.c_str()) != 0) {
    throw Error(Status::io, path_ + ": " + std::strerror(errno));
  }
  sync_folder();
}

uint64_t JournalFile::taken_bytes() const {
  constexpr uint64_t kUnit = 512;  // of st_blocks, on all file systems
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) {
    throw Error(Status::io, path_ + ": " + std::strerror(errno));
  }
  return kUnit * static_cast<uint64_t>(info.st_blocks);
}

void JournalFile::sync_folder() const {
  const std::string folder = folder_of(path_);
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) throw Error(Status::io, folder + ": " + std::strerror(errno));
  sync_file(fd.get(), folder);
}

}  // namespace mallorn::apply
