// How the encoder chooses, none of which a decoder needs to know: the mode by the order-0
// entropy of sampled pieces of all planes; the kind of a plane by coding it and keeping the
// smallest. Entropy is computed with integers, so that every host chooses alike.
#include "mallorn-pack/planes_codec.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "libcommon/zstd_encoder.hpp"
#include "mallorn-pack/planes.hpp"

namespace mallorn::pack {
namespace {

enum class PlaneKind : uint8_t { stored = 0, constant = 1, zstd = 2, sparse = 3 };

using Bytes = std::vector<uint8_t>;

void append(Bytes& to, ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

void append_header(Bytes& to, PlaneKind kind, size_t size) {
  uint64_t value = uint64_t{size} << 2 | static_cast<uint8_t>(kind);
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<uint8_t>(value | 0x80));
  to.push_back(static_cast<uint8_t>(value));
}

// value * log2(value), in units of 2^-16; the logarithm is wrong by at most 0.008.
uint64_t times_log2(uint64_t value) {
  if (value == 0) return 0;
  const unsigned exponent = static_cast<unsigned>(std::bit_width(value)) - 1;
  const uint64_t fraction = (value << 16 >> exponent) & 0xFFFF;
  const uint64_t bend = (fraction * (0x10000 - fraction) >> 16) * 22525 >> 16;
  return value * ((uint64_t{exponent} << 16) + fraction + bend);
}

// Roughly the bits that a plane takes. Every kSampled-th piece is looked at; statistics
// differ from piece to piece in mode `ordered`, and that is its use.
uint64_t estimate_plane(ByteView plane) {
  constexpr size_t kPieceBytes = 8192;
  constexpr size_t kSampled = 4;
  uint64_t bits = 0;
  size_t seen = 0;
  for (size_t begin = 0; begin < plane.size(); begin += kSampled * kPieceBytes) {
    const ByteView piece =
        plane.subspan(begin, std::min(kPieceBytes, plane.size() - begin));
    std::array<std::array<uint32_t, 256>, 2> counts{};
    for (size_t i = 0; i < piece.size(); ++i) ++counts[i % 2][piece[i]];
    uint64_t sum = 0;
    for (size_t i = 0; i < 256; ++i)
      sum += times_log2(uint64_t{counts[0][i]} + counts[1][i]);
    const uint64_t whole = times_log2(piece.size());
    bits += whole > sum ? (whole - sum) >> 16 : 0;
    seen += piece.size();
  }
  return seen == 0 ? 0 : bits * plane.size() / seen;
}

// A section in one mode.
struct Split {
  PlaneMode mode;
  Bytes planes;
  uint64_t estimate;
};

// Calls visit(plane) for every plane of a section, and for the bytes after the last whole
// block.
template <typename Visit>
void for_each_plane(Dtype dtype, ByteView planes, const Visit& visit) {
  const size_t block_count = planes.size() / plane_block_bytes(dtype);
  Plane plane;
  for (size_t k = 0; block_count != 0 && plane_of(dtype, k, &plane); ++k) {
    const size_t size = plane.field.count * block_count;
    visit(planes.first(size));
    planes = planes.subspan(size);
  }
  if (!planes.empty()) visit(planes);
}

Split split(Dtype dtype, PlaneMode mode, ByteView base, ByteView result) {
  Split split{mode, split_planes(dtype, mode, base, result), 0};
  for_each_plane(dtype, split.planes,
                 [&](ByteView plane) { split.estimate += estimate_plane(plane); });
  return split;
}

Split choose_mode(Dtype dtype, ByteView base, ByteView result) {
  Split best = split(dtype, PlaneMode::direct, base, result);
  for (const PlaneMode mode : {PlaneMode::residual, PlaneMode::ordered}) {
    if (base.empty() || !has_mode(dtype, mode)) break;
    Split other = split(dtype, mode, base, result);
    if (other.estimate >= best.estimate) break;
    best = std::move(other);
  }
  return best;
}

// From this level up, time is spent: zstd's slow levels for all planes, and several block
// sizes.
constexpr int kThoroughLevel = 13;

// The smallest of what zstd makes of `plane`. Most planes are noise of some distribution:
// Huffman codes do what can be done, and zstd's middle levels do worse than level 1,
// because matches of four bytes cost more than they save. So these levels are for planes
// where level 1 finds matches that pay.
Bytes encode_smallest(ZstdEncoder& zstd, ByteView plane, int level) {
  constexpr int kUsualBlockLog = 14;
  Bytes best = zstd.encode(plane, 1);
  const auto offer = [&best](Bytes other) {
    if (other.size() < best.size()) best = std::move(other);
  };
  size_t without_matches = plane.size() / 8;  // a bit for each byte is the least
  if (best.size() >= without_matches) {
    Bytes codes = zstd.encode_frequencies(plane, kUsualBlockLog);
    without_matches = codes.size();
    if (codes.size() <= best.size()) best = std::move(codes);
  }
  if (best.size() > plane.size() - plane.size() / 64) return best;
  const bool is_thorough = level >= kThoroughLevel;
  const bool has_matches = best.size() < without_matches - without_matches / 16;
  if (has_matches && level > 1) {
    offer(zstd.encode_smallest(plane, level, 1));
  } else if (is_thorough) {
    offer(zstd.encode(plane, level));
  }
  if (is_thorough) {
    for (const int block_log : {12, 13, 16})
      offer(zstd.encode_frequencies(plane, block_log));
  }
  return best;
}

// Kinds stored, constant and zstd; `plane` is not empty.
Bytes encode_dense(ZstdEncoder& zstd, ByteView plane, int level) {
  Bytes coded;
  if (std::all_of(plane.begin(), plane.end(), [&](uint8_t b) { return b == plane[0]; })) {
    append_header(coded, PlaneKind::constant, 0);
    coded.push_back(plane[0]);
    return coded;
  }
  const Bytes blocks = encode_smallest(zstd, plane, level);
  append_header(coded, PlaneKind::zstd, blocks.size());
  append(coded, blocks);
  if (coded.size() > plane.size()) {
    coded.clear();
    append_header(coded, PlaneKind::stored, 0);
    append(coded, plane);
  }
  return coded;
}

// One bit for each byte of the plane, and the bytes that are not zero.
Bytes encode_sparse(ZstdEncoder& zstd, ByteView plane, int level) {
  Bytes mask((plane.size() + 7) / 8);
  Bytes values(plane.size());
  size_t count = 0;
  for (size_t at = 0; at < plane.size(); at += 8) {
    const ByteView eight = plane.subspan(at, std::min<size_t>(8, plane.size() - at));
    if (eight.size() == 8 && load_le<uint64_t>(eight.data()) == 0) continue;
    unsigned bits = 0;
    for (size_t i = 0; i < eight.size(); ++i) {
      const bool is_set = eight[i] != 0;
      bits |= unsigned{is_set} << i;
      values[count] = eight[i];
      count += is_set ? 1 : 0;
    }
    mask[at / 8] = static_cast<uint8_t>(bits);
  }
  values.resize(count);
  Bytes coded;
  append_header(coded, PlaneKind::sparse, 0);
  append(coded, encode_dense(zstd, mask, level));
  append(coded, encode_dense(zstd, values, level));
  return coded;
}

Bytes encode_plane(ZstdEncoder& zstd, ByteView plane, int level) {
  const size_t zeros =
      static_cast<size_t>(std::count(plane.begin(), plane.end(), uint8_t{0}));
  if (zeros < plane.size() / 3 || zeros == plane.size()) {
    return encode_dense(zstd, plane, level);
  }
  // The slow levels do not change which of the two is smaller, or hardly.
  const int trial_level = level < kThoroughLevel ? level : kZstdRungs.back();
  Bytes dense = encode_dense(zstd, plane, trial_level);
  Bytes sparse = encode_sparse(zstd, plane, trial_level);
  const bool is_sparse = sparse.size() < dense.size();
  if (trial_level == level) return is_sparse ? sparse : dense;
  return is_sparse ? encode_sparse(zstd, plane, level) : encode_dense(zstd, plane, level);
}

}  // namespace

std::vector<uint8_t> encode_planes(Dtype dtype, ByteView base, ByteView result, int level) {
  const Split chosen = choose_mode(dtype, base, result);
  ZstdEncoder zstd;
  Bytes coded = {static_cast<uint8_t>(chosen.mode)};
  for_each_plane(dtype, chosen.planes,
                 [&](ByteView plane) { append(coded, encode_plane(zstd, plane, level)); });
  return coded;
}

}  // namespace mallorn::pack
