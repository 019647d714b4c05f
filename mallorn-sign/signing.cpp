#include "mallorn-sign/signing.hpp"

#include <algorithm>
#include <memory>

#include "libcommon/error.hpp"
#include "libcommon/file.hpp"

namespace mallorn::sign {
namespace {

Signature read_signature(const std::string& path) {
  const Fd file = open_input(path);
  std::array<uint8_t, kSignatureBytes + 1> bytes{};
  if (read_full(file.get(), bytes, path) != kSignatureBytes) {
    throw Error(Status::malformed, path + ": a signature has 64 bytes, and nothing else");
  }
  Signature signature{};
  std::copy_n(bytes.begin(), signature.size(), signature.begin());
  return signature;
}

}  // namespace

Signer signer_with_secret_key(const std::string& key_path, const KeyOptions& options) {
  const auto key = std::make_shared<SecretKey>(read_secret_key(key_path, options));
  return {key->public_key(), [key](ByteView message) { return key->sign(message); }};
}

Signer signer_with_signature(const std::string& key_path,
                             const std::string& signature_path) {
  return {read_public_key(key_path),
          [signature = read_signature(signature_path)](ByteView) { return signature; }};
}

std::vector<uint8_t> message_of(const PatchFront& front) {
  std::vector<uint8_t> message(kMaxSignedMessageBytes);
  message.resize(write_signed_message(front.header_bytes, message));
  return message;
}

void add_signature(const Signer& signer, const std::string& name, PatchFront* front) {
  const std::vector<uint8_t> message = message_of(*front);
  const PatchSignature added = {key_id_of(signer.key), signer.sign(message)};
  if (!verify(signer.key, message, added.signature)) {
    throw Error(Status::bad_signature,
                name + ": this is not a signature of this patch by this key");
  }
  std::vector<PatchSignature>& all = front->signatures;
  const auto same = std::ranges::find(all, added.key_id, &PatchSignature::key_id);
  if (same != all.end()) {
    *same = added;
    return;
  }
  if (all.size() == kMaxPatchSignatures) {
    throw Error(Status::limit_exceeded,
                name + ": has " + std::to_string(all.size()) + " signatures, and no room");
  }
  all.push_back(added);
}

}  // namespace mallorn::sign
