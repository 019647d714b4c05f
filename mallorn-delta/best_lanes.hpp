// Finds how floats of the base predict quantized codes of the result by the scales that the
// result states, or codes of the base floats by those of the base.
#pragma once

#include <optional>

#include "libcommon/manifest.hpp"
#include "mallorn-delta/best_conversion.hpp"

namespace mallorn::delta {

// The rounding that comes nearest, by a bounded sample; nothing if has_lanes() says no, or
// there are no scales that fit, more zero points than one, or hardly more elements than
// scales.
std::optional<ConvertedRelation> best_lanes(const Range& from, ByteView base,
                                            const Range& to, ByteView result);

}  // namespace mallorn::delta
