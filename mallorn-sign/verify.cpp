#include "mallorn-sign/verify.hpp"

#include <algorithm>

#include "libcommon/cli.hpp"
#include "libcommon/error.hpp"
#include "libcommon/text.hpp"
#include "mallorn-sign/key_file.hpp"
#include "mallorn-sign/patch_body.hpp"
#include "mallorn-sign/signing.hpp"

namespace mallorn::sign {
namespace {

ByteView model_id_of(const PatchHeader& header) {
  return ByteView(header.model_id).first(header.model_id_bytes);
}

std::string shown(ByteView model_id) {
  if (model_id.empty()) return "no model";
  return "model '" + std::string(model_id.begin(), model_id.end()) + "'";
}

// The ids of several keys, for a message.
template <typename Items, typename IdOf>
std::string list_of(const Items& items, IdOf id_of) {
  std::string list;
  for (const auto& item : items) list += (list.empty() ? "" : ", ") + to_hex(id_of(item));
  return list;
}

void require_signature(const PatchFront& front, const std::string& name,
                       const std::vector<TrustedKey>& keys) {
  if (front.signatures.empty()) {
    throw Error(Status::bad_signature, name + ": is not signed");
  }
  const std::vector<uint8_t> message = message_of(front);
  bool is_by_trusted_key = false;
  for (const PatchSignature& block : front.signatures) {
    for (const TrustedKey& trusted : keys) {
      if (block.key_id != trusted.id) continue;
      if (verify(trusted.key, message, block.signature)) return;
      is_by_trusted_key = true;
    }
  }
  if (is_by_trusted_key) {
    throw Error(Status::bad_signature,
                name + ": the signature is wrong: this is not the patch that was signed");
  }
  throw Error(Status::bad_signature, name + ": is not signed by a key that is trusted here",
              "signed by " +
                  list_of(front.signatures, [](const auto& s) { return s.key_id; }) +
                  "; trusted: " + list_of(keys, [](const auto& k) { return k.id; }));
}

void require_release(uint32_t release, uint32_t least, const std::string& name) {
  if (release >= least) return;
  throw Error(Status::bad_signature, name + ": release " + std::to_string(release) +
                                         " is below " + std::to_string(least) +
                                         ", the least that is taken");
}

// A model that nobody has named is only taken by a state that has it, or has none yet: one
// key signs for many, and of each other model an old release would do.
void require_state(const PatchHeader& header, const std::string& name,
                   const Requirements& requirements) {
  if (!requirements.state) return;
  const ReleaseState& state = *requirements.state;
  const ByteView model_id = model_id_of(header);
  state.require_allowed(model_id, header.release, name);
  if (requirements.model_id || state.is_empty() || state.release_of(model_id) != 0) return;
  throw Error(Status::bad_signature,
              name + ": is for " + shown(model_id) + ", of which no release is in use here",
              "if that is the model to be updated, say so by --model-id");
}

}  // namespace

TrustedKey read_trusted_key(const std::string& path) {
  const PublicKey key = read_public_key(path);
  return {key, key_id_of(key)};
}

void require_trusted(const PatchFront& front, const std::string& name,
                     const Requirements& requirements) {
  require_signature(front, name, requirements.keys);
  const PatchHeader& header = front.header;
  const ByteView model_id = model_id_of(header);
  if (requirements.model_id &&
      !std::ranges::equal(model_id, *requirements.model_id, {}, {},
                          [](char c) { return static_cast<uint8_t>(c); })) {
    throw Error(Status::bad_signature, name + ": is for " + shown(model_id) +
                                           ", not for model '" + *requirements.model_id +
                                           "'");
  }
  require_release(header.release, requirements.min_release, name);
  require_state(header, name, requirements);
}

PatchFront read_trusted_patch(int fd, const std::string& name,
                              const Requirements& requirements, Spool* body) {
  try {
    PatchFront front = read_patch_front(fd, name);
    require_trusted(front, name, requirements);
    read_patch_body(fd, name, front.header, body);
    return front;
  } catch (const Error& fault) {
    const int code = exit_code(fault.status());
    if (code != exit_code(Status::malformed) &&
        code != exit_code(Status::unsupported_feature)) {
      throw;
    }
    throw Error(Status::bad_signature,
                std::string(fault.what()) + " (" + status_name(fault.status()) + ")",
                fault.hint());
  }
}

}  // namespace mallorn::sign
