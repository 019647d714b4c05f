// The format of last resort, and the choice among formats.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "mallorn-parse/compression.hpp"
#include "mallorn-parse/registry.hpp"
#include "mallorn-parse/tensor_map.hpp"

using namespace mallorn;
using namespace mallorn::parse;

TEST_CASE("raw: takes anything as one opaque range") {
  for (const size_t length : {size_t{0}, size_t{1}, size_t{5000}}) {
    const std::vector<uint8_t> file(length, 0x42);
    const ModelFormat format = raw_format();
    CHECK(format.probe(file));
    const ParsedModel model = format.read(file);
    CHECK(model.external_files.empty());
    CHECK_FALSE(model.is_big_endian);
    const std::vector<Range> ranges = tile_ranges(model.ranges, length);
    REQUIRE(ranges.size() == (length > 0 ? 1 : 0));
    if (length == 0) continue;
    CHECK(ranges[0].kind == RangeKind::gap);
    CHECK(ranges[0].dtype == Dtype::opaque);
    CHECK(ranges[0].role == "opaque");
    CHECK(ranges[0].length_bytes == length);
  }
}

TEST_CASE("registry: formats are found by name") {
  for (const ModelFormat& format : model_formats()) {
    const std::optional<ModelFormat> found = find_format(format.name);
    REQUIRE(found.has_value());
    CHECK((found->read == format.read));
  }
  CHECK_FALSE(find_format("").has_value());
  CHECK_FALSE(find_format("TFLITE").has_value());
  CHECK(std::string(model_formats().back().name) == "raw");
}

TEST_CASE("registry: content decides, raw takes the rest") {
  const auto probed = [](const std::string& content) {
    const std::vector<uint8_t> file(content.begin(), content.end());
    return std::string(probe_format(file).name);
  };
  CHECK(probed("") == "raw");
  CHECK(probed("T") == "raw");
  CHECK(probed("    TFL3") == "tflite");
  CHECK(probed("    TFL") == "raw");
  CHECK(probed("just some text that is no model") == "raw");
}

TEST_CASE("raw: what is compressed is known by how it begins") {
  const auto compression = [](std::string_view content) {
    const std::vector<uint8_t> file(content.begin(), content.end());
    const char* name = compression_of(file);
    return name == nullptr ? std::string() : std::string(name);
  };
  using namespace std::string_view_literals;
  CHECK(compression("\x1f\x8b\x08\0"sv) == "gzip");
  CHECK(compression("\x28\xb5\x2f\xfd\x04"sv) == "zstd");
  CHECK(compression("\xfd\x37zXZ\0\0"sv) == "xz");
  CHECK(compression("BZh91AY"sv) == "bzip2");
  CHECK(compression("\x04\x22\x4d\x18\x60"sv) == "lz4");
  CHECK(compression(""sv).empty());
  CHECK(compression("\x1f\x8b"sv).empty());
  CHECK(compression("    TFL3"sv).empty());
}

TEST_CASE("raw: an archive is compressed if its first member with anything in it is") {
  const auto member = [](uint8_t method, uint8_t size) {
    std::vector<uint8_t> bytes = {'P',  'K', 3, 4, 20, 0, 0, 0,    method, 0, 0,
                                  0,    0,   0, 0, 0,  0, 0, size, 0,      0, 0,
                                  size, 0,   0, 0, 1,  0, 0, 0,    'n'};
    bytes.insert(bytes.end(), size, 'x');
    return bytes;
  };
  const auto is_compressed = [](std::vector<std::vector<uint8_t>> members) {
    std::vector<uint8_t> file;
    for (const auto& bytes : members) file.insert(file.end(), bytes.begin(), bytes.end());
    return compression_of(file) != nullptr;
  };
  CHECK(is_compressed({member(8, 3)}));
  CHECK_FALSE(is_compressed({member(0, 3)}));
  CHECK_FALSE(is_compressed({member(0, 3), member(8, 3)}));
  CHECK(is_compressed({member(0, 0), member(0, 0), member(8, 3)}));  // in folders
  CHECK_FALSE(is_compressed({member(0, 0)}));
  std::vector<uint8_t> cut = member(8, 3);
  for (cut.resize(29); !cut.empty(); cut.pop_back()) CHECK_FALSE(is_compressed({cut}));
}
