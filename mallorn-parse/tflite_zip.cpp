// Read from the end: the end record says where the central directory is, each record of the
// directory where an entry's local header is.
//
//     local header, data | local header, data | ... | directory records | end record,
//     comment
//
// Offsets in the archive may count from the start of the file or from the start of the
// archive; since the directory lies right before the end record, the difference is known.
// Archives with 64-bit fields, in several volumes or with anything out of place are left as
// plain bytes.
#include "mallorn-parse/tflite_zip.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "libcommon/core/byte_reader.hpp"

namespace mallorn::parse {
namespace {

constexpr uint32_t kLocalMagic = 0x04034b50;
constexpr uint32_t kDirectoryMagic = 0x02014b50;
constexpr uint32_t kEndMagic = 0x06054b50;
constexpr uint64_t kLocalHeaderBytes = 30;
constexpr uint64_t kMinDirectoryRecordBytes = 46;
constexpr uint64_t kEndRecordBytes = 22;
constexpr uint64_t kMaxCommentBytes = 65535;

struct Directory {
  uint64_t entry_count = 0;
  uint64_t begin = 0;  // in the file
  uint64_t end = 0;
  uint64_t shift = 0;  // what to add to the archive's offsets
};

struct Entry {
  uint64_t offset_bytes = 0;  // of the local header, in the file
  std::string name;
};

ByteView slice(ByteView file, uint64_t offset, uint64_t length) {
  return file.subspan(static_cast<size_t>(offset), static_cast<size_t>(length));
}

// The offset of the last end record whose comment fills the rest of the file.
std::optional<uint64_t> find_end_record(ByteView file, uint64_t begin) {
  if (file.size() < kEndRecordBytes || file.size() - kEndRecordBytes < begin) return {};
  const uint64_t last = file.size() - kEndRecordBytes;
  const uint64_t first = last - std::min(last - begin, kMaxCommentBytes);
  for (uint64_t offset = last;; --offset) {
    const uint8_t* record = slice(file, offset, kEndRecordBytes).data();
    if (load_le<uint32_t>(record) == kEndMagic &&
        load_le<uint16_t>(record + kEndRecordBytes - 2) == last - offset) {
      return offset;
    }
    if (offset == first) return {};
  }
}

std::optional<Directory> read_end_record(ByteView file, uint64_t begin) {
  const std::optional<uint64_t> offset = find_end_record(file, begin);
  if (!offset) return {};
  ByteReader reader(slice(file, *offset, kEndRecordBytes));
  reader.skip(4);
  const uint16_t disk = reader.u16();
  const uint16_t directory_disk = reader.u16();
  const uint16_t disk_entry_count = reader.u16();
  Directory directory;
  directory.entry_count = reader.u16();
  const uint64_t length = reader.u32();
  const uint64_t archive_offset = reader.u32();
  if (disk != 0 || directory_disk != 0 || disk_entry_count != directory.entry_count)
    return {};
  if (directory.entry_count > length / kMinDirectoryRecordBytes) return {};
  if (length > *offset - begin || archive_offset > *offset - length) return {};
  directory.begin = *offset - length;
  directory.end = *offset;
  directory.shift = directory.begin - archive_offset;
  return directory;
}

// Reads one record; false if it is not one, or does not point to a local header in
// [begin, directory.begin).
bool read_entry(ByteView file, uint64_t begin, const Directory& directory,
                ByteReader* reader, Entry* entry) {
  if (reader->u32() != kDirectoryMagic) return false;
  reader->skip(24);  // versions, flags, method, time, CRC-32, sizes
  const uint16_t name_length = reader->u16();
  const uint16_t extra_length = reader->u16();
  const uint16_t comment_length = reader->u16();
  reader->skip(8);  // volume, attributes
  const uint64_t offset = directory.shift + reader->u32();
  const ByteView name = reader->bytes(name_length);
  reader->skip(uint64_t{extra_length} + comment_length);
  if (!reader->ok()) return false;
  if (offset < begin || !range_fits(offset, kLocalHeaderBytes, directory.begin))
    return false;
  if (load_le<uint32_t>(slice(file, offset, 4).data()) != kLocalMagic) return false;
  entry->offset_bytes = offset;
  entry->name.assign(name.begin(), name.end());
  return true;
}

Range tail_range(uint64_t begin, uint64_t end) {
  Range range;
  range.offset_bytes = begin;
  range.length_bytes = end - begin;
  range.role = "tail";
  return range;
}

}  // namespace

std::vector<Range> zip_tail_ranges(ByteView file, uint64_t begin) {
  const std::optional<Directory> directory = read_end_record(file, begin);
  if (!directory) return {};
  ByteReader reader(slice(file, directory->begin, directory->end - directory->begin));
  std::vector<Entry> entries(static_cast<size_t>(directory->entry_count));
  for (Entry& entry : entries) {
    if (!read_entry(file, begin, *directory, &reader, &entry)) return {};
  }
  if (!reader.at_end()) return {};

  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.offset_bytes < b.offset_bytes;
  });
  std::vector<Range> ranges;
  for (size_t i = 0; i < entries.size(); ++i) {
    const bool is_same = i > 0 && entries[i - 1].offset_bytes == entries[i].offset_bytes;
    if (!is_same) {
      if (!ranges.empty()) {
        ranges.back().length_bytes = entries[i].offset_bytes - ranges.back().offset_bytes;
      }
      ranges.push_back(tail_range(entries[i].offset_bytes, directory->begin));
    }
    if (!entries[i].name.empty()) ranges.back().names.push_back(std::move(entries[i].name));
  }
  ranges.push_back(tail_range(directory->begin, file.size()));
  return ranges;
}

}  // namespace mallorn::parse
