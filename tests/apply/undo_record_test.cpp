// What a unit overwrites comes back, however it is coded; what is damaged is refused.
#include "mallorn-apply/undo_record.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "mallorn-apply/journal.hpp"
#include "mallorn-apply/undo_writer.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using namespace mallorn::apply;
using test::Bytes;

namespace {

struct Read {
  UndoHead head;
  std::vector<ByteRange> ranges;
  Bytes old;
};

Status read(ByteView record, uint64_t base_bytes, ByteView now, Read* to) {
  Status status = read_undo_head(record, &to->head);
  if (status != Status::ok) return status;
  const ByteView rest = record.subspan(kUndoHeadBytes);
  if (to->head.rest_bytes() != rest.size()) return Status::malformed;
  status = read_undo_ranges(to->head, rest, base_bytes, &to->ranges);
  if (status != Status::ok) return status;
  uint64_t total = 0;
  for (const ByteRange& range : to->ranges) total += range.length;
  to->old.resize(static_cast<size_t>(total));
  if (total > now.size()) return Status::malformed;
  return decode_undo(to->head, rest, now.first(to->old.size()), to->old);
}

void set_coding(Bytes* record, UndoCoding coding) {
  (*record)[0] = static_cast<uint8_t>(coding);
}

// Numbers of so many bytes that have moved by little.
Bytes moved(const Bytes& old, size_t width, test::Random& random) {
  Bytes now = old;
  for (size_t at = 0; at + width <= now.size(); at += width) {
    uint32_t number = 0;
    for (size_t i = 0; i < width; ++i) number |= uint32_t{now[at + i]} << 8 * i;
    number += static_cast<uint32_t>(random.below(7)) - 3;
    for (size_t i = 0; i < width; ++i) now[at + i] = static_cast<uint8_t>(number >> 8 * i);
  }
  return now;
}

}  // namespace

TEST_CASE("undo record: numbers that have moved are coded by their width, and come back") {
  test::Random random(5);
  UndoEncoder encoder;
  const std::pair<size_t, UndoCoding> widths[] = {{1, UndoCoding::differences_1},
                                                  {2, UndoCoding::differences_2},
                                                  {4, UndoCoding::differences_4}};
  for (const auto& [width, coding] : widths) {
    for (const size_t length : {size_t{4001}, size_t{kMaxUndoRecordBytes}}) {
      const Bytes old = random.bytes(length);
      const Bytes now = moved(old, width, random);
      const Bytes record = encoder.encode({{10, length}}, old, now);
      CHECK(record.size() < length * 3 / 4);
      Read back;
      REQUIRE(read(record, 10 + length, now, &back) == Status::ok);
      CHECK(back.head.coding == coding);
      CHECK(back.old == old);
      CHECK(read(record, 9 + length, now, &back) == Status::malformed);
    }
  }
}

TEST_CASE("undo record: noise is kept as it is, text without what replaces it") {
  test::Random random(6);
  UndoEncoder encoder;
  Read back;
  const Bytes noise = random.bytes(1000);
  Bytes record = encoder.encode({{0, 400}, {500, 600}}, noise, random.bytes(1000));
  CHECK(record.size() == kUndoHeadBytes + 2 * kUndoRangeBytes + 1000);
  REQUIRE(read(record, 1100, Bytes(1000), &back) == Status::ok);
  CHECK(back.old == noise);
  CHECK(back.ranges == std::vector<ByteRange>{{0, 400}, {500, 600}});
  const Bytes text = random.text(1000);
  record = encoder.encode({{0, 1000}}, text, noise);
  REQUIRE(read(record, 1000, Bytes(1000, 9), &back) == Status::ok);
  CHECK(back.head.coding == UndoCoding::zstd);
  CHECK(back.old == text);
}

TEST_CASE("undo record: what is damaged, or for other bytes, is refused") {
  test::Random random(7);
  const Bytes old = random.bytes(300);
  Bytes now = moved(old, 1, random);
  const Bytes record = UndoEncoder().encode({{0, 100}, {200, 200}}, old, now);
  Read back;
  REQUIRE(read(record, 400, now, &back) == Status::ok);
  for (size_t bit = 0; bit < 8 * record.size(); ++bit) {
    Bytes flipped = record;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
    REQUIRE(read(flipped, 400, now, &back) != Status::ok);
  }
  for (size_t length = 0; length < kUndoHeadBytes; ++length) {
    REQUIRE(read(ByteView(record).first(length), 400, now, &back) == Status::truncated);
  }
  now[7] ^= 1;
  CHECK(read(record, 400, now, &back) == Status::check_mismatch);
  Bytes other = record;
  set_coding(&other, UndoCoding::bytes);
  CHECK(read(other, 400, now, &back) == Status::corrupt_data);
  set_coding(&other, static_cast<UndoCoding>(5));
  CHECK(read(other, 400, now, &back) == Status::malformed);
}

TEST_CASE("undo record: counts and lengths beyond what is allowed are refused") {
  const auto status_of = [](uint32_t ranges, uint32_t coded) {
    Bytes bytes(kUndoHeadBytes);
    store_le(bytes.data() + 1, ranges);
    store_le(bytes.data() + 5, coded);
    UndoHead head;
    return read_undo_head(bytes, &head);
  };
  CHECK(status_of(1, kMaxUndoRecordBytes) == Status::ok);
  CHECK(status_of(1, kMaxUndoRecordBytes + 1) == Status::malformed);
  CHECK(status_of(kMaxUndoRanges, 0) == Status::ok);
  CHECK(status_of(kMaxUndoRanges + 1, 0) == Status::malformed);
  CHECK(status_of(0, 0) == Status::malformed);
  const auto ranges_of = [](std::vector<ByteRange> ranges) {
    Bytes bytes(ranges.size() * kUndoRangeBytes);
    for (size_t i = 0; i < ranges.size(); ++i) {
      store_le(bytes.data() + i * kUndoRangeBytes, ranges[i].offset);
      store_le(bytes.data() + i * kUndoRangeBytes + 8,
               static_cast<uint32_t>(ranges[i].length));
    }
    const UndoHead head{UndoCoding::bytes, static_cast<uint32_t>(ranges.size()), 0, 0};
    std::vector<ByteRange> read;
    return read_undo_ranges(head, bytes, UINT64_MAX, &read);
  };
  constexpr uint64_t kMost = kMaxUndoRecordBytes;
  CHECK(ranges_of({{5, kMost}}) == Status::ok);
  CHECK(ranges_of({{5, kMost + 1}}) == Status::malformed);
  CHECK(ranges_of({{5, kMost}, {0, 1}}) == Status::malformed);
  CHECK(ranges_of({{5, 0}}) == Status::malformed);
  CHECK(ranges_of({{UINT64_MAX - 5, 6}}) == Status::malformed);
}

TEST_CASE("undo writer: units of any pieces, cut off where the base ends") {
  test::Random random(8);
  const Bytes base = random.bytes(900'000);
  const Bytes now = random.bytes(1'000'000);
  Bytes records;
  UndoWriter writer(base, [&](ByteView record) {
    records.insert(records.end(), record.begin(), record.end());
    return records.size() - record.size();
  });
  const auto add = [&](size_t offset, size_t length) {
    writer.add(offset, ByteView(now).subspan(offset, length));
  };
  add(3, 1);
  add(4, 600'000);
  add(700'000, 300'000);
  const UndoWriter::Unit large = writer.end_unit();
  add(1, 2);
  const UndoWriter::Unit small = writer.end_unit();
  add(950'000, 5);
  CHECK(writer.end_unit().records == ByteRange{});
  CHECK(large.records == ByteRange{0, records.size() - small.records.length});
  CHECK(small.records.end() == records.size());
  CHECK(small.piece_bytes == 16 + 2);
  Bytes model = now;
  uint64_t restored = 0;
  for (size_t at = 0; at < large.records.length;) {
    UndoHead head;
    REQUIRE(read_undo_head(ByteView(records).subspan(at), &head) == Status::ok);
    const size_t length = kUndoHeadBytes + head.rest_bytes();
    std::vector<ByteRange> ranges;
    const ByteView rest = ByteView(records).subspan(at + kUndoHeadBytes, head.rest_bytes());
    REQUIRE(read_undo_ranges(head, rest, base.size(), &ranges) == Status::ok);
    Bytes before;
    for (const ByteRange& range : ranges) {
      const auto begin = now.begin() + static_cast<ptrdiff_t>(range.offset);
      before.insert(before.end(), begin, begin + static_cast<ptrdiff_t>(range.length));
    }
    Bytes old(before.size());
    REQUIRE(decode_undo(head, rest, before, old) == Status::ok);
    ByteView left = old;
    for (const ByteRange& range : ranges) {
      const auto part = static_cast<size_t>(range.length);
      std::copy_n(left.begin(), part, model.begin() + static_cast<ptrdiff_t>(range.offset));
      left = left.subspan(part);
      restored += kPieceHeadBytes + range.length;
    }
    at += length;
  }
  CHECK(restored == large.piece_bytes);
  Bytes expected = now;
  std::copy(base.begin() + 3, base.begin() + 600'004, expected.begin() + 3);
  std::copy(base.begin() + 700'000, base.end(), expected.begin() + 700'000);
  CHECK(model == expected);
}
