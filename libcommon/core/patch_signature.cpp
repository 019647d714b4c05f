#include "libcommon/core/patch_signature.hpp"

namespace mallorn {

void write_patch_signature(const PatchSignature& signature, ByteWriter& writer) {
  writer.bytes(signature.key_id);
  writer.bytes(signature.signature);
}

PatchSignature read_patch_signature(ByteReader& reader) {
  PatchSignature read;
  reader.copy_to(read.key_id);
  reader.copy_to(read.signature);
  return read;
}

size_t write_signed_message(ByteView header, ByteSpan to) {
  ByteWriter writer(to);
  writer.bytes(
      {reinterpret_cast<const uint8_t*>(kSignatureDomain), sizeof(kSignatureDomain)});
  writer.bytes(header.first(kPatchSignatureCountOffset));
  writer.u8(0);
  const ByteView rest = header.subspan(kPatchSignatureCountOffset + 1);
  writer.bytes(rest.first(rest.size() - kPatchHeaderCheckBytes));
  return writer.size();
}

}  // namespace mallorn
