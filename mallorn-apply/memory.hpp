// How much memory applying a patch takes, and keeping to what it may take.
//
// Counted is what the program takes for itself: heap, stacks, data. Pages of mapped files,
// the base above all, are the system's to keep and to take back, and are not counted.
#pragma once

#include <cstdint>
#include <string>

#include "libcommon/core/patch_format.hpp"

namespace mallorn::apply {

// What applying such a patch with so many threads takes at most, in bytes: the most that
// this program needs for any patch of its kind, or what the header declares, if that is
// more.
uint64_t needed_memory(const PatchHeader& header, unsigned threads);

// Such a length in MiB, no less than `bytes`; and as people are told of it.
uint64_t whole_mib(uint64_t bytes);
std::string in_mib(uint64_t bytes);

// What an update in place takes beside that: for undo records, and for the plan of a model
// whose layout is what it was.
uint64_t needed_for_undo();
uint64_t needed_for_plan(const PatchHeader& header);
// What an update in place takes that goes back.
uint64_t needed_to_go_back(const PatchHeader& header);

// Throws Error(out_of_memory), which names `patch`, if it needs more than the limit.
void require_within(uint64_t limit, uint64_t needed, const std::string& patch);

// The most threads, up to `wanted`, for which `limit` bytes are enough beside `extra`.
// Throws Error(out_of_memory), which names `patch`, if they are not enough for one.
unsigned threads_within(uint64_t limit, const PatchHeader& header, unsigned wanted,
                        const std::string& patch, uint64_t extra = 0);

// Has the system refuse this process more than `limit` bytes from now on; what asks for
// more then fails as it does when there is no more. Called before threads are started.
void limit_memory(uint64_t limit);

// A length of the result that the base makes plausible, so that room may be reserved for
// it: the header is not to be trusted before all has been decoded.
constexpr uint64_t plausible_result_bytes(uint64_t base_bytes) {
  return 4 * base_bytes + (64u << 20);
}

}  // namespace mallorn::apply
