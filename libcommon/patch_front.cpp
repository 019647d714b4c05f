#include "libcommon/patch_front.hpp"

#include "libcommon/error.hpp"
#include "libcommon/file.hpp"

namespace mallorn {
namespace {

void read_header(int fd, const std::string& name, PatchFront* front) {
  std::vector<uint8_t>& bytes = front->header_bytes;
  bytes.resize(kPatchHeaderFixedBytes);
  bytes.resize(read_full(fd, bytes, name));
  if (bytes.size() >= kPatchMagic.size() &&
      memcmp(bytes.data(), kPatchMagic.data(), kPatchMagic.size()) != 0) {
    throw Error(Status::bad_magic, name + ": not a mallorn patch");
  }
  size_t length = 0;
  require(patch_header_length(bytes, &length), name + ": patch header");
  bytes.resize(length);
  const ByteSpan rest = ByteSpan(bytes).subspan(kPatchHeaderFixedBytes);
  if (read_full(fd, rest, name) < rest.size()) {
    throw Error(Status::truncated, name + ": patch header");
  }
  require(read_patch_header(bytes, &front->header), name + ": patch header");
}

void read_signatures(int fd, const std::string& name, PatchFront* front) {
  std::vector<uint8_t> bytes(front->header.signature_count * kPatchSignatureBytes);
  if (read_full(fd, bytes, name) < bytes.size()) {
    throw Error(Status::truncated, name + ": signatures");
  }
  ByteReader reader(bytes);
  while (!reader.at_end()) front->signatures.push_back(read_patch_signature(reader));
}

}  // namespace

PatchFront read_patch_front(int fd, const std::string& name) {
  PatchFront front;
  read_header(fd, name, &front);
  read_signatures(fd, name, &front);
  return front;
}

}  // namespace mallorn
