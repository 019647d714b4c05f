// The JSON form of a manifest, both ways, and what its reader refuses.
#include "libcommon/manifest.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "libcommon/error.hpp"

using namespace mallorn;

namespace {

Range gap(uint64_t offset, uint64_t length, const std::string& role) {
  Range range;
  range.offset_bytes = offset;
  range.length_bytes = length;
  range.role = role;
  return range;
}

// A manifest that uses every field.
Manifest full_manifest() {
  Manifest manifest;
  manifest.format = "gguf";
  manifest.is_big_endian = true;
  manifest.path = "a \"b\".gguf";
  manifest.state = "1:2:3.4:5.6";
  manifest.length_bytes = 1000;
  manifest.external_files = {"weights.bin"};
  manifest.ranges.push_back(gap(0, 100, "meta"));
  Range tensor = gap(100, 144, "");
  tensor.kind = RangeKind::tensor;
  tensor.dtype = Dtype::q4_k;
  tensor.names = {"blk.0", "tied"};
  tensor.shape = {1, 256};
  manifest.ranges.push_back(tensor);
  Range quantized = gap(244, 6, "values");
  quantized.kind = RangeKind::tensor;
  quantized.dtype = Dtype::i8;
  quantized.shape = {2, 3};
  quantized.quantization = {{0.1F, -0.0F, 1e-38F}, {0, -128, INT64_MIN}, -1};
  manifest.ranges.push_back(quantized);
  Range typed = gap(250, 750, "scale");
  typed.dtype = Dtype::f32;
  manifest.ranges.push_back(typed);
  return manifest;
}

std::string refusal(const std::string& text) {
  try {
    (void)manifest_from_json(text, "x");
  } catch (const Error& error) {
    CHECK(error.status() == Status::malformed);
    return error.what();
  }
  return "accepted";
}

// A manifest of three bytes whose only range has `fields` besides kind, offset and length.
std::string with_fields(const std::string& fields) {
  return R"({"format":"raw","byte_order":"little","length":3,"ranges":[{"kind":"gap",)"
         R"("offset":0,"length":3)" +
         fields + "}]}";
}

}  // namespace

TEST_CASE("manifest: is written in a fixed order, without empty fields") {
  CHECK(
      manifest_to_json(full_manifest()) ==
      R"({"format":"gguf","byte_order":"big","path":"a \"b\".gguf",)"
      R"("state":"1:2:3.4:5.6","length":1000,)"
      R"("external_files":["weights.bin"],"ranges":[)"
      R"({"kind":"gap","offset":0,"length":100,"role":"meta"},)"
      R"({"kind":"tensor","offset":100,"length":144,"dtype":"q4_k","names":["blk.0","tied"],)"
      R"("shape":[1,256],"block":{"elements":256,"bytes":144}},)"
      R"({"kind":"tensor","offset":244,"length":6,"dtype":"i8","role":"values","shape":[2,3],)"
      R"("quantization":{"scales":[0.1,-0.0,1e-38],)"
      R"("zero_points":[0,-128,-9223372036854775808],"axis":-1}},)"
      R"({"kind":"gap","offset":250,"length":750,"dtype":"f32","role":"scale"}]})");
}

TEST_CASE("manifest: reads back as it was written") {
  const Manifest manifest = full_manifest();
  const Manifest again = manifest_from_json(manifest_to_json(manifest), "x");
  CHECK(again == manifest);
  CHECK(std::signbit(again.ranges[2].quantization.scales[1]));
}

TEST_CASE("manifest: an empty file has no ranges") {
  Manifest manifest;
  manifest.format = "raw";
  const std::string text = manifest_to_json(manifest);
  CHECK(text == R"({"format":"raw","byte_order":"little","length":0,"ranges":[]})");
  CHECK(manifest_from_json(text, "x") == manifest);
}

TEST_CASE("manifest: every dtype keeps its name") {
  const DtypeTable table = dtype_table();
  for (size_t i = 0; i < table.count; ++i) {
    Manifest manifest;
    manifest.format = "raw";
    manifest.length_bytes = 5;
    manifest.ranges.push_back(gap(0, 5, ""));
    manifest.ranges[0].kind = RangeKind::tensor;
    manifest.ranges[0].dtype = table.entries[i].dtype;
    CHECK(manifest_from_json(manifest_to_json(manifest), "x") == manifest);
  }
}

TEST_CASE("manifest: floats survive, those that JSON cannot hold become NaN") {
  Manifest manifest;
  manifest.format = "tflite";
  manifest.length_bytes = 1;
  manifest.ranges.push_back(gap(0, 1, ""));
  std::vector<float>& scales = manifest.ranges[0].quantization.scales;
  uint32_t bits = 1;
  for (int i = 0; i < 20000; ++i) {
    bits = bits * 1664525 + 1013904223;
    float value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    if (std::isfinite(value)) scales.push_back(value);
  }
  scales.push_back(std::numeric_limits<float>::denorm_min());
  scales.push_back(std::numeric_limits<float>::max());
  scales.push_back(16777216.0F);
  CHECK(manifest_from_json(manifest_to_json(manifest), "x") == manifest);

  scales = {std::numeric_limits<float>::infinity(), std::nanf(""), 1.0F};
  const std::string text = manifest_to_json(manifest);
  CHECK(text.find("[null,null,1]") != std::string::npos);
  const Manifest again = manifest_from_json(text, "x");
  CHECK(std::isnan(again.ranges[0].quantization.scales[0]));
  CHECK(std::isnan(again.ranges[0].quantization.scales[1]));
}

TEST_CASE("manifest: names are escaped, ill-formed UTF-8 byte by byte") {
  Manifest manifest;
  manifest.format = "raw";
  manifest.length_bytes = 1;
  manifest.ranges.push_back(gap(0, 1, ""));
  const auto written = [&](const std::string& name) {
    manifest.ranges[0].names = {name};
    const std::string text = manifest_to_json(manifest);
    return manifest_from_json(text, "x").ranges[0].names[0];
  };
  CHECK(written("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80") ==
        "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
  CHECK(written(std::string("\0\x1F\x7F\"\\/\n", 7)) ==
        std::string("\0\x1F\x7F\"\\/\n", 7));
  CHECK(written("a\xFFz") == R"(a\xffz)");
  CHECK(written("a\xFEz") == R"(a\xfez)");
  CHECK(written("\xC0\xAF") == R"(\xc0\xaf)");
  CHECK(written("\xED\xA0\x80") == R"(\xed\xa0\x80)");
  CHECK(written("\xF4\x90\x80\x80") == R"(\xf4\x90\x80\x80)");
  CHECK(written("\xE2\x82") == R"(\xe2\x82)");
  CHECK(written("\xE2\x82z") == R"(\xe2\x82z)");
  CHECK(written("\xF0\x9F\x98") == R"(\xf0\x9f\x98)");
  CHECK(written("\xC2\x80\xC2\x9F\xC2\xA0") == "\xC2\x80\xC2\x9F\xC2\xA0");
  CHECK(manifest_to_json(manifest).find("\\u0080\\u009f\xC2\xA0") != std::string::npos);
}

TEST_CASE("manifest: every prefix is refused") {
  const std::string text = manifest_to_json(full_manifest());
  for (size_t length = 0; length < text.size(); ++length) {
    CHECK(refusal(text.substr(0, length)) != "accepted");
  }
  CHECK(refusal(text + "x") != "accepted");
  CHECK(refusal(text + "\n ") == "accepted");
}

TEST_CASE("manifest: ranges must tile the file") {
  const auto ranges = [](const std::string& list) {
    return refusal(R"({"format":"raw","byte_order":"little","length":10,"ranges":[)" +
                   list + "]}");
  };
  const std::string first = R"({"kind":"gap","offset":0,"length":4})";
  CHECK(ranges(first + R"(,{"kind":"gap","offset":4,"length":6})") == "accepted");
  CHECK(ranges(first) == "x: ranges do not cover the file's length");
  CHECK(ranges("") != "accepted");
  CHECK(ranges(first + R"(,{"kind":"gap","offset":5,"length":5})") ==
        "x: range 1: does not begin where the one before ends");
  CHECK(ranges(first + R"(,{"kind":"gap","offset":3,"length":7})") != "accepted");
  CHECK(ranges(first + R"(,{"kind":"gap","offset":4,"length":7})") != "accepted");
  CHECK(ranges(first + R"(,{"kind":"gap","offset":4,"length":0})") ==
        "x: range 1: is empty");
  CHECK(ranges(first + R"(,{"kind":"gap","offset":4,"length":18446744073709551612})") ==
        "x: range 1: ends above 2^64");
  CHECK(ranges(first + R"(,{"kind":"gap","offset":4,"length":18446744073709551616})") !=
        "accepted");
}

TEST_CASE("manifest: a missing field is named") {
  const auto without = [](const std::string& text, const std::string& field) {
    std::string cut = text;
    cut.replace(cut.find(field), field.size(), "");
    return refusal(cut);
  };
  const std::string text = with_fields("");
  CHECK(refusal(text) == "accepted");
  CHECK(without(text, R"("format":"raw",)") == "x: \"format\" is missing");
  CHECK(without(text, R"("byte_order":"little",)") == "x: \"byte_order\" is missing");
  CHECK(without(text, R"("length":3,)") == "x: \"length\" is missing");
  CHECK(without(text, R"("kind":"gap",)") == "x: range 0: \"kind\" is missing");
  CHECK(without(text, R"("offset":0,)") == "x: range 0: \"offset\" is missing");
  CHECK(without(text, R"(,"length":3)") != "accepted");
  CHECK(refusal(R"({"format":"raw","byte_order":"little","length":0})") ==
        "x: \"ranges\" is missing");
  CHECK(refusal(R"({"format":"","byte_order":"little","length":0,"ranges":[]})") ==
        "x: \"format\" is empty");
}

TEST_CASE("manifest: a field of the wrong kind is refused") {
  const char* const fields[] = {
      "offset", "length", "kind",         "dtype", "role",
      "names",  "shape",  "quantization", "block",
  };
  const char* const values[] = {
      "null",        "true", "-1",   "1.5",    "1e400",
      "\"\\u0001\"", "[[]]", "[{}]", "[null]", "{\"a\":",
  };
  for (const char* field : fields) {
    for (const char* value : values) {
      const std::string text =
          R"({"format":"raw","byte_order":"little","length":3,"ranges":[{")" +
          std::string(field) + "\":" + value + "}]}";
      CHECK_MESSAGE(refusal(text) != "accepted", text);
    }
  }
  for (const char* document :
       {"", "0", "null", "\"x\"", "[]", "{}", "[{}]", "\xFF", "{\"a\"}"}) {
    CHECK_MESSAGE(refusal(document) != "accepted", document);
  }
  CHECK(refusal(R"({"ranges":{}})") == "x: \"ranges\" must not be an object");
  CHECK(refusal(R"({"ranges":[0]})") == "x: \"ranges\" must not be a number");
  CHECK(refusal(R"({"ranges":[[]]})") == "x: \"ranges\" must not be an array");
}

TEST_CASE("manifest: values out of range are refused") {
  CHECK(refusal(with_fields(R"(,"dtype":"f33")")) ==
        "x: range 0: \"dtype\" is not a known dtype");
  CHECK(refusal(with_fields(R"(,"role":"a b")")) != "accepted");
  CHECK(refusal(with_fields(R"(,"role":")" + std::string(32, 'a') + "\"")) == "accepted");
  CHECK(refusal(with_fields(R"(,"role":")" + std::string(33, 'a') + "\"")) != "accepted");
  CHECK(refusal(with_fields(R"(,"shape":[18446744073709551615])")) == "accepted");
  CHECK(refusal(with_fields(R"(,"shape":[18446744073709551616])")) != "accepted");
  CHECK(refusal(with_fields(R"(,"quantization":{"axis":2147483648})")) != "accepted");
  CHECK(refusal(with_fields(R"(,"quantization":{"axis":-2147483649})")) != "accepted");
  CHECK(refusal(with_fields(R"(,"quantization":{"scales":[1e39]})")) ==
        "x: range 0: \"scales\" is out of range");
  CHECK(refusal(with_fields(R"(,"quantization":{"scales":1})")) != "accepted");
  CHECK(refusal(with_fields(R"(,"quantization":{"zero_points":[9223372036854775808]})")) !=
        "accepted");
  CHECK(refusal(with_fields(R"(,"dtype":"q8_0","block":{"elements":32,"bytes":34})")) ==
        "accepted");
  CHECK(refusal(with_fields(R"(,"dtype":"q8_0","block":{"elements":32,"bytes":18})")) ==
        "x: range 0: \"block\" is not that of the dtype");
  CHECK(refusal(with_fields(R"(,"block":{"elements":32,"bytes":34})")) != "accepted");
}

TEST_CASE("manifest: a field given twice is refused") {
  CHECK(refusal(with_fields(R"(,"offset":0)")) == "x: range 0: \"offset\" is given twice");
  CHECK(refusal(with_fields(R"(,"quantization":{"axis":1,"axis":1})")) != "accepted");
  CHECK(refusal(with_fields(R"(,"quantization":{},"quantization":{})")) != "accepted");
  CHECK(
      refusal(
          R"({"format":"raw","byte_order":"little","length":0,"ranges":[],"ranges":[]})") ==
      "x: \"ranges\" is given twice");
}

TEST_CASE("manifest: unknown fields are skipped, down to a limit") {
  CHECK(refusal(with_fields(
            R"(,"x":{"kind":[{"offset":7}],"y":null},"z":[1,-1,1.5,true,""])")) ==
        "accepted");
  const auto nested = [](size_t depth) {
    return refusal(
        with_fields(",\"x\":" + std::string(depth, '[') + std::string(depth, ']')));
  };
  // The manifest, its list and the range are three.
  CHECK(nested(61) == "accepted");
  CHECK(nested(62) != "accepted");
  CHECK(nested(1000000) != "accepted");
}

TEST_CASE("manifest: a hundred thousand ranges") {
  Manifest manifest;
  manifest.format = "gguf";
  for (uint64_t i = 0; i < 100000; ++i) {
    manifest.ranges.push_back(gap(i * 7, 7, "pad"));
    manifest.ranges.back().names = {"tensor." + std::to_string(i)};
  }
  manifest.length_bytes = 700000;
  CHECK(manifest_from_json(manifest_to_json(manifest), "x") == manifest);
}
