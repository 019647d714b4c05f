#include "libcommon/stream.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include "libcommon/core/crc32c.hpp"
#include "libcommon/error.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

struct WrittenFrame {
  FrameType type;
  Bytes payload;

  bool operator==(const WrittenFrame&) const = default;
};

Bytes written(StreamKind kind, const std::vector<WrittenFrame>& parts) {
  const Fd file = test::file_of({});
  StreamWriter writer(file.get(), "test", kind);
  for (const WrittenFrame& part : parts) writer.write(part.type, part.payload);
  return test::contents_of(file);
}

// Everything up to the end frame.
std::vector<WrittenFrame> read_all(int fd, StreamKind kind) {
  StreamReader reader(fd, "test", kind);
  std::vector<WrittenFrame> parts;
  do {
    const Frame& frame = reader.next();
    parts.push_back({frame.type, frame.payload});
  } while (parts.back().type != FrameType::end);
  reader.expect_end_of_input();
  return parts;
}

Status status_of(const Bytes& bytes, StreamKind kind = StreamKind::model) {
  const Fd file = test::file_of(bytes);
  return test::status_of([&] { (void)read_all(file.get(), kind); });
}

const std::vector<WrittenFrame> kParts = {
    {FrameType::manifest, {'{', '}'}},   {FrameType::bytes, {}},
    {FrameType::bytes, {1, 2, 3, 4, 5}}, {FrameType::steps, {9}},
    {FrameType::end, {'e', 'n', 'd'}},
};

// A frame by hand, with a check that is right.
Bytes frame(uint8_t type, uint8_t flags, const Bytes& payload, uint16_t reserved = 0) {
  Bytes bytes = {type,
                 flags,
                 static_cast<uint8_t>(reserved),
                 static_cast<uint8_t>(reserved >> 8),
                 static_cast<uint8_t>(payload.size()),
                 static_cast<uint8_t>(payload.size() >> 8),
                 0,
                 0};
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  const uint32_t check = crc32c(0, bytes);
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(check >> (8 * i)));
  return bytes;
}

const Bytes kHead = {0x8D, 'M', 'L', 'S', kStreamVersion, 1, 0, 0};

Bytes join(const std::vector<Bytes>& pieces) {
  Bytes all;
  for (const Bytes& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

}  // namespace

TEST_CASE("stream: what is written is read back") {
  for (const StreamKind kind : {StreamKind::model, StreamKind::delta}) {
    const Fd file = test::file_of(written(kind, kParts));
    CHECK(read_all(file.get(), kind) == kParts);
  }
}

TEST_CASE("stream: the layout of header and frames") {
  CHECK(written(StreamKind::model, {{FrameType::end, {'x'}}}) ==
        join({kHead, frame(15, 0, {'x'})}));
}

TEST_CASE("stream: how reads are cut does not matter") {
  const Bytes bytes = written(StreamKind::delta, kParts);
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{1000}}) {
    const test::Drip drip(bytes, piece);
    CHECK(read_all(drip.fd(), StreamKind::delta) == kParts);
  }
}

TEST_CASE("stream: long payloads are cut into frames of at most 1 MiB") {
  test::Random random(3);
  for (const size_t size : {size_t{kMaxFramePayload} - 1, size_t{kMaxFramePayload},
                            size_t{kMaxFramePayload} + 1, 3 * size_t{kMaxFramePayload}}) {
    const Bytes payload = random.bytes(size);
    const Fd file = test::file_of(
        written(StreamKind::model, {{FrameType::bytes, payload}, {FrameType::end, {}}}));
    Bytes joined;
    for (const WrittenFrame& part : read_all(file.get(), StreamKind::model)) {
      CHECK(part.payload.size() <= kMaxFramePayload);
      joined.insert(joined.end(), part.payload.begin(), part.payload.end());
    }
    CHECK(joined == payload);
  }
}

TEST_CASE(
    "stream: a frame that says it is longer than 1 MiB is refused before it is read") {
  Bytes bytes = join({kHead, frame(2, 0, {})});
  store_le<uint32_t>(bytes.data() + 12, kMaxFramePayload + 1);
  CHECK(status_of(bytes) == Status::limit_exceeded);
  store_le<uint32_t>(bytes.data() + 12, UINT32_MAX);
  CHECK(status_of(bytes) == Status::limit_exceeded);
  store_le<uint32_t>(bytes.data() + 12, kMaxFramePayload);
  CHECK(status_of(bytes) == Status::truncated);
}

TEST_CASE("stream: every proper prefix is refused as truncated") {
  const Bytes bytes = written(StreamKind::model, kParts);
  for (size_t length = 0; length < bytes.size(); ++length) {
    REQUIRE(
        status_of(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length))) ==
        Status::truncated);
  }
  CHECK(status_of(bytes) == Status::ok);
}

TEST_CASE("stream: every single-bit flip is refused") {
  const Bytes bytes = written(StreamKind::model, kParts);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
    REQUIRE(status_of(flipped) != Status::ok);
  }
}

TEST_CASE("stream: bytes after the end frame are refused") {
  Bytes bytes = written(StreamKind::model, kParts);
  bytes.push_back(0);
  CHECK(status_of(bytes) == Status::trailing_bytes);
}

TEST_CASE("stream: each field of the header has its refusal") {
  const Bytes bytes = written(StreamKind::model, kParts);
  const auto with = [&](size_t at, uint8_t value) {
    Bytes changed = bytes;
    changed[at] = value;
    return status_of(changed);
  };
  CHECK(with(0, 0) == Status::bad_magic);
  CHECK(with(3, 'P') == Status::bad_magic);
  CHECK(with(4, kStreamVersion + 1) == Status::unsupported_version);
  CHECK(with(5, 2) == Status::malformed);  // the other kind
  CHECK(with(5, 0) == Status::malformed);
  CHECK(with(6, 1) == Status::malformed);
  CHECK(with(7, 128) == Status::malformed);
  CHECK(status_of(bytes, StreamKind::delta) == Status::malformed);
}

TEST_CASE("stream: unknown frames are skipped if optional and refused if not") {
  const Bytes end = frame(15, 0, {});
  CHECK(status_of(join({kHead, end})) == Status::ok);
  CHECK(status_of(join({kHead, frame(99, 1, {1, 2, 3}), frame(0, 1, {}), end})) ==
        Status::ok);
  CHECK(status_of(join({kHead, frame(99, 0, {1, 2, 3}), end})) ==
        Status::unsupported_feature);
  const Fd file = test::file_of(join({kHead, frame(99, 1, {1}), frame(2, 0, {7}), end}));
  CHECK(read_all(file.get(), StreamKind::model).front() ==
        WrittenFrame{FrameType::bytes, {7}});
  Bytes damaged = join({kHead, frame(99, 1, {1, 2, 3}), end});
  damaged[17] ^= 1;  // skipped frames are checked as well
  CHECK(status_of(damaged) == Status::check_mismatch);
}

TEST_CASE("stream: notes go to who asks for them, and to no one else") {
  const Bytes stream = written(StreamKind::delta, {{FrameType::manifest, {'m'}},
                                                   {FrameType::note, {1, 2}},
                                                   {FrameType::steps, {7}},
                                                   {FrameType::note, {3}},
                                                   {FrameType::end, {}}});
  CHECK(stream[kHead.size() + 13 + 1] == 1);  // optional
  const Fd unasked = test::file_of(stream);
  CHECK(read_all(unasked.get(), StreamKind::delta).size() == 3);
  const Fd file = test::file_of(stream);
  StreamReader reader(file.get(), "test", StreamKind::delta);
  std::vector<Bytes> notes;
  reader.on_note([&](ByteView note) { notes.emplace_back(note.begin(), note.end()); });
  CHECK(reader.read_manifest() == "m");
  CHECK(notes == std::vector<Bytes>{{1, 2}});
  CHECK(reader.next().type == FrameType::steps);
  CHECK(reader.next().type == FrameType::end);
  CHECK(notes == std::vector<Bytes>{{1, 2}, {3}});
  CHECK(status_of(join({kHead, frame(5, 0, {1}), frame(15, 0, {})})) ==
        Status::unsupported_feature);
}

TEST_CASE("stream: reserved bits of a frame are refused") {
  const Bytes end = frame(15, 0, {});
  for (const uint8_t flags : {uint8_t{2}, uint8_t{3}, uint8_t{128}}) {
    CHECK(status_of(join({kHead, frame(99, flags, {}), end})) == Status::malformed);
  }
  CHECK(status_of(join({kHead, frame(2, 0, {}, 1), end})) == Status::malformed);
  CHECK(status_of(join({kHead, frame(2, 0, {}, 0x8000), end})) == Status::malformed);
}

TEST_CASE("stream: a manifest may go on over frames, and what ends it is kept") {
  const Fd file =
      test::file_of(join({kHead, frame(1, 0, {'{'}), frame(77, 1, {0}), frame(1, 0, {'}'}),
                          frame(2, 0, {5}), frame(15, 0, {})}));
  StreamReader reader(file.get(), "test", StreamKind::model);
  CHECK(reader.read_manifest() == "{}");
  CHECK(reader.next().payload == Bytes{5});
  CHECK(reader.next().type == FrameType::end);
}

TEST_CASE("stream: a stream that begins without a manifest is malformed") {
  const Fd file = test::file_of(join({kHead, frame(2, 0, {5}), frame(15, 0, {})}));
  StreamReader reader(file.get(), "test", StreamKind::model);
  CHECK(test::status_of([&] { (void)reader.read_manifest(); }) == Status::malformed);
}

TEST_CASE("stream: faults name the stream and the byte") {
  Bytes bytes = join({kHead, frame(2, 0, {1}), frame(2, 0, {2})});
  bytes[30] ^= 1;  // payload of the second frame, which ends at 34
  const Fd file = test::file_of(bytes);
  try {
    (void)read_all(file.get(), StreamKind::model);
    FAIL("not thrown");
  } catch (const Error& error) {
    CHECK(error.status() == Status::check_mismatch);
    CHECK(std::string(error.what()) == "test: byte 34: frame is damaged");
  }
}

TEST_CASE("stream: a reader that has gone shows as an error, a full disk as another") {
  const Fd full(::open("/dev/full", O_WRONLY));
  REQUIRE(full.get() >= 0);
  CHECK(test::status_of([&] { StreamWriter(full.get(), "x", StreamKind::model); }) ==
        Status::no_space);
}
