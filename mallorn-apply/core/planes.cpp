// Scalars go through in runs of kRun numbers: constant counts and local arrays are what
// lets the compiler use vector instructions. Blocks are first put together field by field,
// then each field's residuals are turned into the result in place.
#include "mallorn-apply/core/planes.hpp"

#include <utility>

namespace mallorn::apply {
namespace {

constexpr size_t kRun = kPlaneRun;

// Numbers [first, first + kRun) of `count` whose planes begin at `planes`.
template <typename T>
void gather_run(const uint8_t* planes, size_t count, size_t first, T* run) {
  for (size_t i = 0; i < kRun; ++i) run[i] = 0;
  for (size_t k = 0; k < sizeof(T); ++k) {
    uint8_t bytes[kRun];
    std::memcpy(bytes, planes + k * count + first, kRun);
    for (size_t i = 0; i < kRun; ++i) {
      run[i] =
          static_cast<T>(run[i] | static_cast<T>(T{bytes[i]} << (8 * (sizeof(T) - 1 - k))));
    }
  }
}

// The one number `index`. A fold, because -O2 does not unroll loops.
template <typename T>
T gather_one(const uint8_t* planes, size_t count, size_t index) {
  return [&]<size_t... k>(std::index_sequence<k...>) {
    return static_cast<T>(
        ((T{planes[k * count + index]} << (8 * (sizeof(T) - 1 - k))) | ...));
  }
  (std::make_index_sequence<sizeof(T)>{});
}

template <typename T, Kind kind, bool is_residual>
void join_scalars(const uint8_t* planes, const uint8_t* base, uint8_t* result,
                  size_t count) {
  size_t i = 0;
  for (; i + kRun <= count; i += kRun) {
    T run[kRun];
    T base_run[kRun] = {};
    gather_run(planes, count, i, run);
    if constexpr (is_residual) load_run(base_run, base + i * sizeof(T), kRun);
    for (size_t j = 0; j < kRun; ++j) {
      run[j] = restore<T, kind, is_residual>(run[j], base_run[j]);
    }
    store_run(result + i * sizeof(T), run, kRun);
  }
  for (; i < count; ++i) {
    const T base_value = is_residual ? load_le<T>(base + i * sizeof(T)) : T{0};
    const T coded = gather_one<T>(planes, count, i);
    store_le(result + i * sizeof(T), restore<T, kind, is_residual>(coded, base_value));
  }
}

// The planes hold the numbers sorted by class of the base's number, those of one class in
// file order: where each class begins follows from counting the base's numbers.
template <typename T>
void join_ordered(const uint8_t* planes, const uint8_t* base, uint8_t* result,
                  size_t count) {
  std::array<uint32_t, 256> next = class_begins<T>(base, count);
  for (size_t i = 0; i < count; ++i) {
    const T base_value = load_le<T>(base + i * sizeof(T));
    const size_t index = next[magnitude_class(base_value)]++;
    const T coded = gather_one<T>(planes, count, index);
    store_le(result + i * sizeof(T), restore<T, Kind::floating, true>(coded, base_value));
  }
}

constexpr auto kAddBytes = [](uint8_t coded, uint8_t base) {
  return static_cast<uint8_t>(coded + base);
};

constexpr auto kAddNibbles = [](uint8_t coded, uint8_t base) {
  const unsigned low = (coded & 0x0Fu) + (base & 0x0Fu);
  const unsigned high = (coded & 0xF0u) + (base & 0xF0u);
  return static_cast<uint8_t>((low & 0x0Fu) | (high & 0xF0u));
};

constexpr auto kAddCrumbs = [](uint8_t coded, uint8_t base) {
  const unsigned even = (coded & 0x33u) + (base & 0x33u);
  const unsigned odd = (coded & 0xCCu) + (base & 0xCCu);
  return static_cast<uint8_t>((even & 0x33u) | (odd & 0xCCu));
};

constexpr auto kAddBits = [](uint8_t coded, uint8_t base) {
  return static_cast<uint8_t>(coded ^ base);
};

constexpr auto kAddF8 = [](uint8_t coded, uint8_t base) {
  return monotone(static_cast<uint8_t>(monotone(base) + coded));
};

void combine_scales(uint8_t* result, const uint8_t* base) {
  uint8_t coded[16];
  uint8_t old[16];
  unpack_scales(result, coded);
  unpack_scales(base, old);
  combine_bytes(coded, old, 16, [](uint8_t scale, uint8_t base_scale) {
    return static_cast<uint8_t>((base_scale + unzigzag_bits(scale)) & 63);
  });
  pack_scales(coded, result);
}

void combine_codes(const CodeField& field, uint8_t* result, const uint8_t* base) {
  uint8_t coded[256];
  uint8_t old[256];
  unpack_codes(field, result, coded);
  unpack_codes(field, base, old);
  const uint8_t mask =
      static_cast<uint8_t>((1u << (field.low.bits + field.high.bits)) - 1u);
  combine_bytes(coded, old, field.count, [mask](uint8_t code, uint8_t base_code) {
    return static_cast<uint8_t>((base_code + unzigzag_bits(code)) & mask);
  });
  pack_codes(field, coded, result);
}

template <typename T, Kind kind>
void combine_numbers(size_t count, size_t stride, uint8_t* result, const uint8_t* base) {
  for (size_t at = 0; at < count * stride; at += stride) {
    const T coded = load_le<T>(result + at);
    if (base == nullptr) {
      store_le(result + at, restore<T, kind, false>(coded, T{0}));
    } else {
      store_le(result + at, restore<T, kind, true>(coded, load_le<T>(base + at)));
    }
  }
}

template <typename Sum>
void combine_strided(size_t count, size_t stride, uint8_t* result, const uint8_t* base,
                     const Sum& sum) {
  if (stride == 1) return combine_bytes(result, base, count, sum);
  for (size_t at = 0; at < count * stride; at += stride)
    result[at] = sum(result[at], base[at]);
}

// The lanes of numbers within bytes; there is nothing to do for them in mode `direct`.
void combine_within_bytes(Lane lane, size_t count, size_t stride, uint8_t* result,
                          const uint8_t* base) {
  switch (lane) {
    case Lane::nibbles:
      return combine_strided(count, stride, result, base, kAddNibbles);
    case Lane::crumbs:
      return combine_strided(count, stride, result, base, kAddCrumbs);
    case Lane::bits:
      return combine_strided(count, stride, result, base, kAddBits);
    case Lane::f8:
      return combine_strided(count, stride, result, base, kAddF8);
    case Lane::scales:
      return combine_scales(result, base);
    case Lane::part:
      return;  // its CodeField does it
    default:
      return combine_strided(count, stride, result, base, kAddBytes);
  }
}

// Turns one field of a block from coded form into that of the result; no base: mode
// `direct`.
void combine_field(const Field& field, uint8_t* result, const uint8_t* base) {
  uint8_t* to = result + field.offset;
  const uint8_t* from = base == nullptr ? nullptr : base + field.offset;
  const bool is_number = visit_numbers(field.lane, [&]<typename T, Kind kind>() {
    combine_numbers<T, kind>(field.count, field.stride, to, from);
  });
  if (is_number || base == nullptr) return;
  combine_within_bytes(field.lane, field.count, field.stride, to, from);
}

// Puts one plane's bytes where they belong in each block.
void scatter_plane(const Plane& plane, const uint8_t* from, size_t block_bytes,
                   size_t block_count, uint8_t* result) {
  uint8_t* to = result + plane.field.offset + plane.significance;
  const size_t count = plane.field.count;
  for (size_t b = 0; b < block_count; ++b, to += block_bytes, from += count) {
    if (plane.field.stride == 1) {
      std::memcpy(to, from, count);
    } else {
      for (size_t i = 0; i < count; ++i) to[i * plane.field.stride] = from[i];
    }
  }
}

void join_blocks(Dtype dtype, const uint8_t* planes, const uint8_t* base, uint8_t* result,
                 size_t block_count) {
  const size_t block_bytes = plane_block_bytes(dtype);
  Plane plane;
  for (size_t k = 0; plane_of(dtype, k, &plane); ++k) {
    scatter_plane(plane, planes, block_bytes, block_count, result);
    planes += plane.field.count * block_count;
  }
  const BlockFields block = block_fields(dtype);
  for (size_t b = 0; b < block_count; ++b) {
    uint8_t* to = result + b * block_bytes;
    const uint8_t* from = base == nullptr ? nullptr : base + b * block_bytes;
    for (size_t i = 0; i < block.field_count; ++i) combine_field(block.fields[i], to, from);
    for (size_t i = 0; base != nullptr && i < block.code_count; ++i) {
      combine_codes(block.codes[i], to, from);
    }
  }
}

template <typename T, Kind kind>
void join_numbers(PlaneMode mode, const uint8_t* planes, const uint8_t* base,
                  uint8_t* result, size_t count) {
  if (mode == PlaneMode::direct) {
    join_scalars<T, kind, false>(planes, base, result, count);
  } else if (mode == PlaneMode::ordered) {
    join_ordered<T>(planes, base, result, count);
  } else {
    join_scalars<T, kind, true>(planes, base, result, count);
  }
}

// Elements that are one number, or numbers within one byte: one long field.
void join_elements(Lane lane, PlaneMode mode, const uint8_t* planes, const uint8_t* base,
                   uint8_t* result, size_t count) {
  const bool is_number = visit_numbers(lane, [&]<typename T, Kind kind>() {
    join_numbers<T, kind>(mode, planes, base, result, count);
  });
  if (is_number) return;
  std::memcpy(result, planes, count);
  if (mode != PlaneMode::direct) combine_within_bytes(lane, count, 1, result, base);
}

}  // namespace

Status join_planes(Dtype dtype, PlaneMode mode, ByteView planes, ByteView base,
                   ByteSpan result) {
  const bool is_direct = mode == PlaneMode::direct;
  if (planes.size() != result.size()) return Status::corrupt_data;
  if (!is_direct && base.size() != result.size()) return Status::corrupt_data;
  if (!has_mode(dtype, mode)) return Status::corrupt_data;
  if (result.empty()) return Status::ok;

  const uint8_t* const from = is_direct ? nullptr : base.data();
  const size_t block_bytes = plane_block_bytes(dtype);
  const size_t block_count = result.size() / block_bytes;
  const BlockFields block = block_fields(dtype);
  if (block.field_count == 1) {
    join_elements(block.fields[0].lane, mode, planes.data(), from, result.data(),
                  block_count);
  } else {
    join_blocks(dtype, planes.data(), from, result.data(), block_count);
  }

  const size_t body = block_count * block_bytes;
  const size_t tail = result.size() - body;
  std::memcpy(result.data() + body, planes.data() + body, tail);
  if (!is_direct) combine_bytes(result.data() + body, from + body, tail, kAddBytes);
  return Status::ok;
}

}  // namespace mallorn::apply
