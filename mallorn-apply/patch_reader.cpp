#include "mallorn-apply/patch_reader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "libcommon/error.hpp"

namespace mallorn::apply {

PatchReader::PatchReader(int fd, std::string name)
    : fd_(fd),
      name_(std::move(name)),
      front_(read_patch_front(fd_, name_)),
      record_at_(front_.length_bytes()) {
  if (!has_again()) return;
  if (is_stream()) kept_ = make_temporary_file();
  body_at_ = is_stream() ? 0 : static_cast<uint64_t>(::lseek(fd_, 0, SEEK_CUR));
}

bool PatchReader::is_stream() const {
  struct stat info {};
  return ::fstat(fd_, &info) == 0 && !S_ISREG(info.st_mode);
}

void PatchReader::fail(Status status, const std::string& reason) const {
  throw Error(status, name_ + ": byte " + std::to_string(record_at_) + ": " + reason);
}

void PatchReader::read_body(ByteSpan to) {
  if (to.size() > front_.header.body_bytes - body_read_) {
    fail(Status::malformed, "record ends past the end of the body");
  }
  if (read_full(fd_, to, name_) < to.size())
    fail(Status::truncated, "patch ends too early");
  if (kept_.get() >= 0) write_full(kept_.get(), to, temporary_file_name());
  body_hash_.update(to);
  body_read_ += to.size();
}

uint64_t PatchReader::read_varint() {
  std::array<uint8_t, kMaxVarintBytes> bytes{};
  for (size_t count = 0; count < bytes.size(); ++count) {
    read_body(ByteSpan(bytes).subspan(count, 1));
    if ((bytes[count] & 0x80) != 0) continue;
    ByteReader reader(ByteView(bytes).first(count + 1));
    const uint64_t value = reader.varint();
    if (!reader.ok()) break;
    return value;
  }
  fail(Status::malformed, "record length");
}

bool PatchReader::next(std::vector<uint8_t>* record) {
  record_at_ = front_.length_bytes() + body_read_;
  const uint64_t length = read_varint();
  if (length == 0) {
    finish();
    return false;
  }
  if (length > kMaxRecordBytes) fail(Status::limit_exceeded, "record too long");
  record->resize(static_cast<size_t>(length));
  read_body(*record);
  return true;
}

EarlierRecord PatchReader::earlier(uint64_t offset, uint64_t end, uint64_t most) const {
  const uint64_t front = front_.length_bytes();
  if (offset < front) fail(Status::malformed, "a record before the first");
  const int fd = kept_.get() >= 0 ? kept_.get() : fd_;
  return read_record_at(fd, offset - front + body_at_, end - front + body_at_, name_, most);
}

ChunkJob PatchReader::chunk_at(ByteView record, uint64_t result_offset,
                               uint64_t most) const {
  ChunkJob job = chunk_of(
      record, record_at_, result_offset,
      [&](uint64_t offset, uint64_t end) { return earlier(offset, end, most); },
      name_ + ": byte " + std::to_string(record_at_));
  if (!range_fits(result_offset, job.result_bytes, header().result_bytes)) {
    fail(Status::malformed, "chunk reaches past the end of the result");
  }
  return job;
}

size_t PatchReader::next_bytes(ByteSpan to) {
  const uint64_t left = header().body_bytes - body_read_;
  if (left == 0) {
    finish();
    return 0;
  }
  const auto count = static_cast<size_t>(std::min<uint64_t>(left, to.size()));
  record_at_ = front_.length_bytes() + body_read_;
  read_body(to.first(count));
  return count;
}

RecordKind PatchReader::kind_of(ByteView record) {
  if (record[0] > static_cast<uint8_t>(RecordKind::again)) {
    fail(Status::malformed, "unknown kind of record");
  }
  auto kind = static_cast<RecordKind>(record[0]);
  if (kind == RecordKind::again) {
    if (!has_again()) fail(Status::malformed, kUndeclared);
    kind = RecordKind::chunk;
  }
  if (kind_.value_or(kind) != kind) fail(Status::malformed, "records of two kinds");
  kind_ = kind;
  if (kind == RecordKind::chunk) return kind;
  if ((front_.header.features & kFeatureZstd) == 0) fail(Status::malformed, kUndeclared);
  if (record.size() == 1) fail(Status::malformed, "empty piece of compressed data");
  return kind;
}

void PatchReader::finish() {
  if (body_read_ != front_.header.body_bytes)
    fail(Status::malformed, "end mark before the end");
  if (body_hash_.finish() != front_.header.body_digest) {
    throw Error(Status::corrupt_data, name_ + ": the body is not the one its header names");
  }
  uint8_t byte = 0;
  if (read_full(fd_, ByteSpan(&byte, 1), name_) != 0) {
    throw Error(Status::trailing_bytes, name_ + ": bytes after the end of the patch");
  }
}

}  // namespace mallorn::apply
