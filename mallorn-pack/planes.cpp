// The mirror of mallorn-apply/core/planes.cpp: residuals are taken in place in a copy of
// the result, then fields and bytes are gathered. Scalars go through in runs of kPlaneRun
// numbers: constant counts and local arrays are what lets the compiler use vector
// instructions.
#include "mallorn-pack/planes.hpp"

#include <array>
#include <cassert>
#include <utility>

namespace mallorn::pack {
namespace {

constexpr size_t kRun = kPlaneRun;

// Splits `run` into the planes that begin at `planes`, as numbers [first, first + kRun).
template <typename T>
void scatter_run(const T* run, uint8_t* planes, size_t count, size_t first) {
  for (size_t k = 0; k < sizeof(T); ++k) {
    uint8_t bytes[kRun];
    for (size_t i = 0; i < kRun; ++i) {
      bytes[i] = static_cast<uint8_t>(run[i] >> (8 * (sizeof(T) - 1 - k)));
    }
    std::memcpy(planes + k * count + first, bytes, kRun);
  }
}

// A fold, because -O2 does not unroll loops.
template <typename T>
void scatter_one(T value, uint8_t* planes, size_t count, size_t index) {
  [&]<size_t... k>(std::index_sequence<k...>) {
    ((planes[k * count + index] = static_cast<uint8_t>(value >> (8 * (sizeof(T) - 1 - k)))),
     ...);
  }
  (std::make_index_sequence<sizeof(T)>{});
}

template <typename T, Kind kind, bool is_residual>
void split_scalars(const uint8_t* result, const uint8_t* base, uint8_t* planes,
                   size_t count) {
  size_t i = 0;
  for (; i + kRun <= count; i += kRun) {
    T run[kRun];
    T base_run[kRun] = {};
    load_run(run, result + i * sizeof(T), kRun);
    if constexpr (is_residual) load_run(base_run, base + i * sizeof(T), kRun);
    for (size_t j = 0; j < kRun; ++j) {
      run[j] = reduce<T, kind, is_residual>(run[j], base_run[j]);
    }
    scatter_run(run, planes, count, i);
  }
  for (; i < count; ++i) {
    const T base_value = is_residual ? load_le<T>(base + i * sizeof(T)) : T{0};
    const T value = load_le<T>(result + i * sizeof(T));
    scatter_one(reduce<T, kind, is_residual>(value, base_value), planes, count, i);
  }
}

template <typename T>
void split_ordered(const uint8_t* result, const uint8_t* base, uint8_t* planes,
                   size_t count) {
  std::array<uint32_t, 256> next = class_begins<T>(base, count);
  for (size_t i = 0; i < count; ++i) {
    const T base_value = load_le<T>(base + i * sizeof(T));
    const T value = load_le<T>(result + i * sizeof(T));
    const size_t index = next[magnitude_class(base_value)]++;
    scatter_one(reduce<T, Kind::floating, true>(value, base_value), planes, count, index);
  }
}

template <typename T, Kind kind>
void split_numbers(PlaneMode mode, const uint8_t* result, const uint8_t* base,
                   uint8_t* planes, size_t count) {
  if (mode == PlaneMode::direct) {
    split_scalars<T, kind, false>(result, base, planes, count);
  } else if (mode == PlaneMode::ordered) {
    split_ordered<T>(result, base, planes, count);
  } else {
    split_scalars<T, kind, true>(result, base, planes, count);
  }
}

// The rest works on a copy of the result, in place.

constexpr auto kSubtractBytes = [](uint8_t value, uint8_t base) {
  return static_cast<uint8_t>(value - base);
};

constexpr auto kSubtractNibbles = [](uint8_t value, uint8_t base) {
  const unsigned low = (value & 0x0Fu) - (base & 0x0Fu);
  const unsigned high = (value & 0xF0u) - (base & 0xF0u);
  return static_cast<uint8_t>((low & 0x0Fu) | (high & 0xF0u));
};

// A number's borrow must not reach its neighbour: every other one is put out of the way.
constexpr auto kSubtractCrumbs = [](uint8_t value, uint8_t base) {
  const unsigned even = (value & 0x33u) - (base & 0x33u) + 0x44u;
  const unsigned odd = (value & 0xCCu) - (base & 0xCCu) + 0x110u;
  return static_cast<uint8_t>((even & 0x33u) | (odd & 0xCCu));
};

constexpr auto kSubtractBits = [](uint8_t value, uint8_t base) {
  return static_cast<uint8_t>(value ^ base);
};

constexpr auto kSubtractF8 = [](uint8_t value, uint8_t base) {
  return static_cast<uint8_t>(monotone(value) - monotone(base));
};

template <typename Difference>
void reduce_strided(size_t count, size_t stride, uint8_t* bytes, const uint8_t* base,
                    const Difference& difference) {
  if (stride == 1) return combine_bytes(bytes, base, count, difference);
  for (size_t at = 0; at < count * stride; at += stride) {
    bytes[at] = difference(bytes[at], base[at]);
  }
}

void reduce_scales(uint8_t* bytes, const uint8_t* base) {
  uint8_t scales[16];
  uint8_t base_scales[16];
  unpack_scales(bytes, scales);
  unpack_scales(base, base_scales);
  combine_bytes(scales, base_scales, 16, [](uint8_t scale, uint8_t base_scale) {
    return zigzag_bits(static_cast<uint8_t>((scale - base_scale) & 63), 6);
  });
  pack_scales(scales, bytes);
}

void reduce_codes(const CodeField& field, uint8_t* block, const uint8_t* base) {
  uint8_t codes[256];
  uint8_t base_codes[256];
  unpack_codes(field, block, codes);
  unpack_codes(field, base, base_codes);
  const unsigned bits = unsigned{field.low.bits} + field.high.bits;
  const uint8_t mask = static_cast<uint8_t>((1u << bits) - 1u);
  combine_bytes(codes, base_codes, field.count, [=](uint8_t code, uint8_t base_code) {
    return zigzag_bits(static_cast<uint8_t>((code - base_code) & mask), bits);
  });
  pack_codes(field, codes, block);
}

void reduce_within_bytes(Lane lane, size_t count, size_t stride, uint8_t* bytes,
                         const uint8_t* base) {
  switch (lane) {
    case Lane::nibbles:
      return reduce_strided(count, stride, bytes, base, kSubtractNibbles);
    case Lane::crumbs:
      return reduce_strided(count, stride, bytes, base, kSubtractCrumbs);
    case Lane::bits:
      return reduce_strided(count, stride, bytes, base, kSubtractBits);
    case Lane::f8:
      return reduce_strided(count, stride, bytes, base, kSubtractF8);
    case Lane::scales:
      return reduce_scales(bytes, base);
    case Lane::part:
      return;  // its CodeField does it
    default:
      return reduce_strided(count, stride, bytes, base, kSubtractBytes);
  }
}

template <typename T, Kind kind>
void reduce_numbers(const Field& field, uint8_t* bytes, const uint8_t* base) {
  for (size_t i = 0; i < field.count; ++i) {
    const size_t at = i * field.stride;
    const T value = load_le<T>(bytes + at);
    if (base == nullptr) {
      store_le(bytes + at, reduce<T, kind, false>(value, T{0}));
    } else {
      store_le(bytes + at, reduce<T, kind, true>(value, load_le<T>(base + at)));
    }
  }
}

void reduce_field(const Field& field, uint8_t* block, const uint8_t* base) {
  uint8_t* const at = block + field.offset;
  const uint8_t* const from = base == nullptr ? nullptr : base + field.offset;
  const bool is_number = visit_numbers(field.lane, [&]<typename T, Kind kind>() {
    reduce_numbers<T, kind>(field, at, from);
  });
  if (is_number || base == nullptr) return;
  reduce_within_bytes(field.lane, field.count, field.stride, at, from);
}

void gather_plane(const Plane& plane, const uint8_t* blocks, size_t block_bytes,
                  size_t block_count, uint8_t* to) {
  const uint8_t* from = blocks + plane.field.offset + plane.significance;
  const size_t count = plane.field.count;
  for (size_t b = 0; b < block_count; ++b, from += block_bytes, to += count) {
    if (plane.field.stride == 1) {
      std::memcpy(to, from, count);
    } else {
      for (size_t i = 0; i < count; ++i) to[i] = from[i * plane.field.stride];
    }
  }
}

void split_blocks(Dtype dtype, const uint8_t* result, const uint8_t* base, uint8_t* planes,
                  size_t block_count) {
  if (block_count == 0) return;
  const size_t block_bytes = plane_block_bytes(dtype);
  const BlockFields block = block_fields(dtype);
  std::vector<uint8_t> blocks(result, result + block_count * block_bytes);
  for (size_t b = 0; b < block_count; ++b) {
    uint8_t* const to = blocks.data() + b * block_bytes;
    const uint8_t* const from = base == nullptr ? nullptr : base + b * block_bytes;
    for (size_t i = 0; i < block.field_count; ++i) reduce_field(block.fields[i], to, from);
    for (size_t i = 0; base != nullptr && i < block.code_count; ++i) {
      reduce_codes(block.codes[i], to, from);
    }
  }
  Plane plane;
  for (size_t k = 0; plane_of(dtype, k, &plane); ++k) {
    gather_plane(plane, blocks.data(), block_bytes, block_count, planes);
    planes += plane.field.count * block_count;
  }
}

// Elements that are one number, or numbers within one byte: one long field.
void split_elements(Lane lane, PlaneMode mode, const uint8_t* result, const uint8_t* base,
                    uint8_t* planes, size_t count) {
  const bool is_number = visit_numbers(lane, [&]<typename T, Kind kind>() {
    split_numbers<T, kind>(mode, result, base, planes, count);
  });
  if (is_number) return;
  std::memcpy(planes, result, count);
  if (base != nullptr) reduce_within_bytes(lane, count, 1, planes, base);
}

}  // namespace

std::vector<uint8_t> split_planes(Dtype dtype, PlaneMode mode, ByteView base,
                                  ByteView result) {
  assert(has_mode(dtype, mode));
  assert(mode == PlaneMode::direct || base.size() == result.size());
  if (result.empty()) return {};

  const uint8_t* const from = mode == PlaneMode::direct ? nullptr : base.data();
  const size_t block_bytes = plane_block_bytes(dtype);
  const size_t block_count = result.size() / block_bytes;
  const BlockFields block = block_fields(dtype);
  std::vector<uint8_t> planes(result.begin(), result.end());  // the tail stays as it is
  if (block.field_count == 1) {
    split_elements(block.fields[0].lane, mode, result.data(), from, planes.data(),
                   block_count);
  } else {
    split_blocks(dtype, result.data(), from, planes.data(), block_count);
  }
  const size_t body = block_count * block_bytes;
  if (from != nullptr) {
    combine_bytes(planes.data() + body, from + body, result.size() - body, kSubtractBytes);
  }
  return planes;
}

}  // namespace mallorn::pack
