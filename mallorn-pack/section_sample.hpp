// What some of a section says of all of it: runs from everywhere in it, so that a codec
// that cannot win is seen to be none before all bytes go through it.
#pragma once

#include <cstdint>
#include <vector>

#include "libcommon/core/dtype.hpp"
#include "mallorn-pack/chunk_layout.hpp"

namespace mallorn::pack {

struct SectionSample {
  std::vector<SectionPart> parts;
  std::vector<uint8_t> base;  // empty without one
  std::vector<uint8_t> result;

  // What would be coded of all of `whole_bytes`, going by what is of the sample.
  uint64_t scaled(uint64_t coded_bytes, uint64_t whole_bytes) const {
    return coded_bytes * whole_bytes / result.size();
  }
};

// Of every `one_in` runs of a part the first: about `run_bytes` each, which are whole
// blocks, and whole rows where those are short, so that rows follow one another.
// `base` is as long as `result`, or empty; `parts` are what they consist of.
SectionSample sample_of(Dtype dtype, const std::vector<SectionPart>& parts, ByteView base,
                        ByteView result, size_t run_bytes, size_t one_in);

}  // namespace mallorn::pack
