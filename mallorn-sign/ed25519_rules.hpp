// What a verifier refuses beside the equation of Ed25519 (docs/format/sign.md, section 5).
// Libraries disagree about such keys and signatures; the programs and devices must not.
#pragma once

#include <array>
#include <cstdint>

namespace mallorn::sign {

using PublicKey = std::array<uint8_t, 32>;
using Scalar = std::array<uint8_t, 32>;  // the second half of a signature

// False if y is not below p, so that the point is written in a second way, or is that of a
// point of small order, for which anyone can make signatures. Whether there is a point with
// this y is left to who decodes it.
bool is_safe_key(PublicKey key);

// Whether it is below the order of the base point.
bool is_reduced(const Scalar& scalar);

}  // namespace mallorn::sign
