// Constants that SHA-256 and SHA-512 share: those of SHA-256 are the high halves of those
// of SHA-512 (FIPS 180-4, 4.2 and 5.3), so a device keeps them once.
#pragma once

#include <stdint.h>

namespace mallorn::firmware {

extern const uint32_t kShaInitialHigh[8];  // h first, as states have them
extern const uint32_t kShaRoundHigh[64];

}  // namespace mallorn::firmware
