// Codes are exact: that a float is a multiple of a scale is asked of the arithmetic that a
// decoder has. What is asked with doubles only sorts out scales that cannot be.
#include "mallorn-pack/grid_fit.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>

namespace mallorn::pack {
namespace {

using Floats = std::vector<uint32_t>;

constexpr uint32_t kMaxCode = 255;
constexpr size_t kLeastElements = 16;
// A scale takes four bytes, and saves two for each element at best.
constexpr size_t kLeastOfLane = 4;

Floats load(ByteView bytes) {
  Floats floats(bytes.size() / sizeof(uint32_t));
  for (size_t i = 0; i < floats.size(); ++i)
    floats[i] = load_le<uint32_t>(bytes.data() + i * sizeof(uint32_t));
  return floats;
}

uint32_t size_of(uint32_t bits) { return bits & ~kF32Sign; }
bool is_zero(uint32_t bits) { return size_of(bits) == 0; }
double number(uint32_t bits) { return std::bit_cast<float>(bits); }

uint32_t largest_of(const Floats& floats) {
  uint32_t largest = 0;
  for (const uint32_t bits : floats) largest = std::max(largest, size_of(bits));
  return largest;
}

// How many times `scale` a float is; nothing if it is no multiple.
std::optional<GridCode> code_of(uint32_t bits, uint32_t scale) {
  if (is_zero(bits)) return GridCode{0, bits != 0};
  const double times = number(bits) / number(scale);
  if (!(std::fabs(times) < kMaxCode + 1)) return std::nullopt;
  const auto code = static_cast<int32_t>(std::lround(times));
  if (code == 0 || ScaleGrid(scale).point(code) != bits) return std::nullopt;
  return GridCode{code, false};
}

bool are_multiples(const Floats& floats, uint32_t scale) {
  if (scale == 0 || !f32_is_finite(scale)) return false;
  return std::all_of(floats.begin(), floats.end(),
                     [scale](uint32_t bits) { return code_of(bits, scale).has_value(); });
}

// Whether the largest may be the code `most`, as far as some of the others say.
bool may_be(const Floats& floats, uint32_t largest, uint32_t most) {
  constexpr size_t kAsked = 12;
  const double per = most / number(largest);
  size_t asked = 0;
  for (size_t i = 0; i < floats.size() && asked < kAsked; ++i) {
    if (is_zero(floats[i]) || size_of(floats[i]) == largest) continue;
    const double times = std::fabs(number(floats[i])) * per;
    if (std::fabs(times - std::floor(times + 0.5)) > 1e-4) return false;
    ++asked;
  }
  return true;
}

// The scale of which all are multiples, if there is one: `expected`, if that is one.
std::optional<uint32_t> scale_of(const Floats& floats, uint32_t expected) {
  const uint32_t largest = largest_of(floats);
  if (largest == 0) return expected;
  if (!f32_is_finite(largest)) return std::nullopt;
  if (are_multiples(floats, expected)) return expected;
  const auto try_code = [&](uint32_t most) -> std::optional<uint32_t> {
    if (!may_be(floats, largest, most)) return std::nullopt;
    const uint32_t scale = f32_quotient(largest, f32_rounded(0, most, 0));
    for (const uint32_t near : {scale, scale - 1, scale + 1}) {
      if (are_multiples(floats, near)) return near;
    }
    return std::nullopt;
  };
  // 127 before its parts: lanes of a tensor whose codes are small agree then.
  if (const auto scale = try_code(127)) return scale;
  for (uint32_t most = 1; most <= kMaxCode; ++most) {
    if (const auto scale = try_code(most)) return scale;
  }
  return std::nullopt;
}

// Of one lane, up to so many. It has a run of elements in each round of all lanes.
Floats of_lane(const GridPiece& piece, const Floats& floats, uint32_t lane, size_t most) {
  const uint64_t round = uint64_t{piece.run} * piece.lanes;
  const uint64_t end = piece.first + floats.size();
  Floats found;
  for (uint64_t run = uint64_t{lane} * piece.run; run < end && found.size() < most;
       run += round) {
    const uint64_t first = std::max(run, piece.first);
    const uint64_t last = std::min(run + piece.run, end);
    for (uint64_t i = first; i < last && found.size() < most; ++i) {
      found.push_back(floats[static_cast<size_t>(i - piece.first)]);
    }
  }
  return found;
}

std::vector<Floats> by_lane(const GridPiece& piece, const Floats& floats) {
  std::vector<Floats> found(piece.lanes);
  LaneWalk lanes(piece);
  for (const uint32_t bits : floats) {
    found[lanes.lane()].push_back(bits);
    lanes.next();
  }
  return found;
}

// Whether the beginnings of two lanes are multiples of something.
bool may_be_scaled(const GridPiece& piece, const Floats& floats) {
  constexpr size_t kAsked = 64;
  for (const uint32_t lane : {0u, piece.lanes - 1}) {
    Floats some = of_lane(piece, floats, lane, 16 * kAsked);
    // The largest of few says more than few.
    std::sort(some.begin(), some.end());
    some.erase(std::unique(some.begin(), some.end()), some.end());
    if (some.size() > 2 * kMaxCode + 1 || !scale_of(some, 0)) return false;
  }
  return true;
}

// Codes by `fit->scales`; false if there are more than a piece may have.
bool set_codes(const Floats& floats, GridFit* fit) {
  int32_t low = 0;
  int32_t high = 0;
  LaneWalk lanes(fit->piece);
  fit->codes.reserve(floats.size());
  for (const uint32_t bits : floats) {
    const uint32_t scale = fit->scales[lanes.lane()];
    const auto code = code_of(bits, scale);
    if (!code) return false;
    fit->codes.push_back(*code);
    low = std::min(low, code->number);
    high = std::max(high, code->number);
    lanes.next();
  }
  fit->piece.low = low;
  fit->piece.span = static_cast<uint32_t>(high - low);
  return high - low <= static_cast<int32_t>(kMaxCode);
}

// The scales of lanes, and what they cost by what they are expected to be.
uint64_t set_scales(const std::vector<Floats>& lanes, const Floats& largest, GridFit* fit) {
  constexpr uint64_t kNotScaled = UINT64_MAX;
  uint64_t cost = 0;
  uint32_t before = 0;
  fit->scales.clear();
  for (uint32_t lane = 0; lane < fit->piece.lanes; ++lane) {
    const uint32_t expected =
        expected_scale(fit->piece, largest.empty() ? 0 : largest[lane], before);
    const auto scale = scale_of(lanes[lane], expected);
    if (!scale) return kNotScaled;
    const auto miss = int64_t{*scale} - int64_t{expected};
    cost += static_cast<uint64_t>(std::bit_width(static_cast<uint64_t>(std::llabs(miss))));
    fit->scales.push_back(before = *scale);
  }
  return cost;
}

std::optional<GridFit> fit_scaled(const GridPiece& piece, ByteView base,
                                  const Floats& floats) {
  if (piece.lanes > kMaxGridLanes || piece.lanes * kLeastOfLane > floats.size() ||
      !may_be_scaled(piece, floats)) {
    return std::nullopt;
  }
  const std::vector<Floats> lanes = by_lane(piece, floats);
  Floats largest;
  if (!base.empty()) {
    largest.resize(piece.lanes);
    largest_of_lanes(piece, base.data(), largest.data());
  }
  GridFit best;
  uint64_t least = UINT64_MAX;
  for (const uint32_t divisor : {0u, 127u, 128u, 255u, 7u, 1u}) {
    if (divisor != 0 && base.empty()) break;
    GridFit fit;
    fit.piece = piece;
    fit.piece.divisor = divisor;
    const uint64_t cost = set_scales(lanes, largest, &fit);
    if (cost == UINT64_MAX) return std::nullopt;  // so it is with others
    if (cost >= least) continue;
    least = cost;
    best = std::move(fit);
  }
  if (!set_codes(floats, &best)) return std::nullopt;
  return best;
}

// As lanes: all of them, rows, columns.
std::vector<GridPiece> lanes_of(const TensorPlace& place, uint64_t elements) {
  GridPiece whole;
  whole.elements = elements;
  whole.kind = GridKind::scaled;
  whole.run = 1;
  std::vector<GridPiece> found = {whole};
  const uint64_t row = place.row_elements;
  if (row > 0 && row < elements && row <= kMaxGridRun) {
    GridPiece rows = whole;
    rows.run = static_cast<uint32_t>(row);
    rows.first = place.first_element % row;
    const uint64_t lanes = (rows.first + elements + row - 1) / row;
    rows.lanes = static_cast<uint32_t>(std::min<uint64_t>(lanes, kMaxGridLanes + 1));
    found.push_back(rows);
  }
  const uint64_t column = place.column_elements;
  if (column > 1 && column < elements && column <= kMaxGridLanes) {
    GridPiece columns = whole;
    columns.lanes = static_cast<uint32_t>(column);
    columns.first = place.first_element % column;
    found.push_back(columns);
  }
  return found;
}

std::optional<GridFit> fit_codebook(const Floats& floats) {
  std::vector<int32_t> orders;
  for (const uint32_t bits : floats) {
    const int32_t order = Codebook::order_of(bits);
    const auto at = std::lower_bound(orders.begin(), orders.end(), order);
    if (at != orders.end() && *at == order) continue;
    if (orders.size() == kMaxCodebook) return std::nullopt;
    orders.insert(at, order);
  }
  // An entry takes four bytes, too.
  if (orders.size() * kLeastOfLane > floats.size()) return std::nullopt;
  GridFit fit;
  fit.piece.elements = floats.size();
  fit.piece.kind = GridKind::codebook;
  fit.piece.span = static_cast<uint32_t>(orders.size() - 1);
  for (const int32_t order : orders) {
    const auto bits = static_cast<uint32_t>(order < 0 ? ~order : order);
    if (!fit.codebook.add(order < 0 ? bits | kF32Sign : bits)) return std::nullopt;
  }
  fit.codebook.finish();
  for (const uint32_t bits : floats) {
    const auto at =
        std::lower_bound(orders.begin(), orders.end(), Codebook::order_of(bits));
    fit.codes.push_back({static_cast<int32_t>(at - orders.begin()), false});
  }
  return fit;
}

}  // namespace

std::optional<GridFit> fit_grid(const TensorPlace& place, ByteView base, ByteView result) {
  const Floats floats = load(result);
  if (floats.size() < kLeastElements) return std::nullopt;
  for (const GridPiece& piece : lanes_of(place, floats.size())) {
    if (auto fit = fit_scaled(piece, base, floats)) return fit;
  }
  return fit_codebook(floats);
}

bool are_short(const ShortFloats& floats, ByteView result) {
  for (size_t at = 0; at < result.size(); at += sizeof(uint32_t)) {
    const auto bits = load_le<uint32_t>(result.data() + at);
    if (lengthened(floats, shortened(floats, bits)) != bits) return false;
  }
  return true;
}

void ShortFit::add(ByteView result) {
  constexpr uint32_t kLeastDrop = 8;
  uint32_t all = 0;
  for (size_t at = 0; at < result.size(); at += sizeof(uint32_t)) {
    all |= load_le<uint32_t>(result.data() + at);
  }
  const auto zeros = static_cast<uint32_t>(std::countr_zero(all | 1u << 23));
  if (zeros < kLeastDrop) return;
  const uint32_t kept = std::max(kBf16.mantissa_bits, kF32.mantissa_bits - zeros);
  bytes_[kept] += result.size();
  if (kept <= kF16.mantissa_bits && are_short({kShortF16}, result))
    bytes_[kShortF16] += result.size();
}

std::optional<ShortFloats> ShortFit::most() const {
  auto most = std::max_element(bytes_.begin(), bytes_.end());
  if (*most == 0) return std::nullopt;
  // What is bf16 and f16 is the latter by chance: no number was so small that it was not.
  const auto shorter = bytes_.begin() + kBf16.mantissa_bits;
  if (*shorter == *most) most = shorter;
  return ShortFloats{static_cast<uint32_t>(most - bytes_.begin())};
}

Rounding rounding_of(const ShortFloats& floats, ByteView base, ByteView result) {
  size_t made[2] = {0, 0};
  for (const Rounding rounding : {Rounding::nearest, Rounding::zero}) {
    const ShortFloats rounded = {floats.mantissa_bits, rounding};
    for (size_t at = 0; at < base.size(); at += sizeof(uint32_t)) {
      const uint32_t bits = shortened(rounded, load_le<uint32_t>(base.data() + at));
      if (lengthened(floats, bits) == load_le<uint32_t>(result.data() + at))
        ++made[static_cast<size_t>(rounding)];
    }
  }
  return made[1] > made[0] ? Rounding::zero : Rounding::nearest;
}

}  // namespace mallorn::pack
