#include "libcommon/model_source.hpp"

#include <utility>

#include "libcommon/core/byte_reader.hpp"
#include "libcommon/digest.hpp"
#include "libcommon/error.hpp"
#include "libcommon/file_state.hpp"
#include "libcommon/parse_process.hpp"
#include "libcommon/text.hpp"

namespace mallorn {
namespace {

// Copies the bytes of an inline stream to a temporary file, up to the end frame.
Fd spool(StreamReader& stream, uint64_t length, Digest* digest, Trailer* trailer) {
  Fd file = make_temporary_file();
  Sha256 hash;
  uint64_t spooled = 0;
  for (;;) {
    const Frame& frame = stream.next();
    if (frame.type == FrameType::end) {
      *trailer = trailer_from_json(text_of(frame.payload), stream.name() + ": end frame");
      break;
    }
    if (frame.type != FrameType::bytes || frame.payload.size() > length - spooled) {
      throw Error(Status::malformed, stream.name() + ": more bytes than the manifest says");
    }
    hash.update(frame.payload);
    write_full(file.get(), frame.payload, temporary_file_name());
    spooled += frame.payload.size();
  }
  if (spooled != length) {
    throw Error(Status::malformed, stream.name() + ": fewer bytes than the manifest says");
  }
  *digest = hash.finish();
  return file;
}

}  // namespace

Model read_model(int fd, const std::string& name) {
  StreamReader stream(fd, name, StreamKind::model);
  Model model;
  model.manifest = manifest_from_json(stream.read_manifest(), name + ": manifest");
  const uint64_t length = model.manifest.length_bytes;
  const bool is_inline = model.manifest.path.empty();
  Trailer trailer;
  const Fd spooled = spool(stream, is_inline ? length : 0, &model.digest, &trailer);
  stream.expect_end_of_input();
  if (trailer.length_bytes != length) {
    throw Error(Status::malformed, name + ": manifest and trailer differ in length");
  }
  if (is_inline) {
    if (trailer.digest != model.digest) {
      throw Error(Status::check_mismatch, name + ": bytes are not those the trailer names");
    }
    model.file = std::make_unique<MappedFile>(spooled, name);
    return model;
  }
  model.digest = trailer.digest;
  model.file = std::make_unique<MappedFile>(decode_path(model.manifest.path, name));
  require_parsed(*model.file, length, model.digest, model.manifest.state);
  return model;
}

Model open_model(const std::string& path, bool is_quiet, bool is_strict) {
  const MappedFile file(path);
  constexpr std::array<uint8_t, 4> kStreamMagic = {0x8D, 'M', 'L', 'S'};
  const ByteView bytes = file.bytes();
  if (bytes.size() >= kStreamMagic.size() &&
      memcmp(bytes.data(), kStreamMagic.data(), kStreamMagic.size()) == 0) {
    const Fd fd = open_input(path);
    return read_model(fd.get(), path);
  }
  ParseProcess process(path, is_quiet, is_strict);
  Model model;
  try {
    model = read_model(process.output(), path);
  } catch (const Error&) {
    process.require_success();  // if it failed, it has said why, and the stream's end is
                                // its echo
    throw;
  }
  process.require_success();
  return model;
}

}  // namespace mallorn
