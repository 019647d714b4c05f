// mallorn_verify_ed25519: the port function that is our own verifier.
#include "firmware/include/mallorn.h"
#include "firmware/src/ed25519.hpp"

using namespace mallorn::firmware;

static_assert(static_cast<int>(Ed25519Verdict::invalid) == MALLORN_E_SIGNATURE &&
              static_cast<int>(Ed25519Verdict::valid) == MALLORN_DONE &&
              static_cast<int>(Ed25519Verdict::more) == MALLORN_MORE);

int mallorn_verify_ed25519(void* /*context*/, mallorn_check* check) {
  if (check->scratch_size < sizeof(Ed25519)) return MALLORN_E_ARGUMENT;
  auto& v = *static_cast<Ed25519*>(check->scratch);
  if (check->is_begun == 0) {
    ed25519_start(v, check->key, check->signature);
    ed25519_update(v, check->message, check->message_length);
    return MALLORN_MORE;
  }
  return static_cast<int>(ed25519_step(v));
}
