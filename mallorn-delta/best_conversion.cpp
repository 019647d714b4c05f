#include "mallorn-delta/best_conversion.hpp"

#include <algorithm>
#include <vector>

namespace mallorn::delta {
namespace {

// A sample: so many runs, spread over the tensor, each of about so many elements.
constexpr uint64_t kSampleRuns = 64;
constexpr uint64_t kRunElements = 256;

// Bytes of as many elements on both sides, which are converted by themselves.
struct Unit {
  uint64_t base_bytes = 0;
  uint64_t result_bytes = 0;
  uint64_t elements = 0;
};

Unit unit_of(const Conversion& conversion, Dtype to) {
  Unit unit;
  unit.result_bytes = conversion_unit(conversion, to);
  (void)converted_from(conversion, to, unit.result_bytes, &unit.base_bytes);
  const DtypeLayout& layout = dtype_layout(to);
  unit.elements = unit.result_bytes / layout.block_bytes * layout.block_elements;
  return unit;
}

// Both hold `units`.
Relation relate_sample(const Conversion& conversion, Dtype to, const Unit& unit,
                       uint64_t units, ByteView base, ByteView result) {
  const uint64_t run_units = kRunElements / unit.elements;
  const bool takes_all = units <= kSampleRuns * run_units;
  const uint64_t runs = takes_all ? 1 : kSampleRuns;
  const uint64_t length = takes_all ? units : run_units;
  std::vector<uint8_t> predicted;
  std::vector<uint32_t> weights;
  std::vector<uint8_t> actual;
  for (uint64_t run = 0; run < runs; ++run) {
    const uint64_t first = takes_all ? 0 : (units - length) / (runs - 1) * run;
    const auto part = [first, length](ByteView bytes, uint64_t unit_bytes) {
      return bytes.subspan(static_cast<size_t>(first * unit_bytes),
                           static_cast<size_t>(length * unit_bytes));
    };
    const ByteView made = part(result, unit.result_bytes);
    actual.insert(actual.end(), made.begin(), made.end());
    if (has_weights(conversion, to)) {
      const size_t before = weights.size();
      weights.resize(before + static_cast<size_t>(length * unit.elements));
      to_binary32(conversion, part(base, unit.base_bytes).data(), weights.size() - before,
                  weights.data() + before);
      continue;
    }
    const size_t at = predicted.size();
    predicted.resize(at + made.size());
    convert(conversion, to, part(base, unit.base_bytes), ByteSpan(predicted).subspan(at));
  }
  return has_weights(conversion, to) ? relate_weights(to, weights, actual)
                                     : relate(to, predicted, actual);
}

}  // namespace

std::optional<ConvertedRelation> best_conversion(Dtype from, ByteView base, Dtype to,
                                                 ByteView result) {
  std::optional<ConvertedRelation> best;
  for (const Rounding rounding : {Rounding::nearest, Rounding::zero}) {
    const Conversion conversion = {from, rounding};
    if (!can_convert(conversion, to) && !has_weights(conversion, to)) continue;
    const Unit unit = unit_of(conversion, to);
    const uint64_t units =
        std::min(base.size() / unit.base_bytes, result.size() / unit.result_bytes);
    if (units == 0) continue;
    const Relation relation = relate_sample(conversion, to, unit, units, base, result);
    if (!best || relation.cost < best->relation.cost) {
      best = {conversion, units * unit.result_bytes, relation, {}};
    }
  }
  return best;
}

}  // namespace mallorn::delta
