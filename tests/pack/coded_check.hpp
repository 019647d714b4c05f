// Round trips that all codecs of sections make.
#pragma once

#include <doctest/doctest.h>

#include "libcommon/core/status.hpp"
#include "tests/support/random.hpp"

namespace mallorn::test {

// A copy exactly as large as it says, so that sanitizers see what is read past it.
inline Bytes exactly(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

// What encode() makes, the same each time, after decode(coded, result) has made `result` of
// it.
template <typename Encode, typename Decode>
Bytes check_coded(const Encode& encode, const Decode& decode, ByteView result) {
  const Bytes coded = encode();
  REQUIRE(coded == encode());
  Bytes decoded(result.size(), 0xA5);
  REQUIRE(decode(coded, ByteSpan(decoded)) == Status::ok);
  REQUIRE(decoded == exactly(result));
  return coded;
}

}  // namespace mallorn::test
