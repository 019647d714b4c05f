#include "mallorn-apply/chunk_record.hpp"

#include <algorithm>

#include "libcommon/error.hpp"
#include "libcommon/file.hpp"

namespace mallorn::apply {
namespace {

[[noreturn]] void fail(const std::string& context, const char* reason) {
  throw Error(Status::malformed, context + ": " + reason);
}

bool is_of(RecordKind kind, ByteView record) {
  return !record.empty() && record[0] == static_cast<uint8_t>(kind);
}

}  // namespace

EarlierRecord read_record_at(int fd, uint64_t offset, uint64_t end, const std::string& name,
                             uint64_t most) {
  const std::string context = name + ": byte " + std::to_string(offset);
  std::array<uint8_t, kMaxVarintBytes> head{};
  ByteReader reader(ByteView(head).first(read_full_at(fd, offset, head, name)));
  const uint64_t length = reader.varint();
  const uint64_t begin = offset + reader.offset();
  if (!reader.ok() || length == 0 || length > kMaxRecordBytes ||
      !range_fits(begin, length, end)) {
    fail(context, "no record is here");
  }
  EarlierRecord record{length, {}};
  record.bytes.resize(static_cast<size_t>(std::min(length, most)));
  if (read_full_at(fd, begin, record.bytes, name) < record.bytes.size()) {
    throw Error(Status::truncated, name + ": patch ends too early");
  }
  return record;
}

ChunkJob chunk_of(ByteView record, uint64_t patch_offset, uint64_t result_offset,
                  const ReadRecord& read_earlier, const std::string& context) {
  ChunkJob job;
  job.patch_offset = patch_offset;
  job.result_offset = job.made_at = result_offset;
  EarlierRecord earlier;
  if (is_of(RecordKind::again, record)) {
    ChunkAgain again;
    if (read_chunk_again(record.subspan(1), &again) != Status::ok ||
        again.record_back > patch_offset || again.result_back > result_offset) {
      fail(context, "a chunk to be made once more, of nowhere");
    }
    earlier = read_earlier(patch_offset - again.record_back, patch_offset);
    record = earlier.bytes;
    job.made_at = result_offset - again.result_back;
    job.is_again = true;
  }
  if (!is_of(RecordKind::chunk, record)) fail(context, "no chunk is here");
  job.record.assign(record.begin() + 1, record.end());
  ByteReader reader(job.record);
  job.result_bytes = reader.varint();
  if (!reader.ok()) throw Error(reader.status(), context + ": chunk without length");
  if (job.is_again && !may_be_made_again(earlier.length, job.result_bytes)) {
    throw Error(Status::limit_exceeded,
                context + ": a chunk to be made once more, of too long a record");
  }
  return job;
}

}  // namespace mallorn::apply
