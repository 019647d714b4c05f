// ONNX models written byte by byte: where tensors hide, which label they get, what is
// refused.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "libcommon/error.hpp"
#include "tests/parse/onnx_builder.hpp"

using namespace mallorn;
using namespace mallorn::parse;
using namespace mallorn::parse::onnx_test;

TEST_CASE("onnx: a raw initializer is a tensor with name, dtype and shape") {
  const std::string data(24, 'd');
  const Range range =
      only_range(with_initializer(tensor("w", kFloat, {2, 3}, field(9, data))), data);
  CHECK(range.kind == RangeKind::tensor);
  CHECK(range.dtype == Dtype::f32);
  CHECK(range.shape == std::vector<uint64_t>{2, 3});
  CHECK(range.names == Names{"w"});
  CHECK(range.role.empty());
}

TEST_CASE("onnx: every data type has its dtype") {
  const char* const names[] = {
      "opaque", "f32",    "u8",      "i8",        "u16",         "i16",     "i32",
      "i64",    "opaque", "bool",    "f16",       "f64",         "u32",     "u64",
      "c64",    "c128",   "bf16",    "f8_e4m3fn", "f8_e4m3fnuz", "f8_e5m2", "f8_e5m2fnuz",
      "u4",     "i4",     "f4_e2m1", "f8_e8m0",   "u2",          "i2",      "opaque"};
  for (uint64_t id = 0; id < std::size(names); ++id) {
    CAPTURE(id);
    const DtypeLayout* layout = nullptr;
    for (size_t i = 0; i < dtype_table().count; ++i) {
      if (std::string(dtype_table().entries[i].name) == names[id])
        layout = &dtype_table().entries[i];
    }
    REQUIRE(layout != nullptr);
    const uint64_t elements = 32 / layout->block_bytes * layout->block_elements;
    const ParsedModel found =
        read_all(with_initializer(tensor("w", id, {elements}, raw(32))));
    REQUIRE(found.ranges.size() == 1);
    CHECK(found.ranges[0].dtype == layout->dtype);
    CHECK(found.ranges[0].shape.size() == (layout->dtype == Dtype::opaque ? 0 : 1));
  }
}

TEST_CASE("onnx: sub-byte types round up to whole bytes") {
  const uint64_t kInt4 = 22;
  const auto shape = [&](uint64_t elements) {
    return read_all(with_initializer(tensor("w", kInt4, {elements}, raw(16))))
        .ranges[0]
        .shape;
  };
  CHECK(shape(30).empty());
  CHECK(shape(31).size() == 1);
  CHECK(shape(32).size() == 1);
  CHECK(shape(33).empty());
}

TEST_CASE("onnx: packed floats and doubles are of fixed width, varints opaque") {
  const std::string data(32, 'f');
  const auto range = [&](uint64_t data_type, uint32_t number, uint64_t elements) {
    return only_range(
        with_initializer(tensor("w", data_type, {elements}, field(number, data))), data);
  };
  CHECK(range(kFloat, 4, 8).dtype == Dtype::f32);
  CHECK(range(kFloat, 4, 8).shape.size() == 1);
  CHECK(range(14, 4, 4).dtype == Dtype::c64);
  CHECK(range(14, 4, 4).shape.size() == 1);
  CHECK(range(11, 10, 4).dtype == Dtype::f64);
  CHECK(range(15, 10, 2).dtype == Dtype::c128);
  for (const uint32_t number : {5u, 7u, 11u}) {
    const Range varints = range(kInt32, number, 32);
    CHECK(varints.dtype == Dtype::opaque);
    CHECK(varints.shape.empty());
    CHECK(varints.names == Names{"w"});
  }
}

TEST_CASE("onnx: unpacked elements are one opaque range, keys included") {
  std::string data;
  for (int i = 0; i < 8; ++i) data += fixed32(4, "fffF");
  const Range range = only_range(with_initializer(tensor("w", kFloat, {8}, data)), data);
  CHECK(range.dtype == Dtype::opaque);
  CHECK(range.shape.empty());
  std::string strings;
  for (int i = 0; i < 8; ++i) strings += field(6, std::string("text"));
  CHECK(only_range(with_initializer(tensor("s", kString, {8}, strings)), strings).dtype ==
        Dtype::opaque);
  // Interrupted by another field: no one range holds just the elements.
  CHECK(read_all(with_initializer(data + field(2, kFloat) + data)).ranges.empty());
}

TEST_CASE("onnx: packed dims, and dims that tell nothing") {
  const auto shape = [](const std::string& dims) {
    return read_all(with_initializer(dims + field(2, kFloat) + raw(16))).ranges.at(0).shape;
  };
  CHECK(shape(field(1, varint(2) + varint(2))) == std::vector<uint64_t>{2, 2});
  CHECK(shape(field(1, 4)) == std::vector<uint64_t>{4});
  CHECK(shape(field(1, 5)).empty());
  CHECK(shape(field(1, UINT64_MAX)).empty());
  CHECK(shape(field(1, uint64_t{1} << 62) + field(1, 16)).empty());
  std::string ones;
  for (int i = 0; i < 63; ++i) ones += field(1, 1);
  CHECK(shape(ones + field(1, 4)).size() == 64);
  CHECK(shape(ones + field(1, 4) + field(1, 1)).empty());
  CHECK(shape(field(1, std::string(1000, '\1'))).empty());
}

TEST_CASE("onnx: tensors of less than 16 bytes stay in their gap") {
  CHECK(read_all(with_initializer(tensor("w", 2, {15}, raw(15)))).ranges.empty());
  CHECK(read_all(with_initializer(tensor("w", 2, {16}, raw(16)))).ranges.size() == 1);
  CHECK(read_all(with_initializer(tensor("w", 2, {0}, field(9, std::string()))))
            .ranges.empty());
}

TEST_CASE("onnx: two data fields are two ranges without a shape") {
  const std::string data = raw(16) + field(4, std::string(16, 'f'));
  const ParsedModel found = read_all(with_initializer(tensor("w", kFloat, {4}, data)));
  REQUIRE(found.ranges.size() == 2);
  CHECK(found.ranges[0].shape.empty());
  CHECK(found.ranges[1].shape.empty());
}

TEST_CASE("onnx: of a singular field that comes twice the last one counts") {
  const std::string last(16, 'l');
  const std::string text =
      with_initializer(tensor("old", 2, {4}, raw(20) + field(2, kFloat) + field(9, last)) +
                       field(8, std::string("new")));
  const Range range = only_range(text, last);
  CHECK(range.dtype == Dtype::f32);
  CHECK(range.shape.size() == 1);
  CHECK(range.names == Names{"new"});
}

TEST_CASE("onnx: finds tensors in all places") {
  const std::string sparse = field(1, floats("v")) + field(2, tensor("", 7, {2}, raw(16)));
  const std::string graph = field(5, floats("in_subgraph"));
  CHECK(names_of(read_all(model(field(15, sparse)))) == Names{"values/v", "indices/v"});
  CHECK(names_of(read_all(model(
            field(1, node("Op", {}, "o", attribute(5, floats("t"))))))) == Names{"/t"});
  CHECK(names_of(read_all(model(
            field(1, node("Op", {}, "o", attribute(10, floats("t"))))))) == Names{"/t"});
  CHECK(names_of(read_all(model(field(1, node("Op", {}, "o", attribute(22, sparse)))))) ==
        Names{"values/v", "indices/v"});
  CHECK(names_of(read_all(model(field(1, node("Op", {}, "o", attribute(23, sparse)))))) ==
        Names{"values/v", "indices/v"});
  for (const uint32_t number : {6u, 11u}) {
    CHECK(names_of(
              read_all(model(field(1, node("If", {}, "o", attribute(number, graph)))))) ==
          Names{"/in_subgraph"});
  }
  const std::string function =
      field(7, node("Constant", {}, "c", attribute(5, floats("")))) +
      field(11, field(1, std::string("default")) + field(5, floats("d")));
  CHECK(names_of(read_all(model("") + field(25, function))) == Names{"/c", "/d"});
  CHECK(names_of(read_all(model("") + field(20, field(1, graph) + field(2, graph)))) ==
        Names{"/in_subgraph", "/in_subgraph"});
}

TEST_CASE("onnx: a constant is known by its output and by its own name") {
  const auto names = [](const std::string& own) {
    return read_all(model(field(1, node("Constant", {}, "out", attribute(5, floats(own))))))
        .ranges.at(0)
        .names;
  };
  CHECK(names("") == Names{"out"});
  CHECK(names("out") == Names{"out"});
  CHECK(names("own") == Names{"out", "own"});
}

TEST_CASE("onnx: names have at most 64 KiB, and a constant gives its own to one tensor") {
  for (const size_t length : {size_t{65535}, size_t{65536}, size_t{65537}}) {
    CAPTURE(length);
    const std::string name(length, 'n');
    const ParsedModel found = read_all(with_initializer(floats(name)));
    REQUIRE(found.ranges.size() == 1);
    CHECK(found.ranges[0].names == (length > 65536 ? Names{} : Names{name}));
  }
  const std::string attributes = attribute(5, floats("a")) + attribute(5, floats("b"));
  const ParsedModel found =
      read_all(model(field(1, node("Constant", {}, "out", attributes))));
  CHECK(names_of(found) == Names{"/out/a", "/b"});
}

TEST_CASE("onnx: pieces of one message are merged") {
  const std::string first = field(1, 4) + field(2, kFloat);
  const std::string second = raw(16) + field(8, std::string("merged"));
  const std::string pieces =
      field(5, field(5, first) + field(1, std::string("a")) + field(5, second));
  const ParsedModel merged = read_all(model(field(1, node("Op", {}, "o", pieces))));
  REQUIRE(merged.ranges.size() == 1);
  CHECK(merged.ranges[0].dtype == Dtype::f32);
  CHECK(merged.ranges[0].shape.size() == 1);
  CHECK(merged.ranges[0].names == Names{"merged"});
  CHECK(names_of(read_all(model(field(5, floats("a"))) + model(field(5, floats("b"))))) ==
        Names{"/a", "/b"});
}

TEST_CASE("onnx: unknown fields and groups between the known ones are stepped over") {
  const std::string group = "\x9B\x06\x08\x01\x9C\x06";  // field 99
  const std::string noise = group + field(98, std::string("unknown")) + field(97, 5);
  const std::string graph = noise + field(5, noise + floats("w") + noise) + noise;
  const ParsedModel found = read_all(noise + field(7, graph) + noise);
  CHECK(names_of(found) == Names{"/w"});
  CHECK(found.ranges[0].shape.size() == 1);
}

TEST_CASE("onnx: large strings in attributes are labelled") {
  for (const size_t length : {size_t{4095}, size_t{4096}, size_t{4097}}) {
    const std::string blob(length, 'b');
    const ParsedModel found =
        read_all(model(field(1, node("EPContext", {}, "o", attribute(4, blob)))));
    REQUIRE(found.ranges.size() == (length < 4096 ? 0 : 1));
    if (found.ranges.empty()) continue;
    CHECK(found.ranges[0].kind == RangeKind::gap);
    CHECK(found.ranges[0].role == "opaque");
    CHECK(found.ranges[0].names == Names{"a"});
  }
}

TEST_CASE("onnx: tensors of external files have their labels there") {
  const auto tensors = [](const std::string& content) {
    return read_all(model(field(5, content))).external_tensors;
  };
  const auto plain = tensors(external("./a.bin"));
  REQUIRE(plain.size() == 1);
  CHECK(plain[0].file == "a.bin");
  CHECK(plain[0].range.offset_bytes == 0);
  CHECK(plain[0].range.length_bytes == 16);
  CHECK(tensors(external("a", external_entry("length", "16"))).size() == 1);
  CHECK(tensors(external("a", external_entry("length", "15"))).empty());
  CHECK(tensors(external("../a")).empty());
  const std::string outside = external_entry("location", "a") + field(14, 1);
  CHECK(tensors(tensor("s", kString, {4}, outside)).empty());
  CHECK(tensors(tensor("n", kFloat, {0}, outside)).empty());
  CHECK(tensors(tensor("n", kFloat, {UINT64_MAX}, outside)).empty());
  CHECK(tensors(tensor("n", kFloat, {1u << 30, 1u << 30, 1u << 30}, outside)).empty());
}

TEST_CASE("onnx: external files are listed once, in order, and give no range") {
  const ParsedModel found =
      read_all(model(field(5, external("b.bin")) +
                     field(5, external("./a.bin", external_entry("offset", "64"))) +
                     field(5, external("b.bin", external_entry("length", "0"))) +
                     field(15, field(1, external("sparse.bin")))));
  CHECK(found.ranges.empty());
  CHECK(found.external_files == Names{"b.bin", "a.bin", "sparse.bin"});
  const ParsedModel constant = read_all(model(field(
      1, node("Constant", {}, "c", attribute(22, field(1, external("sparse.bin")))))));
  CHECK(constant.external_files == Names{"sparse.bin"});
  CHECK(read_all(model(field(5, external("../x")))).external_files.empty());
  CHECK(read_all(model(field(5, external("x", external_entry("offset", "-1")))))
            .external_files.empty());
}

TEST_CASE("onnx: probes by a walk to the last byte that meets a graph") {
  const auto probe = [](const std::string& text) {
    return onnx_format().probe(to_bytes(text));
  };
  CHECK(probe(model("")));
  CHECK(probe(field(7, std::string("contents are not looked at"))));
  CHECK_FALSE(probe(""));
  CHECK_FALSE(probe(field(1, 8)));
  CHECK_FALSE(probe(field(7, 5)));
  CHECK_FALSE(probe(model("") + std::string(1, '\0')));
  CHECK_FALSE(probe(std::string(4096, '\0')));
  CHECK_FALSE(probe(std::string(4096, '\xff')));
  CHECK(status_of(field(1, 8)) == Status::bad_magic);
  CHECK(status_of("") == Status::bad_magic);
}

TEST_CASE("onnx: messages nest 64 deep") {
  // A graph inside an attribute inside a node inside a graph: three messages a level.
  const auto nested = [](int levels) {
    std::string graph = field(1, std::string());  // a node of depth 3 * levels + 3
    for (int i = 0; i < levels; ++i) {
      graph = field(1, field(5, field(6, graph)));
    }
    return status_of(model(graph));
  };
  CHECK(nested(0) == Status::ok);
  CHECK(nested(20) == Status::ok);
  CHECK(nested(21) == Status::limit_exceeded);
  CHECK(nested(3000) == Status::limit_exceeded);
}

TEST_CASE("onnx: a fault inside a message is refused with its place") {
  const std::string broken = with_initializer(floats("w") + "\x0A\x7F");
  CHECK(status_of(broken) == Status::truncated);
  CHECK(status_of(with_initializer(field(1, std::string("\xff")))) == Status::truncated);
  CHECK(status_of(model(field(5, std::string("\0\0", 2)))) == Status::malformed);
  CHECK(status_of(with_initializer(field(13, std::string("\x0A\x05")))) ==
        Status::truncated);
  try {
    (void)onnx_format().read(to_bytes(broken));
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "byte 33: field runs past its message");
  }
}

TEST_CASE("onnx: at most 131072 tensors and 16384 pieces of a message") {
  for (const int count : {131071, 131072, 131073}) {
    CAPTURE(count);
    std::string graph;
    for (int i = 0; i < count; ++i) graph += field(5, raw(16));
    CHECK(status_of(model(graph)) ==
          (count > 131072 ? Status::limit_exceeded : Status::ok));
  }
  for (const int count : {16383, 16384, 16385}) {
    CAPTURE(count);
    std::string pieces;
    for (int i = 0; i < count; ++i) pieces += field(7, std::string());
    CHECK(status_of(pieces) == (count > 16384 ? Status::limit_exceeded : Status::ok));
  }
}

TEST_CASE("onnx: no prefix and no flipped bit leads outside the file") {
  const std::string attributes =
      attribute(5, floats("t")) + attribute(6, field(5, floats("g")));
  const std::string whole =
      model(field(1, node("DequantizeLinear", {"w", "s", "z"}, "o", attributes)) +
            field(5, tensor("w", kInt8, {16}, raw(16))) +
            field(5, tensor("s", kFloat, {1}, raw(4))) +
            field(5, tensor("z", kInt8, {1}, field(5, varint(3)))) +
            field(5, external("x.bin"))) +
      field(25, field(7, node("Constant", {}, "c", attribute(5, floats("")))));
  CHECK(status_of(whole) == Status::ok);
  for (size_t i = 0; i < whole.size(); ++i) {
    (void)status_of(whole.substr(0, i));
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = whole;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      (void)status_of(flipped);
    }
  }
}
