#include "mallorn-pack/delta_source.hpp"

#include <doctest/doctest.h>

#include "libcommon/digest.hpp"
#include "libcommon/error.hpp"
#include "libcommon/text.hpp"
#include "tests/support/chunks.hpp"
#include "tests/support/files.hpp"
#include "tests/support/steps.hpp"

using namespace mallorn;
using test::Bytes;
using test::MadeChunk;

namespace {

// A delta stream of one chunk, inline, each part of which may be spoilt.
struct Draft {
  MadeChunk chunk;
  DeltaManifest manifest;
  Trailer trailer;
  Bytes extra;  // bytes that belong to no step

  explicit Draft(MadeChunk made) : chunk(std::move(made)) {
    chunk.result_offset = 0;
    manifest.base = {"", chunk.base.size(), sha256(chunk.base)};
    manifest.result = {"", chunk.result.size(), sha256(chunk.result)};
    manifest.format = "raw";
    trailer = {chunk.result.size(), manifest.result.digest};
  }

  Bytes stream() const {
    const Fd file = test::file_of({});
    StreamWriter writer(file.get(), "test", StreamKind::delta);
    writer.write(FrameType::manifest, delta_manifest_to_json(manifest));
    writer.write(FrameType::steps, steps_to_bytes(chunk.steps));
    if (manifest.base.path.empty()) {
      for (const Step& step : chunk.steps) {
        if (step.kind != StepKind::predict) continue;
        Bytes made;
        const ByteView view = predicting_view(step, chunk.base, &made);
        if (!view.empty()) writer.write(FrameType::bytes, view);
      }
      writer.write(FrameType::bytes, chunk.result);
    }
    if (!extra.empty()) writer.write(FrameType::bytes, extra);
    writer.write(FrameType::end, trailer_to_json(trailer));
    return test::contents_of(file);
  }
};

Draft some_draft(uint64_t seed = 1) {
  test::Random random(seed);
  return Draft(test::make_chunk(random, 500, 6, 60));
}

Status status_of(const Bytes& stream) {
  const Fd file = test::file_of(stream);
  return test::status_of([&] {
    pack::DeltaSource source(file.get(), "test");
    while (source.next()) {
    }
  });
}

// Compares what comes out with what a chunk should hold.
void check(int fd, const MadeChunk& made, bool carries_copies) {
  pack::DeltaSource source(fd, "test");
  const std::optional<pack::ChunkInput> chunk = source.next();
  REQUIRE(chunk.has_value());
  const pack::ChunkInput expected = made.input(carries_copies);
  REQUIRE(chunk->steps == made.steps);
  REQUIRE(chunk->result_offset == 0);
  REQUIRE(chunk->check == expected.check);
  REQUIRE(Bytes(chunk->result.begin(), chunk->result.end()) == made.result);
  for (size_t i = 0; i < made.steps.size(); ++i) {
    if (made.steps[i].kind != StepKind::predict) continue;
    REQUIRE(Bytes(chunk->base[i].begin(), chunk->base[i].end()) ==
            Bytes(expected.base[i].begin(), expected.base[i].end()));
  }
  REQUIRE_FALSE(source.next().has_value());
  const ByteView whole = source.result().bytes();
  REQUIRE(Bytes(whole.begin(), whole.end()) == made.result);
}

}  // namespace

TEST_CASE(
    "delta source: chunks come whole, inline and by reference, however reads are cut") {
  const test::TemporaryFolder folder;
  for (uint64_t seed = 1; seed < 20; ++seed) {
    Draft draft = some_draft(seed);
    const Fd file = test::file_of(draft.stream());
    check(file.get(), draft.chunk, false);
    const test::Drip drip(draft.stream(), 1);
    check(drip.fd(), draft.chunk, false);
    test::write_file(folder / "base", draft.chunk.base);
    test::write_file(folder / "result", draft.chunk.result);
    draft.manifest.base.path = encode_path(folder / "base");
    draft.manifest.result.path = encode_path(folder / "result");
    const Fd named = test::file_of(draft.stream());
    check(named.get(), draft.chunk, true);
  }
}

TEST_CASE("delta source: every prefix is refused as truncated") {
  const Bytes stream = some_draft().stream();
  for (size_t length = 0; length < stream.size(); ++length) {
    REQUIRE(
        status_of(Bytes(stream.begin(), stream.begin() + static_cast<ptrdiff_t>(length))) ==
        Status::truncated);
  }
  CHECK(status_of(stream) == Status::ok);
}

TEST_CASE("delta source: too many bytes, too few, and an end that disagrees") {
  Draft draft = some_draft();
  draft.extra = {1};
  CHECK(status_of(draft.stream()) == Status::malformed);
  draft = some_draft();
  draft.chunk.result.pop_back();
  CHECK(status_of(draft.stream()) == Status::malformed);
  draft = some_draft();
  draft.trailer.length_bytes += 1;
  CHECK(status_of(draft.stream()) == Status::malformed);
  draft = some_draft();
  draft.trailer.digest[0] ^= 1;
  CHECK(status_of(draft.stream()) == Status::malformed);
  draft = some_draft();
  draft.manifest.result.length_bytes += 1;  // the steps do not make all of it
  CHECK(status_of(draft.stream()) == Status::malformed);
  draft.manifest.result.length_bytes -= 2;  // they make more
  CHECK(status_of(draft.stream()) == Status::malformed);
  Bytes stream = some_draft().stream();
  stream.push_back(0);
  CHECK(status_of(stream) == Status::trailing_bytes);
}

TEST_CASE("delta source: files that are not as they were") {
  const test::TemporaryFolder folder;
  Draft draft = some_draft();
  draft.manifest.base.path = encode_path(folder / "base");
  draft.manifest.result.path = encode_path(folder / "result");
  CHECK(status_of(draft.stream()) == Status::cannot_open);
  test::write_file(folder / "base", draft.chunk.base);
  test::write_file(folder / "result", Bytes(draft.chunk.result.size() + 1, 7));
  CHECK(status_of(draft.stream()) == Status::malformed);
  test::write_file(folder / "result", draft.chunk.result);
  CHECK(status_of(draft.stream()) == Status::ok);
  Bytes other = draft.chunk.result;
  other[other.size() / 2] ^= 1;
  test::write_file(folder / "result", other);
  CHECK(status_of(draft.stream()) == Status::malformed);
  // If the stream says in what state they were, at once.
  const auto status_at_once = [&] {
    const Fd file = test::file_of(draft.stream());
    return test::status_of([&] { const pack::DeltaSource source(file.get(), "test"); });
  };
  CHECK(status_at_once() == Status::ok);
  draft.manifest.base.state = draft.manifest.result.state = "another one";
  CHECK(status_at_once() == Status::malformed);
  test::write_file(folder / "result", draft.chunk.result);
  CHECK(status_at_once() == Status::ok);
  CHECK(status_of(draft.stream()) == Status::ok);
}

TEST_CASE("delta source: bytes that come are those that were hashed") {
  Draft draft = some_draft();
  draft.chunk.result[1] ^= 1;
  CHECK(status_of(draft.stream()) == Status::malformed);
}

TEST_CASE("delta source: files that are changed before, or while, they are read") {
  const test::TemporaryFolder folder;
  Draft draft = some_draft();
  draft.manifest.base.path = encode_path(folder / "base");
  draft.manifest.result.path = encode_path(folder / "result");
  const auto change = [&](const char* name, Bytes bytes) {
    bytes[bytes.size() / 3] ^= 1;
    test::write_file(folder / name, bytes);
  };
  const auto status_when = [&](const std::function<void()>& before,
                               const std::function<void()>& meanwhile) {
    test::write_file(folder / "base", draft.chunk.base);
    test::write_file(folder / "result", draft.chunk.result);
    before();
    const Fd file = test::file_of(draft.stream());
    return test::status_of([&] {
      pack::DeltaSource source(file.get(), "test");
      while (source.next()) {
      }
      meanwhile();
      source.require_unchanged();
    });
  };
  const auto nothing = [] {};
  const auto base = [&] { change("base", draft.chunk.base); };
  const auto result = [&] { change("result", draft.chunk.result); };
  CHECK(status_when(nothing, nothing) == Status::ok);
  CHECK(status_when(base, nothing) == Status::malformed);
  CHECK(status_when(result, nothing) == Status::malformed);
  CHECK(status_when(nothing, base) == Status::malformed);
  CHECK(status_when(nothing, result) == Status::malformed);
  // What is only touched, or written again as it was, is no reason to fail.
  CHECK(status_when(nothing, [&] {
          test::write_file(folder / "base", draft.chunk.base);
          test::write_file(folder / "result", draft.chunk.result);
        }) == Status::ok);
}

TEST_CASE("delta source: a chunk with the steps and the bytes of one before is its twin") {
  const test::TemporaryFolder folder;
  Bytes base(4000, 1);
  const Step one = test::step(StepKind::predict, 1000, 500, Dtype::u8);
  const Step other = test::step(StepKind::predict, 1000, 501, Dtype::u8);
  const std::vector<Step> steps = {one, one, other, one};
  Bytes result(4000, 2);
  result[1999] = 3;  // of the second chunk
  test::write_file(folder / "base", base);
  test::write_file(folder / "result", result);
  for (const bool is_inline : {true, false}) {
    DeltaManifest manifest;
    const auto path = [&](const char* name) {
      return is_inline ? "" : encode_path((folder / name));
    };
    manifest.base = {path("base"), base.size(), sha256(base)};
    manifest.result = {path("result"), result.size(), sha256(result)};
    const Fd file = test::file_of({});
    StreamWriter writer(file.get(), "test", StreamKind::delta);
    writer.write(FrameType::manifest, delta_manifest_to_json(manifest));
    for (size_t i = 0; i < steps.size(); ++i) {
      writer.write(FrameType::steps, steps_to_bytes({steps[i]}));
      if (!is_inline) continue;
      Bytes made;
      writer.write(FrameType::bytes, predicting_view(steps[i], base, &made));
      writer.write(FrameType::bytes, ByteView(result).subspan(1000 * i, 1000));
    }
    writer.write(FrameType::end, trailer_to_json({result.size(), sha256(result)}));
    const Fd stream = test::file_of(test::contents_of(file));
    pack::DeltaSource source(stream.get(), "test");
    std::vector<std::optional<uint64_t>> twins;
    while (const std::optional<pack::ChunkInput> chunk = source.next()) {
      twins.push_back(chunk->twin);
    }
    CHECK(twins == std::vector<std::optional<uint64_t>>{{}, {}, {}, 0});
  }
}
