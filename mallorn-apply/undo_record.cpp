#include "mallorn-apply/undo_record.hpp"

#include <algorithm>

#include "libcommon/core/byte_writer.hpp"
#include "libcommon/fast_crc32c.hpp"
#include "mallorn-apply/zstd_decoder.hpp"

namespace mallorn::apply {
namespace {

// Enough to tell which of them suits.
constexpr size_t kSampleBytes = 16 * 1024;

// Of the numbers whose differences are coded; 0: there are none.
size_t width_of(UndoCoding coding) {
  switch (coding) {
    case UndoCoding::differences_1:
      return 1;
    case UndoCoding::differences_2:
      return 2;
    case UndoCoding::differences_4:
      return 4;
    default:
      return 0;
  }
}

uint32_t number_at(const uint8_t* bytes, size_t width) {
  uint32_t number = 0;
  for (size_t i = 0; i < width; ++i) number |= uint32_t{bytes[i]} << 8 * i;
  return number;
}

// Calls visit(i, number, at) for the number at byte i: its byte k has its place at byte
// at + k * count of the planes. What is no whole number at the end is left to the caller.
template <typename Visit>
void for_each_number(size_t bytes, size_t width, Visit visit) {
  const size_t count = bytes / width;
  for (size_t i = 0; i < count; ++i) visit(i * width, i, count);
}

// old - now, with the sign in the lowest bit, byte by byte of equal significance; bytes
// behind the last whole number as they are.
std::vector<uint8_t> differences(ByteView old, ByteView now, size_t width) {
  std::vector<uint8_t> planes(old.begin(), old.end());
  const auto shift = static_cast<unsigned>(32 - 8 * width);
  for_each_number(old.size(), width, [&](size_t at, size_t place, size_t count) {
    const uint32_t raised = (number_at(&old[at], width) - number_at(&now[at], width))
                            << shift;
    const uint32_t sign = raised >> 31 != 0 ? UINT32_MAX : 0;
    const uint32_t folded = (raised >> shift << 1) ^ sign;
    for (size_t k = 0; k < width; ++k) {
      planes[place + k * count] = static_cast<uint8_t>(folded >> 8 * k);
    }
  });
  return planes;
}

void add_differences(ByteView planes, ByteView now, size_t width, ByteSpan old) {
  std::copy(planes.begin(), planes.end(), old.begin());
  for_each_number(old.size(), width, [&](size_t at, size_t place, size_t count) {
    uint32_t folded = 0;
    for (size_t k = 0; k < width; ++k)
      folded |= uint32_t{planes[place + k * count]} << 8 * k;
    const uint32_t difference = folded >> 1 ^ (0 - (folded & 1));
    const uint32_t number = number_at(&now[at], width) + difference;
    for (size_t k = 0; k < width; ++k) old[at + k] = static_cast<uint8_t>(number >> 8 * k);
  });
}

}  // namespace

Status read_undo_head(ByteView bytes, UndoHead* head) {
  ByteReader reader(bytes);
  const uint8_t coding = reader.u8();
  const UndoHead read{static_cast<UndoCoding>(coding), reader.u32(), reader.u32(),
                      reader.u32()};
  if (!reader.ok()) return reader.status();
  if (coding > static_cast<uint8_t>(UndoCoding::differences_4) || read.range_count == 0 ||
      read.range_count > kMaxUndoRanges || read.coded_bytes > kMaxUndoRecordBytes) {
    return Status::malformed;
  }
  *head = read;
  return Status::ok;
}

Status read_undo_ranges(const UndoHead& head, ByteView rest, uint64_t base_bytes,
                        std::vector<ByteRange>* ranges) {
  ByteReader reader(rest);
  uint64_t total = 0;
  ranges->resize(head.range_count);
  for (ByteRange& range : *ranges) {
    range = {reader.u64(), reader.u32()};
    total += range.length;
    if (range.length == 0 || !range_fits(range.offset, range.length, base_bytes) ||
        total > kMaxUndoRecordBytes) {
      return Status::malformed;
    }
  }
  return reader.status();
}

Status decode_undo(const UndoHead& head, ByteView rest, ByteView now, ByteSpan old) {
  const ByteView ranges = rest.first(size_t{head.range_count} * kUndoRangeBytes);
  const ByteView coded = rest.subspan(ranges.size());
  if (head.coding == UndoCoding::bytes) {
    if (coded.size() != old.size()) return Status::corrupt_data;
    std::copy(coded.begin(), coded.end(), old.begin());
  } else if (const size_t width = width_of(head.coding); width != 0) {
    std::vector<uint8_t> planes(old.size());
    const Status status = decode_zstd(coded, planes);
    if (status != Status::ok) return status;
    add_differences(planes, now, width, old);
  } else if (const Status status = decode_zstd(coded, old); status != Status::ok) {
    return status;
  }
  const uint32_t check = fast_crc32c(fast_crc32c(0, ranges), old);
  return check == head.check ? Status::ok : Status::check_mismatch;
}

std::vector<uint8_t> UndoEncoder::coded(const Way& way, ByteView old, ByteView now) {
  constexpr int kLevel = 1;
  constexpr int kBlockLog = 16;
  const size_t width = width_of(way.coding);
  std::vector<uint8_t> planes;
  if (width != 0) planes = differences(old, now, width);
  const ByteView bytes = width != 0 ? ByteView(planes) : old;
  return way.has_matches ? zstd_.encode(bytes, kLevel)
                         : zstd_.encode_frequencies(bytes, kBlockLog);
}

UndoEncoder::Way UndoEncoder::choose(ByteView old, ByteView now) {
  constexpr std::array<Way, 5> kWays = {{{UndoCoding::differences_1, true},
                                         {UndoCoding::differences_1, false},
                                         {UndoCoding::differences_2, true},
                                         {UndoCoding::differences_4, true},
                                         {UndoCoding::zstd, true}}};
  const size_t length = std::min(kSampleBytes, old.size());
  const size_t at = (old.size() - length) / 2 / 4 * 4;  // as numbers of all widths lie
  Way best = kWays[0];
  size_t least = SIZE_MAX;
  for (const Way& way : kWays) {
    const size_t size = coded(way, old.subspan(at, length), now.subspan(at, length)).size();
    if (size >= least) continue;
    least = size;
    best = way;
  }
  return best;
}

std::vector<uint8_t> UndoEncoder::encode(const std::vector<ByteRange>& ranges, ByteView old,
                                         ByteView now) {
  const Way way = choose(old, now);
  UndoHead head{way.coding, static_cast<uint32_t>(ranges.size()), 0, 0};
  std::vector<uint8_t> packed = coded(way, old, now);
  if (packed.size() >= old.size()) {
    head.coding = UndoCoding::bytes;
    packed.assign(old.begin(), old.end());
  }
  head.coded_bytes = static_cast<uint32_t>(packed.size());
  std::vector<uint8_t> record(kUndoHeadBytes + ranges.size() * kUndoRangeBytes);
  ByteWriter range_writer(ByteSpan(record).subspan(kUndoHeadBytes));
  for (const ByteRange& range : ranges) {
    range_writer.u64(range.offset);
    range_writer.u32(static_cast<uint32_t>(range.length));
  }
  head.check = fast_crc32c(fast_crc32c(0, range_writer.written()), old);
  ByteWriter writer(record);
  writer.u8(static_cast<uint8_t>(head.coding));
  writer.u32(head.range_count);
  writer.u32(head.coded_bytes);
  writer.u32(head.check);
  record.insert(record.end(), packed.begin(), packed.end());
  return record;
}

}  // namespace mallorn::apply
