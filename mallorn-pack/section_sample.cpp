#include "mallorn-pack/section_sample.hpp"

#include <algorithm>

namespace mallorn::pack {
namespace {

size_t run_of(Dtype dtype, const SectionPart& part, size_t run_bytes) {
  const DtypeLayout& layout = dtype_layout(dtype);
  const uint64_t row_bytes =
      part.place.row_elements / layout.block_elements * layout.block_bytes;
  const bool has_rows = row_bytes > 0 && row_bytes <= run_bytes;
  const size_t unit = has_rows ? static_cast<size_t>(row_bytes) : layout.block_bytes;
  return std::max(run_bytes / unit, size_t{1}) * unit;
}

void append(ByteView bytes, std::vector<uint8_t>* to) {
  to->insert(to->end(), bytes.begin(), bytes.end());
}

}  // namespace

SectionSample sample_of(Dtype dtype, const std::vector<SectionPart>& parts, ByteView base,
                        ByteView result, size_t run_bytes, size_t one_in) {
  SectionSample sample;
  size_t begin = 0;
  for (const SectionPart& part : parts) {
    const size_t end = begin + static_cast<size_t>(part.length_bytes);
    const size_t run = run_of(dtype, part, run_bytes);
    SectionPart some = part;
    some.length_bytes = 0;
    for (size_t at = begin; at < end; at += one_in * run) {
      const size_t length = std::min(run, end - at);
      append(result.subspan(at, length), &sample.result);
      if (!base.empty()) append(base.subspan(at, length), &sample.base);
      some.length_bytes += length;
    }
    sample.parts.push_back(some);
    begin = end;
  }
  return sample;
}

}  // namespace mallorn::pack
