// The stream that joins the programs: a header, then frames, the last of which is `end`.
// Layout: docs/format/stream.md. A stream that stops before its end frame is `truncated`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/status.hpp"
#include "libcommon/digest.hpp"

namespace mallorn {

constexpr uint8_t kStreamVersion = 0;
constexpr uint32_t kMaxFramePayload = 1u << 20;
constexpr uint64_t kMaxManifestBytes = 1ull << 28;

enum class StreamKind : uint8_t { model = 1, delta = 2 };

enum class FrameType : uint8_t {
  manifest = 1,  // JSON, UTF-8; continued over frames until one of another type
  bytes = 2,     // bytes of a model
  steps = 3,     // how one chunk of the result is made (delta streams)
  note = 5,      // what a range of the result is, for people; always optional
  end = 15,      // JSON trailer: length and digest of what was carried
};

struct Frame {
  FrameType type;
  std::vector<uint8_t> payload;
};

// Writes a stream to a file descriptor.
class StreamWriter {
 public:
  StreamWriter(int fd, std::string name, StreamKind kind);
  // One frame; payloads over kMaxFramePayload are cut into several frames of the same type.
  void write(FrameType type, ByteView payload);
  void write(FrameType type, const std::string& text);

 private:
  void write_frame(FrameType type, ByteView payload);

  int fd_;
  std::string name_;
};

// Reads a stream from a file descriptor; every fault is an Error that names the stream and
// byte.
class StreamReader {
 public:
  // Throws bad_magic, unsupported_version, or malformed if the stream is of another kind.
  StreamReader(int fd, std::string name, StreamKind kind);
  // Takes the payloads of notes, which next() passes over; without, they are dropped.
  void on_note(std::function<void(ByteView)> take) { take_note_ = std::move(take); }
  // The next frame that is neither a note nor optional-and-unknown; valid until the next
  // call.
  const Frame& next();
  // All manifest frames, joined; the frame that ends them is kept for the next next().
  std::string read_manifest();
  // Throws Error(trailing_bytes) if anything follows; call after the end frame.
  void expect_end_of_input();
  uint64_t offset() const { return offset_; }
  const std::string& name() const { return name_; }

 private:
  void read(ByteSpan to);
  [[noreturn]] void fail(Status status, const std::string& reason) const;

  int fd_;
  std::string name_;
  std::function<void(ByteView)> take_note_;
  uint64_t offset_ = 0;
  bool is_held_ = false;
  Frame frame_{};
};

// The payload of an `end` frame.
struct Trailer {
  uint64_t length_bytes = 0;
  Digest digest{};
};
std::string trailer_to_json(const Trailer& trailer);
Trailer trailer_from_json(std::string_view text, const std::string& context);

// Lets a pipe hold 1 MiB, so that two programs do not take turns for every 64 KiB. No
// effect, and no error, on anything that is not a pipe.
void widen_pipe(int fd);

}  // namespace mallorn
