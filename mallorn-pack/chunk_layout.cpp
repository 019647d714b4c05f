#include "mallorn-pack/chunk_layout.hpp"

#include <algorithm>
#include <optional>

#include "libcommon/core/base_cursor.hpp"
#include "libcommon/derivation.hpp"
#include "libcommon/lane_grid.hpp"
#include "libcommon/zstd_encoder.hpp"
#include "mallorn-pack/equal_bytes.hpp"
#include "mallorn-pack/mask_codec.hpp"

namespace mallorn::pack {
namespace {

// Bytes that are no elements: gaps, and tensors of unknown structure.
bool is_plain(const Step& step) { return step.dtype == Dtype::opaque; }

// Bytes predicted byte by byte can only use a section's prediction if the base has them
// all. What is converted always has its base.
bool predicts(const Step& step, ByteView base) {
  return step.kind == StepKind::predict &&
         (is_converted(step) || base.size() >= step.result_bytes);
}

bool is_only_permuted(const Step& step, ByteView base, ByteView result) {
  return is_permuted(step) && std::ranges::equal(base, result);
}

struct MaskSteps {
  std::vector<bool> is_array;  // by step: it is one of the two arrays of a mask
  std::vector<MaskShape> masks;
};

// Steps that are the indices and segments of a sparse tensor: neighbours, but for bytes and
// copies between them. Indices that are predicted stay so: mallorn-delta has found the base
// to be better. Segments follow from a mask in any case.
MaskSteps find_mask_steps(const ChunkInput& chunk) {
  MaskSteps found;
  found.is_array.resize(chunk.steps.size());
  uint64_t cells_left = kMaxMaskCells;
  size_t before = 0;  // the last step of elements, and its bytes unless they are of a mask
  ArrayView array_before;
  size_t at = 0;
  for (size_t i = 0; i < chunk.steps.size(); ++i) {
    const Step& step = chunk.steps[i];
    const auto length = static_cast<size_t>(step.result_bytes);
    const ArrayView array = {step.dtype, chunk.result.subspan(at, length)};
    at += length;
    if (step.kind == StepKind::copy || is_plain(step)) continue;
    const auto mask = find_mask(array_before, array);
    const Step& indices = mask && !mask->has_segments_first ? chunk.steps[before] : step;
    if (mask && indices.kind == StepKind::literal && mask->cells() <= cells_left) {
      cells_left -= mask->cells();
      found.masks.push_back(*mask);
      found.is_array[before] = found.is_array[i] = true;
      array_before = {};
    } else {
      before = i;
      array_before = array;
    }
  }
  return found;
}

// How many bytes the model of bytes would be surprised by, although some may have been
// inserted or removed.
size_t missed_bytes(ByteView base, ByteView result) {
  BaseCursor cursor(base, 0, 0);
  size_t missed = 0;
  for (const uint8_t byte : result) {
    missed += cursor.foresees(byte) ? 0 : 1;
    cursor.advance(byte);
  }
  return missed;
}

// Bytes that no model makes smaller: among the steps they take a microsecond each for
// nothing, in a section of their own none.
bool is_noise(ByteView base, ByteView result) {
  constexpr size_t kLeast = 4096;
  constexpr int kQuickLevel = 1;
  return result.size() >= kLeast && equal_bytes(base, result) < result.size() / 64 &&
         missed_bytes(base, result) > result.size() - result.size() / 16 &&
         encode_zstd(result, kQuickLevel).size() > result.size() - result.size() / 128;
}

// Whether that model would hardly ever be surprised: then it is fast enough, and nothing
// else is as small.
bool is_foreseen(ByteView base, ByteView result) {
  return missed_bytes(base, result) < result.size() / 16;
}

// The grid of a step, without scales where they follow from the base. That of a lane of
// zeros is of no account.
std::vector<uint8_t> shortest_grid(const Step& step, ByteView base) {
  LaneGrid grid = lane_grid_from_bytes(step.parameters, step.conversion, step.dtype);
  const bool makes_codes = step.dtype == Dtype::i8 || step.dtype == Dtype::u8;
  if (grid.is_derived || !makes_codes) return step.parameters;
  for (uint32_t lane = 0; lane < grid.lanes; ++lane) {
    const uint32_t scale = derived_scale(step.conversion, grid, lane, base);
    if (scale != 0 && scale != load_le<uint32_t>(grid.scales.data() + lane * sizeof(scale)))
      return step.parameters;
  }
  grid.is_derived = true;
  return lane_grid_to_bytes(grid);
}

// The elements of the base of a step that has weights.
std::vector<uint8_t> weights_of(const Step& step, ByteView base) {
  const size_t unit = conversion_elements(step.conversion, step.dtype);
  const uint64_t units = step.result_bytes / conversion_unit(step.conversion, step.dtype);
  std::vector<uint32_t> numbers(static_cast<size_t>(units) * unit);
  to_binary32(step.conversion, base.data(), numbers.size(), numbers.data());
  std::vector<uint8_t> bytes(numbers.size() * sizeof(uint32_t));
  for (size_t i = 0; i < numbers.size(); ++i) {
    store_le(bytes.data() + i * sizeof(uint32_t), numbers[i]);
  }
  return bytes;
}

class Layouter {
 public:
  Layouter(const ChunkInput& chunk, const LayoutOptions& options)
      : chunk_(chunk), options_(options) {}

  ChunkLayout run() {
    masks_.is_array.resize(chunk_.steps.size());
    if (options_.finds_masks) masks_ = find_mask_steps(chunk_);
    size_t at = 0;
    for (size_t i = 0; i < chunk_.steps.size(); ++i) {
      const Step& step = chunk_.steps[i];
      const auto length = static_cast<size_t>(step.result_bytes);
      layout_.section_of.push_back(place(i, chunk_.result.subspan(at, length)));
      at += length;
    }
    for (SectionPlan& section : layout_.sections) {
      if (section.dtype == Dtype::opaque) section.masks = masks_.masks;
    }
    return std::move(layout_);
  }

 private:
  uint32_t place(size_t i, ByteView result) {
    const Step& step = chunk_.steps[i];
    if (step.kind == StepKind::copy) return kNoSection;
    if (is_derived(step)) return kNoSection;
    // Sections of bytes are those of masks, where a chunk has masks.
    if (is_plain(step) && !(masks_.masks.empty() && goes_apart(chunk_.base[i], result)))
      return kNoSection;
    const bool is_of_mask = masks_.is_array[i];
    const bool has_base = !is_of_mask && uses_base(i, result);
    const Conversion conversion = has_base ? step.conversion : Conversion{};
    const bool is_by_lanes = has_lanes(conversion, step.dtype);
    const std::vector<uint8_t> grid =
        is_by_lanes ? shortest_grid(step, chunk_.base[i]) : std::vector<uint8_t>{};
    const bool is_same = has_base && is_only_permuted(step, chunk_.base[i], result);
    const uint32_t index = find_section(is_of_mask ? Dtype::opaque : step.dtype, has_base,
                                        conversion, grid, is_same);
    if (index == kNoSection) return kNoSection;  // slow, but right
    SectionPlan& section = layout_.sections[index];
    const DtypeLayout& layout = dtype_layout(step.dtype);
    const uint64_t first =
        step.place.first_element / layout.block_elements * layout.block_bytes;
    section.parts.push_back({step.result_bytes, step.place, {}});
    section.is_permuted |= has_base && is_permuted(step);
    if (has_base && conversion.is_none() && !is_permuted(step))
      section.parts.back().matrix = step.base_offset - first;
    section.result.add(result);
    if (is_by_lanes) {
      convert_lanes(conversion, lane_grid_from_bytes(grid, conversion, step.dtype),
                    step.dtype, chunk_.base[i], section.base.add(result.size()));
    } else if (has_weights(conversion, step.dtype)) {
      const std::vector<uint8_t> weights = weights_of(step, chunk_.base[i]);
      std::ranges::copy(weights, section.base.add(weights.size()).begin());
    } else if (!conversion.is_none()) {
      convert(conversion, step.dtype, chunk_.base[i], section.base.add(result.size()));
    } else if (has_base) {
      section.base.add(chunk_.base[i].first(result.size()));
    }
    return index;
  }

  // Whether bytes have a section.
  bool goes_apart(ByteView base, ByteView result) const {
    return is_noise(base, result) ||
           (!options_.models_bytes && result.size() >= kLongStep &&
            !is_foreseen(base, result));
  }

  // Bytes are predicted by those that lie where they do: nothing tells of inserted ones.
  bool uses_base(size_t i, ByteView result) const {
    const Step& step = chunk_.steps[i];
    const ByteView base = chunk_.base[i];
    if (!predicts(step, base)) return false;
    if (is_permuted(step) && !options_.uses_permuted) return false;
    if (is_plain(step)) return equal_bytes(base, result) >= result.size() / 2;
    return step.predictor != Predictor::distant || options_.uses_distant;
  }

  // kNoSection if a chunk has no room for one more.
  uint32_t find_section(Dtype dtype, bool has_base, const Conversion& conversion,
                        const std::vector<uint8_t>& grid, bool is_same) {
    for (uint32_t i = 0; i < layout_.sections.size(); ++i) {
      const SectionPlan& section = layout_.sections[i];
      if (section.dtype == dtype && section.has_base == has_base &&
          section.conversion == conversion && section.grid == grid &&
          section.is_same == is_same) {
        return i;
      }
    }
    if (layout_.sections.size() == kMaxChunkSections) return kNoSection;
    layout_.sections.push_back(
        {dtype, has_base, conversion, grid, is_same, false, {}, {}, {}, {}});
    return static_cast<uint32_t>(layout_.sections.size() - 1);
  }

  const ChunkInput& chunk_;
  const LayoutOptions options_;
  MaskSteps masks_;
  ChunkLayout layout_;
};

}  // namespace

ChunkLayout lay_out(const ChunkInput& chunk, const LayoutOptions& options) {
  return Layouter(chunk, options).run();
}

}  // namespace mallorn::pack
