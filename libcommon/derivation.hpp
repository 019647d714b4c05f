// What the parameters of a step with predictor `derived` say (docs/format/stream.md, "Delta
// streams"): from which numbers of its chunk those of the step follow.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/delta_stream.hpp"

namespace mallorn {

struct Derivation {
  // Where as many bytes begin that hold the other numbers, counted from the begin of the
  // step.
  uint64_t source_distance = 0;
  bool source_is_ahead = false;  // else behind
  uint32_t factor = 0;           // binary32: number = other number * factor, about

  bool operator==(const Derivation&) const = default;
};

bool is_derived(const Step& step);

std::vector<uint8_t> derivation_to_bytes(const Derivation& derivation);
// False, and *derivation untouched, for anything else than one.
[[nodiscard]] bool derivation_from_bytes(ByteView bytes, Derivation* derivation);

// The begins of steps[0], steps[1], ... and the end of the last, counted from the first.
std::vector<uint64_t> step_begins(const std::vector<Step>& steps);
// True if the source of derived step `i` of a chunk can be known before the step: it lies
// within the chunk, and touches no derived step but such that come before this one.
bool has_source(const std::vector<Step>& steps, const std::vector<uint64_t>& begins,
                size_t i);

}  // namespace mallorn
