#include <doctest/doctest.h>

#include "libcommon/delta_stream.hpp"
#include "libcommon/error.hpp"
#include "libcommon/stream.hpp"
#include "tests/support/files.hpp"

using namespace mallorn;

namespace {

const std::string kZeros(64, '0');

Status trailer_status(const std::string& text) {
  return test::status_of([&] { (void)trailer_from_json(text, "x"); });
}

Status delta_status(const std::string& text) {
  return test::status_of([&] { (void)delta_manifest_from_json(text, "x"); });
}

std::string side(const std::string& more = "") {
  return "{\"length\":5,\"sha256\":\"" + kZeros + "\"" + more + "}";
}

}  // namespace

TEST_CASE("trailer: written and read, the same every time") {
  Trailer trailer;
  trailer.length_bytes = UINT64_MAX;
  trailer.digest.fill(0xAB);
  const std::string text = trailer_to_json(trailer);
  CHECK(text == trailer_to_json(trailer));
  const Trailer read = trailer_from_json(text, "x");
  CHECK(read.length_bytes == trailer.length_bytes);
  CHECK(read.digest == trailer.digest);
}

TEST_CASE("trailer: what is no trailer is malformed") {
  CHECK(trailer_status("{\"length\":5,\"sha256\":\"" + kZeros + "\"}") == Status::ok);
  CHECK(trailer_status("{\"length\":5,\"sha256\":\"" + kZeros + "\",\"more\":[{}]}") ==
        Status::ok);
  for (const std::string& text : {
           std::string(),
           std::string("null"),
           std::string("[]"),
           std::string("{}"),
           std::string("{\"length\":5}"),
           std::string("\xFF\xFE"),
           "{\"length\":-5,\"sha256\":\"" + kZeros + "\"}",
           "{\"length\":5.0,\"sha256\":\"" + kZeros + "\"}",
           "{\"length\":\"5\",\"sha256\":\"" + kZeros + "\"}",
           "{\"length\":18446744073709551616,\"sha256\":\"" + kZeros + "\"}",
           "{\"length\":5,\"sha256\":\"" + kZeros + "0\"}",
           "{\"length\":5,\"sha256\":\"" + kZeros.substr(1) + "\"}",
           "{\"length\":5,\"sha256\":\"" + kZeros.substr(1) + "A\"}",
           std::string("{\"length\":5,\"sha256\":0}"),
           "{\"length\":5,\"sha256\":\"" + kZeros + "\"}}",
           "{\"length\":5,\"sha256\":\"" + kZeros + "\",\"length\":5}",
           "{\"length\":5,\"sha256\":\"" + kZeros + "\",\"l\\u0065ngth\":6}",
           "{\"length\":5,\"sha256\":\"" + kZeros + "\",\"more\":[{\"\":1,\"\":1}]}",
       }) {
    CHECK_MESSAGE(trailer_status(text) == Status::malformed, text);
  }
}

TEST_CASE("trailer: long and deeply nested texts are refused without harm") {
  const std::string good = "{\"length\":5,\"sha256\":\"" + kZeros + "\"}";
  CHECK(trailer_status(good + std::string((1u << 16) - good.size(), ' ')) == Status::ok);
  CHECK(trailer_status(good + std::string((1u << 16) - good.size() + 1, ' ')) ==
        Status::malformed);
  CHECK(trailer_status("{\"a\":" + std::string(30000, '[') + std::string(30000, ']') +
                       "}") == Status::malformed);
  CHECK(trailer_status(std::string(60000, '[')) == Status::malformed);
}

TEST_CASE("trailer: every prefix is refused") {
  const std::string good = "{\"length\":5,\"sha256\":\"" + kZeros + "\"}";
  for (size_t length = 0; length < good.size(); ++length) {
    REQUIRE(trailer_status(good.substr(0, length)) == Status::malformed);
  }
}

TEST_CASE("delta manifest: written and read, inline and by reference") {
  DeltaManifest manifest;
  manifest.base.length_bytes = 1;
  manifest.base.digest.fill(1);
  manifest.result.length_bytes = UINT64_MAX;
  manifest.result.digest.fill(2);
  manifest.format = "gguf";
  for (const bool has_paths : {false, true}) {
    manifest.base.path = has_paths ? "old %25.gguf" : "";
    manifest.result.path = has_paths ? "new.gguf" : "";
    manifest.base.state = has_paths ? std::string(128, '7') : "";
    const DeltaManifest read =
        delta_manifest_from_json(delta_manifest_to_json(manifest), "x");
    CHECK(read.base.path == manifest.base.path);
    CHECK(read.base.state == manifest.base.state);
    CHECK(read.result.state.empty());
    CHECK(read.base.length_bytes == manifest.base.length_bytes);
    CHECK(read.base.digest == manifest.base.digest);
    CHECK(read.result.path == manifest.result.path);
    CHECK(read.result.length_bytes == manifest.result.length_bytes);
    CHECK(read.result.digest == manifest.result.digest);
    CHECK(read.format == manifest.format);
  }
}

TEST_CASE(
    "delta manifest: what is missing, of the wrong kind or half by reference is "
    "malformed") {
  const auto both = [](const std::string& base, const std::string& result) {
    return delta_status("{\"base\":" + base + ",\"result\":" + result + "}");
  };
  CHECK(both(side(), side()) == Status::ok);
  CHECK(both(side(",\"path\":\"a\""), side(",\"path\":\"b\"")) == Status::ok);
  CHECK(both(side(",\"path\":\"a\""), side()) == Status::malformed);
  CHECK(both(side(), side(",\"path\":\"b\"")) == Status::malformed);
  CHECK(both(side(",\"path\":7"), side(",\"path\":\"b\"")) == Status::malformed);
  const auto state = [](size_t length) {
    return side(",\"state\":\"" + std::string(length, '7') + "\"");
  };
  CHECK(both(state(0), state(128)) == Status::ok);
  CHECK(both(state(129), side()) == Status::malformed);
  CHECK(both(side(), side(",\"state\":7")) == Status::malformed);
  CHECK(both("[]", side()) == Status::malformed);
  CHECK(both(side(), "{}") == Status::malformed);
  CHECK(delta_status("{\"base\":" + side() + "}") == Status::malformed);
  CHECK(delta_status("{\"base\":" + side() + ",\"result\":" + side() + ",\"format\":1}") ==
        Status::malformed);
  CHECK(delta_status("") == Status::malformed);
}
