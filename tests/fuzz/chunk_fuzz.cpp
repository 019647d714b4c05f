// Any bytes as a chunk record: a Status, or steps that stay inside the base and add up.
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "mallorn-apply/section_codecs.hpp"
#include "tests/fuzz/inputs.hpp"

namespace {

void check(const mallorn::apply::ChunkWorkspace& space, size_t base_size) {
  uint64_t made = 0;
  uint64_t coded = 0;
  for (uint32_t i = 0; i < space.step_count; ++i) {
    const mallorn::CodedStep& step = space.step[i];
    const bool is_copy = step.kind == mallorn::CodedStepKind::copy;
    if (is_copy && !mallorn::range_fits(step.base_offset, step.length_bytes, base_size)) {
      std::abort();
    }
    made += step.length_bytes;
    coded += is_copy ? 0 : step.length_bytes;
  }
  if (made != space.view.header.result_bytes || coded > space.coded.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<uint8_t> base = mallorn::fuzz::fixed_base();
  static const auto space = std::make_unique<mallorn::apply::ChunkWorkspace>();
  // A chunk may code 1 MiB from nothing, which takes a second and shows no more than 64 KiB
  // do.
  mallorn::ByteReader head({data, size});
  (void)head.varint();
  if (head.varint() > 65536) return 0;
  mallorn::apply::HostSections sections;
  const mallorn::Status status =
      mallorn::apply::decode_chunk({data, size}, base, 1000, sections, space.get());
  if (status == mallorn::Status::ok) check(*space, base.size());
  if (status == mallorn::Status::internal) std::abort();
  return 0;
}
