#include "mallorn-pack/chunk_layout.hpp"

namespace mallorn::pack {
namespace {

// Bytes that are no elements: gaps, and tensors of unknown structure.
bool is_plain(const Step& step) { return step.dtype == Dtype::opaque; }

// Bytes predicted byte by byte can only use a section's prediction if the base has them
// all.
bool predicts(const Step& step, ByteView base) {
  return step.kind == StepKind::predict && base.size() >= step.result_bytes;
}

class Layouter {
 public:
  explicit Layouter(const ChunkInput& chunk) : chunk_(chunk) {}

  ChunkLayout run() {
    size_t at = 0;
    for (size_t i = 0; i < chunk_.steps.size(); ++i) {
      const Step& step = chunk_.steps[i];
      const auto length = static_cast<size_t>(step.result_bytes);
      layout_.section_of.push_back(place(i, chunk_.result.subspan(at, length)));
      at += length;
    }
    return std::move(layout_);
  }

 private:
  uint32_t place(size_t i, ByteView result) {
    const Step& step = chunk_.steps[i];
    if (step.kind == StepKind::copy) return kNoSection;
    if (is_plain(step)) return kNoSection;
    const bool has_base = predicts(step, chunk_.base[i]);
    const uint32_t index = find_section(step.dtype, has_base);
    if (index == kNoSection) return kNoSection;  // slow, but right
    SectionPlan& section = layout_.sections[index];
    section.parts.push_back({step.result_bytes, step.place});
    section.result.insert(section.result.end(), result.begin(), result.end());
    if (has_base) {
      const ByteView base = chunk_.base[i].first(result.size());
      section.base.insert(section.base.end(), base.begin(), base.end());
    }
    return index;
  }

  // kNoSection if a chunk has no room for one more.
  uint32_t find_section(Dtype dtype, bool has_base) {
    for (uint32_t i = 0; i < layout_.sections.size(); ++i) {
      const SectionPlan& section = layout_.sections[i];
      if (section.dtype == dtype && section.has_base == has_base) return i;
    }
    if (layout_.sections.size() == kMaxChunkSections) return kNoSection;
    layout_.sections.push_back({dtype, has_base, {}, {}, {}});
    return static_cast<uint32_t>(layout_.sections.size() - 1);
  }

  const ChunkInput& chunk_;
  ChunkLayout layout_;
};

}  // namespace

ChunkLayout lay_out(const ChunkInput& chunk) {
  return Layouter(chunk).run();
}

}  // namespace mallorn::pack
