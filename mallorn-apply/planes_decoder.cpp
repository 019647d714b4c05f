#include "mallorn-apply/planes_decoder.hpp"

#include <algorithm>
#include <bit>
#include <vector>

#include "libcommon/core/byte_reader.hpp"
#include "mallorn-apply/core/planes.hpp"
#include "mallorn-apply/zstd_decoder.hpp"

namespace mallorn::apply {
namespace {

// Reads the coded planes one after the other.
class PlaneReader {
 public:
  explicit PlaneReader(ByteView coded) : reader_(coded) {}

  uint8_t mode() { return reader_.u8(); }

  // Fills `plane`, which is not empty. Faults are remembered; the last call of all is
  // finish().
  void read(ByteSpan plane) {
    const uint64_t header = reader_.varint();
    if ((header & 3) != kSparse) {
      read_dense(header, plane);
    } else if (header != kSparse) {
      reader_.fail(Status::corrupt_data);
    } else {
      read_sparse(plane);
    }
  }

  Status finish() {
    if (reader_.ok() && reader_.at_end()) return Status::ok;
    return reader_.status() == Status::out_of_memory ? Status::out_of_memory
                                                     : Status::corrupt_data;
  }

 private:
  static constexpr uint64_t kStored = 0, kConstant = 1, kZstd = 2, kSparse = 3;

  void read_dense(uint64_t header, ByteSpan plane) {
    if (header == kStored) {
      const ByteView bytes = reader_.bytes(plane.size());
      std::copy(bytes.begin(), bytes.end(), plane.begin());
    } else if (header == kConstant) {
      std::fill(plane.begin(), plane.end(), reader_.u8());
    } else if ((header & 3) == kZstd) {
      const ByteView bytes = reader_.bytes(header >> 2);
      if (reader_.ok()) check(zstd_.decode(bytes, plane));
    } else {
      reader_.fail(Status::corrupt_data);
    }
  }

  // One bit for each byte of the plane, lowest first, says whether it is in the list of
  // bytes that follows; the others are zero.
  void read_sparse(ByteSpan plane) {
    mask_.resize((plane.size() + 7) / 8);
    read_dense(reader_.varint(), mask_);
    if (!reader_.ok()) return;
    if (plane.size() % 8 != 0 && mask_.back() >> (plane.size() % 8) != 0) {
      return reader_.fail(Status::corrupt_data);
    }
    size_t count = 0;
    for (const uint8_t byte : mask_) count += static_cast<size_t>(std::popcount(byte));
    if (count == 0) return reader_.fail(Status::corrupt_data);
    values_.resize(count);
    read_dense(reader_.varint(), values_);
    if (!reader_.ok()) return;

    std::fill(plane.begin(), plane.end(), uint8_t{0});
    const uint8_t* next = values_.data();
    for (size_t i = 0; i < mask_.size(); ++i) {
      for (unsigned bits = mask_[i]; bits != 0; bits &= bits - 1) {
        plane[8 * i + static_cast<size_t>(std::countr_zero(bits))] = *next++;
      }
    }
  }

  void check(Status status) {
    if (status != Status::ok) reader_.fail(status);
  }

  ByteReader reader_;
  ZstdDecoder zstd_;
  std::vector<uint8_t> mask_;
  std::vector<uint8_t> values_;
};

}  // namespace

Status decode_planes(Dtype dtype, ByteView coded, ByteView base, ByteSpan result) {
  PlaneReader reader(coded);
  const uint8_t number = reader.mode();
  if (number > static_cast<uint8_t>(PlaneMode::ordered)) return Status::corrupt_data;
  const PlaneMode mode{number};

  std::vector<uint8_t> planes(result.size());
  ByteSpan rest(planes);
  const size_t block_count = result.size() / plane_block_bytes(dtype);
  Plane plane;
  for (size_t k = 0; block_count != 0 && plane_of(dtype, k, &plane); ++k) {
    const ByteSpan one = rest.first(plane.field.count * block_count);
    reader.read(one);
    rest = rest.subspan(one.size());
  }
  if (!rest.empty()) reader.read(rest);
  const Status status = reader.finish();
  if (status != Status::ok) return status;
  return join_planes(dtype, mode, planes, base, result);
}

}  // namespace mallorn::apply
