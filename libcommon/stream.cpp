#include "libcommon/stream.hpp"

#include <fcntl.h>

#include <array>
#include <utility>

#include "libcommon/error.hpp"
#include "libcommon/fast_crc32c.hpp"
#include "libcommon/file.hpp"
#include "libcommon/text.hpp"

namespace mallorn {
namespace {

constexpr std::array<uint8_t, 4> kMagic = {0x8D, 'M', 'L', 'S'};
constexpr size_t kHeaderBytes = 8;
constexpr size_t kFrameHeaderBytes = 8;
constexpr uint8_t kOptionalFlag = 1;

bool is_known(FrameType type) {
  return type == FrameType::manifest || type == FrameType::bytes ||
         type == FrameType::steps || type == FrameType::end;
}

}  // namespace

StreamWriter::StreamWriter(int fd, std::string name, StreamKind kind)
    : fd_(fd), name_(std::move(name)) {
  widen_pipe(fd);
  std::array<uint8_t, kHeaderBytes> header{};
  memcpy(header.data(), kMagic.data(), kMagic.size());
  header[4] = kStreamVersion;
  header[5] = static_cast<uint8_t>(kind);
  write_full(fd_, header, name_);
}

void StreamWriter::write(FrameType type, ByteView payload) {
  do {
    const ByteView part = payload.first(std::min<size_t>(payload.size(), kMaxFramePayload));
    write_frame(type, part);
    payload = payload.subspan(part.size());
  } while (!payload.empty());
}

void StreamWriter::write(FrameType type, const std::string& text) {
  write(type, bytes_of(text));
}

void StreamWriter::write_frame(FrameType type, ByteView payload) {
  std::array<uint8_t, kFrameHeaderBytes> header{};
  header[0] = static_cast<uint8_t>(type);
  header[1] = type == FrameType::note ? kOptionalFlag : 0;
  store_le(header.data() + 4, static_cast<uint32_t>(payload.size()));
  std::array<uint8_t, 4> check{};
  store_le(check.data(), fast_crc32c(fast_crc32c(0, header), payload));
  write_full(fd_, header, name_);
  write_full(fd_, payload, name_);
  write_full(fd_, check, name_);
}

StreamReader::StreamReader(int fd, std::string name, StreamKind kind)
    : fd_(fd), name_(std::move(name)) {
  widen_pipe(fd);
  std::array<uint8_t, kHeaderBytes> header{};
  read(header);
  if (memcmp(header.data(), kMagic.data(), kMagic.size()) != 0) {
    throw Error(Status::bad_magic, name_ + ": not a mallorn stream");
  }
  if (header[4] != kStreamVersion) {
    fail(Status::unsupported_version, "stream version " + std::to_string(header[4]));
  }
  if (header[5] != static_cast<uint8_t>(kind) || header[6] != 0 || header[7] != 0) {
    fail(Status::malformed,
         kind == StreamKind::model ? "not a model stream" : "not a delta stream");
  }
}

void StreamReader::fail(Status status, const std::string& reason) const {
  throw Error(status, name_ + ": byte " + std::to_string(offset_) + ": " + reason);
}

void StreamReader::read(ByteSpan to) {
  const size_t count = read_full(fd_, to, name_);
  if (count < to.size()) fail(Status::truncated, "stream stops before its end frame");
  offset_ += count;
}

const Frame& StreamReader::next() {
  if (std::exchange(is_held_, false)) return frame_;
  for (;;) {
    std::array<uint8_t, kFrameHeaderBytes> header{};
    read(header);
    const uint32_t length = load_le<uint32_t>(header.data() + 4);
    if (length > kMaxFramePayload) fail(Status::limit_exceeded, "frame over 1 MiB");
    if (header[1] > kOptionalFlag || header[2] != 0 || header[3] != 0) {
      fail(Status::malformed, "reserved bits of a frame are set");
    }
    frame_.type = static_cast<FrameType>(header[0]);
    frame_.payload.resize(length);
    read(frame_.payload);
    std::array<uint8_t, 4> check{};
    read(check);
    if (load_le<uint32_t>(check.data()) !=
        fast_crc32c(fast_crc32c(0, header), frame_.payload)) {
      fail(Status::check_mismatch, "frame is damaged");
    }
    if (frame_.type == FrameType::note && header[1] == kOptionalFlag) {
      if (take_note_) take_note_(frame_.payload);
      continue;
    }
    if (is_known(frame_.type)) return frame_;
    if (header[1] != kOptionalFlag) {
      fail(Status::unsupported_feature, "frame type " + std::to_string(header[0]));
    }
  }
}

std::string StreamReader::read_manifest() {
  std::string text;
  if (next().type != FrameType::manifest) fail(Status::malformed, "no manifest");
  do {
    if (text.size() + frame_.payload.size() > kMaxManifestBytes) {
      fail(Status::limit_exceeded, "manifest over 256 MiB");
    }
    text += text_of(frame_.payload);
  } while (next().type == FrameType::manifest);
  is_held_ = true;
  return text;
}

void StreamReader::expect_end_of_input() {
  uint8_t byte = 0;
  if (read_full(fd_, ByteSpan(&byte, 1), name_) != 0) {
    fail(Status::trailing_bytes, "bytes after the end frame");
  }
}

void widen_pipe(int fd) { ::fcntl(fd, F_SETPIPE_SZ, 1 << 20); }

}  // namespace mallorn
