#include "libcommon/model_source.hpp"

#include <doctest/doctest.h>

#include "libcommon/error.hpp"
#include "tests/support/models.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

struct Draft {
  Manifest manifest;
  std::vector<Bytes> pieces;
  Trailer trailer;

  Bytes stream() const {
    const Fd file = test::file_of({});
    StreamWriter writer(file.get(), "test", StreamKind::model);
    writer.write(FrameType::manifest, manifest_to_json(manifest));
    for (const Bytes& piece : pieces) writer.write(FrameType::bytes, piece);
    writer.write(FrameType::end, trailer_to_json(trailer));
    return test::contents_of(file);
  }
};

Draft draft_of(const Bytes& bytes) {
  Draft draft;
  draft.manifest.format = "raw";
  draft.manifest.length_bytes = bytes.size();
  Range gap;
  gap.length_bytes = bytes.size();
  if (!bytes.empty()) draft.manifest.ranges = {gap};
  draft.pieces = {bytes};
  draft.trailer = {bytes.size(), sha256(bytes)};
  return draft;
}

Model read(const Bytes& stream) {
  const Fd file = test::file_of(stream);
  return read_model(file.get(), "test");
}

Status status_of(const Bytes& stream) {
  return test::status_of([&] { (void)read(stream); });
}

const Bytes kBytes = test::Random(1).bytes(5000);

}  // namespace

TEST_CASE("model source: bytes that come inline, in any pieces") {
  Draft draft = draft_of(kBytes);
  draft.pieces = {Bytes(kBytes.begin(), kBytes.begin() + 1),
                  {},
                  Bytes(kBytes.begin() + 1, kBytes.end())};
  const Model model = read(draft.stream());
  CHECK(Bytes(model.bytes().begin(), model.bytes().end()) == kBytes);
  CHECK(model.digest == sha256(kBytes));
  CHECK(model.manifest == draft.manifest);
  CHECK(read(draft_of({}).stream()).bytes().empty());
  const test::Drip drip(draft.stream(), 1);
  CHECK(read_model(drip.fd(), "test").bytes().size() == kBytes.size());
}

TEST_CASE("model source: every prefix is refused as truncated") {
  const Bytes stream = draft_of(Bytes(20, 1)).stream();
  for (size_t length = 0; length < stream.size(); ++length) {
    REQUIRE(
        status_of(Bytes(stream.begin(), stream.begin() + static_cast<ptrdiff_t>(length))) ==
        Status::truncated);
  }
}

TEST_CASE("model source: more or fewer bytes than the manifest says") {
  Draft draft = draft_of(kBytes);
  draft.pieces[0].push_back(0);
  CHECK(status_of(draft.stream()) == Status::malformed);
  draft.pieces[0].resize(kBytes.size() - 1);
  CHECK(status_of(draft.stream()) == Status::malformed);
  draft.pieces.clear();
  CHECK(status_of(draft.stream()) == Status::malformed);
}

TEST_CASE("model source: bytes and trailer that disagree") {
  Draft draft = draft_of(kBytes);
  draft.trailer.digest[0] ^= 1;
  CHECK(status_of(draft.stream()) == Status::check_mismatch);
  draft = draft_of(kBytes);
  draft.trailer.length_bytes += 1;
  CHECK(status_of(draft.stream()) == Status::malformed);
  Bytes stream = draft_of(kBytes).stream();
  stream.push_back(0);
  CHECK(status_of(stream) == Status::trailing_bytes);
}

TEST_CASE("model source: by reference, the file must be there and as long as it was") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "caf\xC3\xA9 100%.bin";
  test::write_file(path, kBytes);
  Draft draft = draft_of(kBytes);
  draft.pieces.clear();
  draft.manifest.path = encode_path(path);
  const Model model = read(draft.stream());
  CHECK(Bytes(model.bytes().begin(), model.bytes().end()) == kBytes);
  draft.pieces = {Bytes{1}};  // neither by reference nor inline
  CHECK(status_of(draft.stream()) == Status::malformed);
  draft.pieces.clear();
  test::write_file(path, Bytes(4999, 1));
  CHECK(status_of(draft.stream()) == Status::malformed);
  draft.manifest.path = encode_path(folder / "missing");
  CHECK(status_of(draft.stream()) == Status::cannot_open);
  draft.manifest.path = "%zz";
  CHECK(status_of(draft.stream()) == Status::malformed);
}

TEST_CASE("model source: frames of a delta stream are refused") {
  const Fd file = test::file_of({});
  StreamWriter writer(file.get(), "test", StreamKind::model);
  writer.write(FrameType::manifest, manifest_to_json(draft_of(kBytes).manifest));
  writer.write(FrameType::steps, Bytes{1});
  CHECK(status_of(test::contents_of(file)) == Status::malformed);
}
