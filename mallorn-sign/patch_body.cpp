#include "mallorn-sign/patch_body.hpp"

#include <algorithm>

#include "libcommon/digest.hpp"
#include "libcommon/error.hpp"

namespace mallorn::sign {

void read_patch_body(int fd, const std::string& name, const PatchHeader& header,
                     Spool* body) {
  constexpr size_t kWindow = 1u << 20;
  std::vector<uint8_t> window(kWindow);
  Sha256 hash;
  for (uint64_t left = header.body_bytes; left > 0;) {
    const ByteSpan to =
        ByteSpan(window).first(static_cast<size_t>(std::min<uint64_t>(left, kWindow)));
    const size_t count = read_full(fd, to, name);
    hash.update(to.first(count));
    if (body != nullptr) body->write(to.first(count));
    if (count < to.size()) throw Error(Status::truncated, name + ": patch ends too early");
    left -= count;
  }
  if (hash.finish() != header.body_digest) {
    throw Error(Status::corrupt_data, name + ": the body is not the one its header names");
  }
  if (read_full(fd, ByteSpan(window).first(1), name) != 0) {
    throw Error(Status::trailing_bytes, name + ": bytes after the end of the patch");
  }
}

void write_patch(const PatchFront& front, const Spool& body, Output& output) {
  PatchHeader header = front.header;
  header.signature_count = static_cast<uint8_t>(front.signatures.size());
  std::vector<uint8_t> bytes(kMaxPatchHeaderBytes +
                             front.signatures.size() * kPatchSignatureBytes);
  const size_t header_bytes = write_patch_header(header, bytes);
  ByteWriter writer(ByteSpan(bytes).subspan(header_bytes));
  for (const PatchSignature& signature : front.signatures) {
    write_patch_signature(signature, writer);
  }
  bytes.resize(header_bytes + writer.size());
  output.reserve(bytes.size() + body.length_bytes());
  output.write(bytes);
  body.copy_to(output);
  output.commit();
}

}  // namespace mallorn::sign
