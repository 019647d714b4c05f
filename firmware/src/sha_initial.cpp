// In a file of its own: where it is known what is in it, compilers write it into the code.
#include "firmware/src/sha256.hpp"

namespace mallorn::firmware {

const uint32_t kShaInitialHigh[8] = {
    0x5be0cd19, 0x1f83d9ab, 0x9b05688c, 0x510e527f,
    0xa54ff53a, 0x3c6ef372, 0xbb67ae85, 0x6a09e667,
};

}  // namespace mallorn::firmware
