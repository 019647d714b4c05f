// A device with small slots is given any bytes as its patch, as they are or behind a header
// that fits them. Whatever it says, the slot in use is not touched, no rule of flash is
// broken, and the device boots with the model that it had, or tries one whose digest is the
// header's. With one slot it boots so, or says that an update is not finished, and never
// takes it up to another end. Input: how (1: bit 0: body, bit 1: one slot, bit 2: with all
// the lag that the journal allows), length of the result (u16); the patch or body.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "firmware/include/mallorn.h"
#include "firmware/sim/message_digest.hpp"
#include "firmware/sim/nor_flash.hpp"
#include "firmware/src/crc32c.hpp"
#include "firmware/src/patch_front.hpp"
#include "tests/fuzz/inputs.hpp"

namespace {

using namespace mallorn::firmware;
using Bytes = std::vector<uint8_t>;

constexpr sim::Geometry kTwoSlots = {4096, 512, 1024, 4};
constexpr sim::Geometry kOneSlot = {4096, 512, 1024, 4, 1024};
// Features of patches for that.
constexpr uint32_t kInPlace = 1u << 10 | 6u << 11;
constexpr uint32_t kLag = (1024 - 512) / 64 << 24;

struct Device {
  explicit Device(const sim::Geometry& geometry) : flash(geometry, 1) {}

  sim::NorFlash flash;
  Bytes patch;
  size_t at = 0;
};

int32_t read_patch(void* context, void* to, uint32_t length) {
  auto& device = *static_cast<Device*>(context);
  const size_t count = std::min<size_t>(length, device.patch.size() - device.at);
  std::copy_n(device.patch.begin() + static_cast<ptrdiff_t>(device.at), count,
              static_cast<uint8_t*>(to));
  device.at += count;
  return static_cast<int32_t>(count);
}

mallorn_port make_port(const sim::Geometry& geometry) {
  mallorn_port port{};
  port.read = [](void* context, uint8_t region, uint32_t offset, void* to,
                 uint32_t length) {
    return static_cast<Device*>(context)->flash.read(region, offset, to, length);
  };
  port.erase = [](void* context, uint8_t region, uint32_t offset) {
    return static_cast<Device*>(context)->flash.erase(region, offset);
  };
  port.program = [](void* context, uint8_t region, uint32_t offset, const void* from,
                    uint32_t length) {
    return static_cast<Device*>(context)->flash.program(region, offset, from, length);
  };
  port.patch_read = read_patch;
  port.slot_size = geometry.slot_size;
  port.erase_size = geometry.erase_size;
  port.meta_size = geometry.meta_size;
  port.write_size = 4;
  port.journal_size = geometry.journal_size;
  if (port.journal_size == 0) return port;
  port.patch_seek = [](void* context, uint32_t offset) {
    auto& device = *static_cast<Device*>(context);
    device.at = std::min<size_t>(offset, device.patch.size());
    return 0;
  };
  return port;
}

void put_digest(const Bytes& bytes, uint8_t* to) {
  sim::put_sha256(bytes.data(), bytes.size(), to);
}

// A header for `body`, whose result has some length and a digest that is none.
Bytes with_header(const Bytes& base, uint16_t result_bytes, const Bytes& body,
                  uint32_t in_place) {
  constexpr uint32_t kFeatureLite = 1u << 9;
  Bytes patch(kHeaderFixedBytes);
  const uint8_t begin[] = {0x8D, 'M', 'L', 'P', 0, 1, kHeaderFixedBytes, 0};
  std::copy(std::begin(begin), std::end(begin), patch.begin());
  store_u32(&patch[8], kFeatureLite | in_place);
  store_u32(&patch[20], static_cast<uint32_t>(body.size()));
  put_digest(body, &patch[28]);
  patch[60] = 1;
  store_u32(&patch[62], static_cast<uint32_t>(base.size()));
  put_digest(base, &patch[70]);
  store_u32(&patch[102], result_bytes);
  store_u32(&patch[142], crc32c(0, patch.data(), 142));
  patch.insert(patch.end(), body.begin(), body.end());
  return patch;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const Bytes rest(data + 3, data + size);
  Bytes base = mallorn::fuzz::fixed_base();
  base.resize(std::min<size_t>(base.size(), 3000));
  const bool is_in_place = (data[0] & 2) != 0;
  const sim::Geometry& geometry = is_in_place ? kOneSlot : kTwoSlots;
  const auto device = std::make_unique<Device>(geometry);
  const auto result_bytes = static_cast<uint16_t>((data[1] | data[2] << 8) & 0xFFF);
  const uint32_t in_place = is_in_place ? kInPlace | ((data[0] & 4) != 0 ? kLag : 0) : 0;
  device->patch = data[0] % 2 == 0 ? rest : with_header(base, result_bytes, rest, in_place);
  device->flash.fill(MALLORN_SLOT_A, base);
  const mallorn_port port = make_port(geometry);
  const mallorn_policy policy{nullptr, 0, 1, 0, nullptr};
  alignas(8) uint8_t work[MALLORN_WORK_SIZE];
  const auto length = static_cast<uint32_t>(base.size());
  if (mallorn_provision(&port, device.get(), work, sizeof work, MALLORN_SLOT_A, length,
                        0) != MALLORN_DONE) {
    std::abort();
  }
  if (!is_in_place) device->flash.protect(1);
  const auto update = [&] {
    mallorn_update* m = nullptr;
    device->at = 0;
    if (mallorn_init(&m, work, sizeof work, &port, device.get(), &policy) != MALLORN_DONE) {
      std::abort();
    }
    int status = MALLORN_MORE;
    while (status == MALLORN_MORE) status = mallorn_step(m);
    return status;
  };
  const int status = update();
  if (status == MALLORN_DONE && data[0] % 2 != 0) std::abort();
  mallorn_boot_info info{};
  const int booted = mallorn_boot(&port, device.get(), work, sizeof work, &info);
  if (!device->flash.violation().empty()) std::abort();
  if (is_in_place && booted == MALLORN_E_UNFINISHED) {
    if (update() != status) std::abort();
  } else if (booted != MALLORN_DONE || info.is_trial != (status == MALLORN_DONE) ||
             (!(is_in_place && info.is_trial != 0) &&
              device->flash.contents(MALLORN_SLOT_A, length) != base)) {
    std::abort();
  }
  return 0;
}
