#include "mallorn-pack/patch_writer.hpp"

#include "libcommon/core/byte_writer.hpp"
#include "libcommon/error.hpp"

namespace mallorn::pack {
namespace {

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

void PatchWriter::add_chunk(uint64_t result_offset, ByteView record) {
  chunks_[result_offset] = body_.length_bytes();
  add(record);
}

void PatchWriter::add_again(uint64_t result_offset, uint64_t twin) {
  std::array<uint8_t, kMaxAgainRecordBytes> record{};
  ByteWriter writer(record);
  writer.u8(static_cast<uint8_t>(RecordKind::again));
  write_chunk_again({body_.length_bytes() - chunks_.at(twin), result_offset - twin},
                    writer);
  add(writer.written());
}

void PatchWriter::set_lite_body(ByteView body) {
  has_records_ = false;
  append(body);
}

void PatchWriter::append(ByteView bytes) {
  hash_.update(bytes);
  body_.write(bytes);
}

void PatchWriter::write(PatchHeader header, Output& output) {
  if (has_records_) append(ByteView(&kEndMark, 1));
  header.body_bytes = body_.length_bytes();
  header.body_digest = hash_.finish();
  std::array<uint8_t, kMaxPatchHeaderBytes> head{};
  const size_t head_bytes = write_patch_header(header, head);
  output.reserve(head_bytes + header.body_bytes);
  output.write(ByteView(head).first(head_bytes));
  body_.copy_to(output);
}

}  // namespace mallorn::pack
