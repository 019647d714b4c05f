// The ZIP archive behind a model: labelled entry by entry, or left alone.
#include "mallorn-parse/tflite_zip.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace mallorn;
using namespace mallorn::parse;

namespace {

struct Entry {
  std::string name;
  std::string data;
};

// An archive behind `prefix` bytes; every field that tests spoil is a member.
struct Archive {
  size_t prefix = 16;
  std::vector<Entry> entries = {{"labels.txt", "one two"}, {"vocab.txt", "three"}};
  std::string comment;
  bool is_relative = false;     // offsets count from the archive's start
  int64_t offset_error = 0;     // added to every local header offset
  int64_t directory_error = 0;  // added to the directory's offset
  int count_error = 0;          // added to both entry counts
  int length_error = 0;         // added to the directory's length
  uint16_t disk = 0;

  std::vector<uint8_t> bytes() const {
    std::vector<uint8_t> out(prefix, 0x55);
    std::vector<size_t> offsets;
    for (const Entry& entry : entries) {
      offsets.push_back(out.size());
      put(&out, 0x04034b50, 4);
      put(&out, 20, 2);
      for (int i = 0; i < 4; ++i) put(&out, 0, 2);
      put(&out, 0, 4);
      put(&out, entry.data.size(), 4);
      put(&out, entry.data.size(), 4);
      put(&out, entry.name.size(), 2);
      put(&out, 0, 2);
      text(&out, entry.name + entry.data);
    }
    const size_t base = is_relative ? prefix : 0;
    const size_t directory = out.size();
    for (size_t i = 0; i < entries.size(); ++i) {
      put(&out, 0x02014b50, 4);
      for (int j = 0; j < 6; ++j) put(&out, 0, 4);
      put(&out, entries[i].name.size(), 2);
      put(&out, 3, 2);
      put(&out, 2, 2);
      put(&out, 0, 8);
      put(&out,
          static_cast<uint64_t>(static_cast<int64_t>(offsets[i] - base) + offset_error), 4);
      text(&out, entries[i].name + "exxcc");
    }
    const size_t length = out.size() - directory;
    put(&out, 0x06054b50, 4);
    put(&out, disk, 2);
    put(&out, 0, 2);
    put(&out, static_cast<uint64_t>(static_cast<int>(entries.size()) + count_error), 2);
    put(&out, static_cast<uint64_t>(static_cast<int>(entries.size()) + count_error), 2);
    put(&out, static_cast<uint64_t>(static_cast<int>(length) + length_error), 4);
    put(&out,
        static_cast<uint64_t>(static_cast<int64_t>(directory - base) + directory_error), 4);
    put(&out, comment.size(), 2);
    text(&out, comment);
    return out;
  }

  static void put(std::vector<uint8_t>* out, uint64_t value, int width) {
    for (int i = 0; i < width; ++i) out->push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  static void text(std::vector<uint8_t>* out, const std::string& value) {
    out->insert(out->end(), value.begin(), value.end());
  }
};

bool is_refused(const Archive& archive) {
  return zip_tail_ranges(archive.bytes(), archive.prefix).empty();
}

}  // namespace

TEST_CASE("tflite_zip: one range per entry and one for the directory") {
  for (const bool is_relative : {false, true}) {
    Archive archive;
    archive.is_relative = is_relative;
    const std::vector<uint8_t> file = archive.bytes();
    const std::vector<Range> ranges = zip_tail_ranges(file, 16);
    REQUIRE(ranges.size() == 3);
    CHECK(ranges[0].offset_bytes == 16);
    CHECK(ranges[0].length_bytes == 30 + 10 + 7);
    CHECK(ranges[0].names == std::vector<std::string>{"labels.txt"});
    CHECK(ranges[1].offset_bytes == 63);
    CHECK(ranges[1].length_bytes == 30 + 9 + 5);
    CHECK(ranges[1].names == std::vector<std::string>{"vocab.txt"});
    CHECK(ranges[2].offset_bytes == 107);
    CHECK(ranges[2].offset_bytes + ranges[2].length_bytes == file.size());
    for (const Range& range : ranges) {
      CHECK(range.kind == RangeKind::gap);
      CHECK(range.role == "tail");
    }
  }
}

TEST_CASE("tflite_zip: comments up to their greatest length") {
  Archive archive;
  archive.comment = std::string(65535, 'c');
  CHECK(zip_tail_ranges(archive.bytes(), 16).size() == 3);
  archive.comment = "PK\x05\x06 is not the end record here, it says another length";
  CHECK(zip_tail_ranges(archive.bytes(), 16).size() == 3);
  std::vector<uint8_t> file = archive.bytes();
  file.push_back(0);
  CHECK(zip_tail_ranges(file, 16).empty());
}

TEST_CASE("tflite_zip: an empty archive is its end record") {
  Archive archive;
  archive.entries.clear();
  const std::vector<Range> ranges = zip_tail_ranges(archive.bytes(), 16);
  REQUIRE(ranges.size() == 1);
  CHECK(ranges[0].length_bytes == 22);
}

TEST_CASE(
    "tflite_zip: entries that share a local header become one range with both names") {
  Archive archive;
  archive.entries = {{"a", ""}, {"b", ""}};
  std::vector<uint8_t> file = archive.bytes();
  // The second record's offset: 46 + 1 + 5 bytes after the first record's, which begins
  // at 42.
  const size_t directory = 16 + 31 + 31;
  file[directory + 52 + 42] = 16;
  const std::vector<Range> ranges = zip_tail_ranges(file, 16);
  REQUIRE(ranges.size() == 2);
  CHECK(ranges[0].names == std::vector<std::string>{"a", "b"});
  CHECK(ranges[0].length_bytes == 62);
}

TEST_CASE("tflite_zip: an archive that begins before `begin` is refused") {
  const Archive archive;
  CHECK(zip_tail_ranges(archive.bytes(), 16).size() == 3);
  CHECK(zip_tail_ranges(archive.bytes(), 17).empty());
  CHECK(zip_tail_ranges(archive.bytes(), archive.bytes().size()).empty());
}

TEST_CASE("tflite_zip: anything out of place is refused") {
  CHECK_FALSE(is_refused(Archive{}));
  for (const int64_t error : {-16, -1, 1, 16, 91, 0x7FFFFFFF}) {
    Archive archive;
    archive.offset_error = error;
    CHECK_MESSAGE(is_refused(archive), "offset ", error);
  }
  for (const int64_t error : {1, 1000, 0x7FFFFFFF}) {
    Archive archive;
    archive.directory_error = error;
    CHECK_MESSAGE(is_refused(archive), "directory ", error);
  }
  for (const int error : {-1, 1, 1000}) {
    Archive archive;
    archive.count_error = error;
    CHECK_MESSAGE(is_refused(archive), "count ", error);
  }
  for (const int error : {-1, 1, 1000}) {
    Archive archive;
    archive.length_error = error;
    CHECK_MESSAGE(is_refused(archive), "length ", error);
  }
  Archive archive;
  archive.disk = 1;
  CHECK(is_refused(archive));
}

TEST_CASE("tflite_zip: no cut and no flipped bit leads out of the file") {
  const std::vector<uint8_t> whole = Archive{}.bytes();
  const auto check = [](const std::vector<uint8_t>& file) {
    uint64_t end = 16;
    for (const Range& range : zip_tail_ranges(file, 16)) {
      CHECK(range.offset_bytes >= end);
      end = range.offset_bytes + range.length_bytes;
    }
    CHECK((end == 16 || end == file.size()));
  };
  for (size_t length = 16; length < whole.size(); ++length) {
    check(std::vector<uint8_t>(whole.begin(),
                               whole.begin() + static_cast<ptrdiff_t>(length)));
  }
  for (size_t bit = 16 * 8; bit < whole.size() * 8; ++bit) {
    std::vector<uint8_t> file = whole;
    file[bit / 8] = static_cast<uint8_t>(file[bit / 8] ^ (1U << (bit % 8)));
    check(file);
  }
}
