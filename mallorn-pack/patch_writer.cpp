#include "mallorn-pack/patch_writer.hpp"

#include "libcommon/core/byte_writer.hpp"
#include "libcommon/error.hpp"

namespace mallorn::pack {
namespace {

constexpr size_t kMaxInMemory = 8u << 20;
constexpr uint8_t kEndMark = 0;

}  // namespace

PatchWriter::PatchWriter() = default;

void PatchWriter::add(ByteView record) {
  if (record.empty() ||
      record.size() > kMaxRecordBytes) {  // an end mark, or refused by all
    throw Error(Status::internal,
                "a record of " + std::to_string(record.size()) + " bytes");
  }
  std::array<uint8_t, kMaxVarintBytes> length{};
  ByteWriter writer(length);
  writer.varint(record.size());
  append(writer.written());
  append(record);
}

void PatchWriter::append(ByteView bytes) {
  hash_.update(bytes);
  length_ += bytes.size();
  memory_.insert(memory_.end(), bytes.begin(), bytes.end());
  if (memory_.size() <= kMaxInMemory) return;
  if (spool_.get() < 0) spool_ = make_temporary_file();
  write_full(spool_.get(), memory_, "temporary file");
  memory_.clear();
}

void PatchWriter::write(PatchHeader header, Output& output) {
  append(ByteView(&kEndMark, 1));
  header.body_bytes = length_;
  header.body_digest = hash_.finish();
  std::array<uint8_t, kMaxPatchHeaderBytes> head{};
  const size_t head_bytes = write_patch_header(header, head);
  output.reserve(head_bytes + length_);
  output.write(ByteView(head).first(head_bytes));
  if (spool_.get() >= 0) output.write(MappedFile(spool_, "temporary file").bytes());
  output.write(memory_);
}

}  // namespace mallorn::pack
