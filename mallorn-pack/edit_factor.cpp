#include "mallorn-pack/edit_factor.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "mallorn-pack/floating.hpp"

namespace mallorn::pack {
namespace {

constexpr size_t kFactorSample = 512;  // elements that a factor is looked for in
constexpr size_t kFewest = 4;          // of which it can be told
constexpr size_t kLeastFactorRow = 8;  // elements; shorter ones have no factor of their own
constexpr size_t kTriedRows = 8;       // of which half have one, or no row is asked

double number(const ValueType& type, uint64_t bits) {
  const uint64_t wide = type.format.bits == 32 ? bits
                        : type.format.mantissa_bits == kF16.mantissa_bits
                            ? widened<kF16, kF32>(bits)
                            : widened<kBf16, kF32>(bits);
  return std::bit_cast<float>(static_cast<uint32_t>(wide));
}

struct Pair {
  double before;
  double now;
  double half;  // of what is between `now` and the next number
};

// Calls visit(pair) for each `step`th pair of numbers, none of them 0.
template <typename Visit>
void for_each_pair(const ValueType& type, ByteView base, ByteView result, size_t step,
                   const Visit& visit) {
  const size_t elements = result.size() / type.bytes;
  for (size_t i = 0; i < elements; i += step) {
    const uint64_t from = load_edit(type, base.data() + i * type.bytes);
    const uint64_t to = load_edit(type, result.data() + i * type.bytes);
    const auto is_number = [&](uint64_t bits) {
      const uint64_t magnitude = bits & (type.format.sign() - 1);
      return magnitude != 0 && magnitude < type.format.infinity() - 1;
    };
    if (!is_number(from) || !is_number(to)) continue;
    const double now = number(type, to);
    visit(Pair{number(type, from), now, std::fabs(number(type, to + 1) - now) / 2});
  }
}

double middle_ratio(const std::vector<Pair>& pairs) {
  std::vector<double> ratios;
  for (const Pair& pair : pairs) ratios.push_back(pair.now / pair.before);
  const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
  std::nth_element(ratios.begin(), middle, ratios.end());
  return *middle;
}

// What the ratios of pairs have in common, of those that are `near` one. Rounding leaves
// some room around each; that of all is narrow.
struct Common {
  double ratio;
  double near;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  size_t agree = 0;

  void add(const Pair& pair) {
    const double of_pair = pair.now / pair.before;
    if (!(std::fabs(of_pair - ratio) <= near)) return;
    const double room = std::fabs(pair.half / pair.before);
    low = std::max(low, of_pair - room);
    high = std::min(high, of_pair + room);
    ++agree;
  }
  // Products are rounded twice, so that what all have in common may be a little less than
  // nothing.
  bool is_any() const { return low <= high + std::fabs(ratio) * 0x1p-22; }
  double middle() const { return (low + high) / 2; }
};

size_t count_misses(const ValueType& type, uint32_t factor, ByteView base,
                    ByteView result) {
  size_t misses = 0;
  for (size_t at = 0; at < result.size(); at += type.bytes) {
    const uint64_t product = edit_product(type, load_edit(type, base.data() + at), factor);
    misses += product != load_edit(type, result.data() + at) ? 1u : 0u;
  }
  return misses;
}

// The factor, or one of its neighbours, whichever makes most of the result.
uint32_t best_near(const ValueType& type, uint32_t factor, ByteView base, ByteView result) {
  uint32_t best = factor;
  size_t least = count_misses(type, factor, base, result);
  for (const uint32_t other : {factor - 1, factor + 1}) {
    if (least == 0) break;
    const size_t misses = count_misses(type, other, base, result);
    if (misses < least) best = other;
    least = std::min(least, misses);
  }
  return best;
}

// kF32One if there is none. A sample tells whether there is; what all elements have in
// common, which it is.
uint32_t find_factor(const ValueType& type, ByteView base, ByteView result) {
  std::vector<Pair> pairs;
  const size_t step = std::max<size_t>(result.size() / type.bytes / kFactorSample, 1);
  for_each_pair(type, base, result, step, [&](const Pair& pair) { pairs.push_back(pair); });
  if (pairs.size() < kFewest) return kF32One;
  const double ratio = middle_ratio(pairs);
  if (ratio == 1) return kF32One;  // most stay as they are
  const double near =
      std::fabs(ratio) * power_of_two(-static_cast<int64_t>(type.format.mantissa_bits));
  Common sample{ratio, near};
  for (const Pair& pair : pairs) sample.add(pair);
  if (sample.agree * 4 < pairs.size() * 3) return kF32One;
  Common all{ratio, near};
  for_each_pair(type, base, result, 1, [&](const Pair& pair) { all.add(pair); });
  // Others, that only happen to be near, may leave nothing.
  const double factor = all.is_any()      ? all.middle()
                        : sample.is_any() ? sample.middle()
                                          : ratio;
  return best_near(type, std::bit_cast<uint32_t>(static_cast<float>(factor)), base, result);
}

// Whether elements may be multiplied by it: by no number, or by 0, never.
bool is_apt(uint32_t factor) {
  return f32_is_finite(factor) && (factor & ~kF32Sign) != 0 && factor != kF32One;
}

// In place.
void multiply(const ValueType& type, uint32_t factor, ByteSpan elements) {
  for (size_t at = 0; at < elements.size(); at += type.bytes) {
    uint8_t* const element = elements.data() + at;
    store_edit(type, element, edit_product(type, load_edit(type, element), factor));
  }
}

}  // namespace

EditFactors find_factors(const ValueType& type, uint64_t row, ByteView base,
                         ByteView result) {
  EditFactors found;
  if (!has_factors(type)) return found;
  if (const uint32_t factor = find_factor(type, base, result); is_apt(factor)) {
    found.kind = FactorKind::one;
    found.factors = {factor};
    found.products.assign(base.begin(), base.end());
    multiply(type, factor, found.products);
    return found;
  }
  const size_t row_bytes = static_cast<size_t>(row) * type.bytes;
  if (row < kLeastFactorRow || row_bytes >= base.size()) return found;
  const size_t rows = (base.size() + row_bytes - 1) / row_bytes;
  const auto factor_of = [&](size_t i) {
    const size_t length = std::min(row_bytes, base.size() - i * row_bytes);
    const uint32_t factor = find_factor(type, base.subspan(i * row_bytes, length),
                                        result.subspan(i * row_bytes, length));
    return is_apt(factor) ? factor : kF32One;
  };
  const size_t tried = std::min(rows, kTriedRows);
  size_t agree = 0;
  for (size_t i = 0; i < tried; ++i) agree += factor_of(i * (rows / tried)) != kF32One;
  if (agree * 2 < tried) return found;
  found.kind = FactorKind::by_row;
  found.products.assign(base.begin(), base.end());
  for (size_t i = 0; i < rows; ++i) {
    found.factors.push_back(factor_of(i));
    const size_t length = std::min(row_bytes, base.size() - i * row_bytes);
    multiply(type, found.factors.back(),
             ByteSpan(found.products).subspan(i * row_bytes, length));
  }
  return found;
}

}  // namespace mallorn::pack
