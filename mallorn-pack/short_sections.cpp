#include "mallorn-pack/short_sections.hpp"

#include <algorithm>

#include "mallorn-pack/structure_encoder.hpp"

namespace mallorn::pack {
namespace {

constexpr uint64_t kShort = 2048;
// What the header of a chunk says of a short section.
constexpr uint64_t kHead = 5;
// Each trial codes all bytes among the steps once more, a hundred thousand of them in a
// tenth of a second: how many in one trial, and in those of a chunk.
constexpr uint64_t kMostTried = 16 * 1024;
constexpr uint64_t kMostInAll = 256 * 1024;
// Of the chunk: longer ones are not made noticeably smaller.
constexpr uint64_t kLongChunk = 256 * 1024;

// Sections by step, when those that are dropped are counted no more.
std::vector<uint32_t> without(std::vector<uint32_t> section_of,
                              const std::vector<bool>& dropped) {
  std::vector<uint32_t> number;
  uint32_t kept = 0;
  for (const bool is_dropped : dropped) number.push_back(is_dropped ? kNoSection : kept++);
  for (uint32_t& section : section_of) {
    if (section != kNoSection) section = number[section];
  }
  return section_of;
}

// Whether to drop each section.
class Trials {
 public:
  Trials(const ChunkInput& chunk, uint64_t base_bytes, const ChunkLayout& layout,
         const std::vector<CodedSection>& sections)
      : chunk_(chunk), base_bytes_(base_bytes), layout_(layout), sections_(sections) {}

  std::vector<bool> run() {
    const std::vector<bool> short_ones = find_short();
    const auto count = std::ranges::count(short_ones, true);
    const uint64_t tried = bytes_without(short_ones);
    std::vector<bool> best(sections_.size());
    if (count == 0 || tried > kMostTried || chunk_.result.size() > kLongChunk) return best;
    uint64_t least = size_without(best);
    const auto offer = [&](std::vector<bool> dropped) {
      const uint64_t size = size_without(dropped);
      if (size >= least) return;
      least = size;
      best = std::move(dropped);
    };
    offer(short_ones);
    if (tried * static_cast<uint64_t>(count) > kMostInAll) return best;
    for (size_t i = 0; i < sections_.size(); ++i) {
      if (!short_ones[i]) continue;
      std::vector<bool> other = best;
      other[i] = !other[i];
      offer(std::move(other));
    }
    return best;
  }

 private:
  // Steps know no base that is converted or permuted.
  std::vector<bool> find_short() const {
    std::vector<bool> are_short;
    for (const SectionPlan& plan : layout_.sections) {
      are_short.push_back(plan.dtype != Dtype::opaque && plan.conversion.is_none() &&
                          !plan.is_permuted && !plan.is_same &&
                          plan.result.size() <= kShort);
    }
    return are_short;
  }

  // How many bytes of the result are among the steps then.
  uint64_t bytes_without(const std::vector<bool>& dropped) const {
    uint64_t bytes = 0;
    for (size_t i = 0; i < chunk_.steps.size(); ++i) {
      const Step& step = chunk_.steps[i];
      const uint32_t section = layout_.section_of[i];
      const bool is_among_steps = section == kNoSection || dropped[section];
      if (step.kind != StepKind::copy && is_among_steps) bytes += step.result_bytes;
    }
    return bytes;
  }

  uint64_t size_without(const std::vector<bool>& dropped) const {
    ChunkLayout layout;
    layout.section_of = without(layout_.section_of, dropped);
    uint64_t size = 0;
    for (size_t i = 0; i < sections_.size(); ++i) {
      if (dropped[i]) continue;
      const SectionPlan& plan = layout_.sections[i];
      SectionPlan& kept = layout.sections.emplace_back();  // what the steps look at
      kept.has_base = plan.has_base;
      kept.is_permuted = plan.is_permuted;
      size += kHead + sections_[i].coded.size();
    }
    return size + encode_structure(chunk_, layout, base_bytes_).coded.size();
  }

  const ChunkInput& chunk_;
  uint64_t base_bytes_;
  const ChunkLayout& layout_;
  const std::vector<CodedSection>& sections_;
};

}  // namespace

void drop_short_sections(const ChunkInput& chunk, uint64_t base_bytes, ChunkLayout* layout,
                         std::vector<CodedSection>* sections) {
  const std::vector<bool> dropped = Trials(chunk, base_bytes, *layout, *sections).run();
  layout->section_of = without(std::move(layout->section_of), dropped);
  size_t kept = 0;
  for (size_t i = 0; i < dropped.size(); ++i) {
    if (dropped[i]) continue;
    if (i != kept) {
      layout->sections[kept] = std::move(layout->sections[i]);
      (*sections)[kept] = std::move((*sections)[i]);
    }
    ++kept;
  }
  layout->sections.resize(kept);
  sections->resize(kept);
}

}  // namespace mallorn::pack
