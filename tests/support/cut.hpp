// All chunks of a plan, at once.
#pragma once

#include <utility>
#include <vector>

#include "mallorn-delta/plan.hpp"

namespace mallorn::test {

inline std::vector<std::vector<Step>> cut_into_chunks(
    std::vector<Step> steps, const std::vector<delta::ByteRange>& whole,
    delta::Chunks chunks = delta::Chunks::few, std::vector<delta::Twin> twins = {}) {
  std::vector<std::vector<Step>> made;
  delta::for_each_chunk(std::move(steps), whole, chunks, std::move(twins),
                        [&](const std::vector<Step>& chunk) { made.push_back(chunk); });
  return made;
}

}  // namespace mallorn::test
