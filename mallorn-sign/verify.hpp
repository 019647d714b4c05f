// Whether a patch may be used: signed by a trusted key, for this model, not below a
// release.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libcommon/patch_front.hpp"
#include "libcommon/release_state.hpp"
#include "libcommon/spool.hpp"
#include "mallorn-sign/ed25519.hpp"

namespace mallorn::sign {

struct TrustedKey {
  PublicKey key;
  KeyId id;
};

struct Requirements {
  std::vector<TrustedKey> keys;         // one good signature by any of them is enough
  std::optional<std::string> model_id;  // none: any model's
  uint32_t min_release = 0;
  std::optional<ReleaseState> state{};  // of what is in use already
};

TrustedKey read_trusted_key(const std::string& path);

// Throws Error(bad_signature) that says why, if what stands before the body does not meet
// the requirements.
void require_trusted(const PatchFront& front, const std::string& name,
                     const Requirements& requirements);

// Reads a whole patch from `fd`, its body into `body` (null: only checks it). Throws
// Error(bad_signature) for whatever is wrong with it: with keys at hand, all that can be is
// that it is not what was signed.
PatchFront read_trusted_patch(int fd, const std::string& name,
                              const Requirements& requirements, Spool* body);

}  // namespace mallorn::sign
