// Any conversion of any bytes: as many bytes as it should make, the same each time, and the
// same again where a dtype has room for all that the other holds. With lanes: parts make
// what the whole makes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "libcommon/lane_grid.hpp"

namespace {

using namespace mallorn;

std::vector<uint8_t> converted(const Conversion& conversion, Dtype to, ByteView base) {
  const uint64_t unit = conversion_unit(conversion, to);
  uint64_t unit_base = 0;
  if (!converted_from(conversion, to, unit, &unit_base) || unit_base == 0) std::abort();
  const size_t units = base.size() / static_cast<size_t>(unit_base);
  std::vector<uint8_t> made(units * static_cast<size_t>(unit));
  uint64_t needed = 0;
  if (!converted_from(conversion, to, made.size(), &needed) || needed > base.size())
    std::abort();
  convert(conversion, to, base.first(static_cast<size_t>(needed)), made);
  return made;
}

void check_lanes(const Conversion& conversion, Dtype to, ByteView data) {
  ByteReader reader(data);
  LaneGrid grid;
  if (!read_lane_grid(reader, conversion, to, &grid)) return;
  const size_t from_bytes = dtype_layout(conversion.from).block_bytes;
  const size_t to_bytes = dtype_layout(to).block_bytes;
  const auto elements = static_cast<size_t>(reader.remaining() / from_bytes);
  const ByteView base = reader.bytes(elements * from_bytes);
  std::vector<uint8_t> made(elements * to_bytes);
  convert_lanes(conversion, grid, to, base, made);
  if (grid.is_derived || elements == 0) return;
  const size_t cut = data[0] % elements;
  std::vector<uint8_t> rest((elements - cut) * to_bytes);
  const std::vector<uint8_t> part = part_of_lanes(grid, cut, elements - cut);
  convert_lanes(conversion, lane_grid_from_bytes(part, conversion, to), to,
                base.subspan(cut * from_bytes), rest);
  if (!std::equal(rest.begin(), rest.end(),
                  made.begin() + static_cast<ptrdiff_t>(cut * to_bytes)))
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto to = static_cast<Dtype>(data[1]);
  Conversion conversion;
  if (!conversion_from_byte(data[0], to, &conversion)) return 0;
  if (conversion_to_byte(conversion) != data[0]) std::abort();
  const ByteView base = {data + 2, size - 2};
  if (has_lanes(conversion, to)) {
    check_lanes(conversion, to, base);
    return 0;
  }
  if (has_weights(conversion, to)) return 0;  // nothing is converted
  const std::vector<uint8_t> made = converted(conversion, to, base);
  if (converted(conversion, to, base) != made) std::abort();
  if (conversion.from != Dtype::f32 || to != Dtype::f64) return 0;
  // NaN become quiet on their way back: compare what comes back of that.
  const std::vector<uint8_t> back = converted({to}, conversion.from, made);
  if (converted({to}, conversion.from, converted(conversion, to, back)) != back)
    std::abort();
  return 0;
}
