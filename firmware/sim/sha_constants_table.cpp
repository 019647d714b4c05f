// In place of firmware/src/sha_constants.cpp, where devices begin a hash millions of times:
// what is in the table is not computed. A test compares both.
#include "firmware/sim/sha_rounds.hpp"
#include "firmware/src/sha_constants.hpp"

namespace mallorn::firmware {

uint32_t next_constant(ShaConstants& constants, uint32_t prime, unsigned bits) {
  const sim::ShaRound* round = sim::kShaRounds;
  while (round->prime <= prime) ++round;
  const uint64_t less_one = (round->constant >> (64 - bits)) - 1;
  for (unsigned i = 0; i < bits / 16; ++i) {
    constants.root_less_one()[i] = static_cast<uint16_t>(less_one >> (16 * i));
  }
  return round->prime;
}

}  // namespace mallorn::firmware
