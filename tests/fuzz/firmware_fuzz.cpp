// A device with small slots is given any bytes as its patch, as they are or behind a header
// that fits them. Whatever it says, the slot in use is not touched, no rule of flash is
// broken, and the device boots with the model that it had, or tries one whose digest is the
// header's. Input: how (1), length of the result (u16), features and so on as they come;
// the patch or body.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "firmware/include/mallorn.h"
#include "firmware/sim/nor_flash.hpp"
#include "firmware/src/crc32c.hpp"
#include "firmware/src/patch_front.hpp"
#include "firmware/src/sha256.hpp"
#include "tests/fuzz/inputs.hpp"

namespace {

using namespace mallorn::firmware;
using Bytes = std::vector<uint8_t>;

constexpr sim::Geometry kGeometry = {4096, 512, 512, 4};

struct Device {
  sim::NorFlash flash{kGeometry, 1};
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

mallorn_port make_port() {
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
  port.slot_size = kGeometry.slot_size;
  port.erase_size = kGeometry.erase_size;
  port.meta_size = kGeometry.meta_size;
  port.write_size = 4;
  return port;
}

void put_digest(const Bytes& bytes, uint8_t* to) {
  Sha256 hash;
  sha256_start(hash);
  sha256_update(hash, bytes.data(), bytes.size());
  sha256_finish(hash, to);
}

// A header for `body`, whose result has some length and a digest that is none.
Bytes with_header(const Bytes& base, uint16_t result_bytes, const Bytes& body) {
  constexpr uint32_t kFeatureLite = 1u << 9;
  Bytes patch(kHeaderFixedBytes);
  const uint8_t begin[] = {0x8D, 'M', 'L', 'P', 0, 1, kHeaderFixedBytes, 0};
  std::copy(std::begin(begin), std::end(begin), patch.begin());
  store_u32(&patch[8], kFeatureLite);
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
  const auto device = std::make_unique<Device>();
  const auto result_bytes = static_cast<uint16_t>((data[1] | data[2] << 8) & 0xFFF);
  device->patch = data[0] % 2 == 0 ? rest : with_header(base, result_bytes, rest);
  device->flash.fill(MALLORN_SLOT_A, base);
  const mallorn_port port = make_port();
  const mallorn_policy policy{nullptr, 0, 1, 0, nullptr};
  alignas(8) uint8_t work[MALLORN_WORK_SIZE];
  const auto length = static_cast<uint32_t>(base.size());
  if (mallorn_provision(&port, device.get(), work, sizeof work, MALLORN_SLOT_A, length,
                        0) != MALLORN_DONE) {
    std::abort();
  }
  device->flash.protect(1);
  mallorn_update* m = nullptr;
  if (mallorn_init(&m, work, sizeof work, &port, device.get(), &policy) != MALLORN_DONE) {
    std::abort();
  }
  int status = MALLORN_MORE;
  while (status == MALLORN_MORE) status = mallorn_step(m);
  if (status == MALLORN_DONE && data[0] % 2 != 0) std::abort();
  mallorn_boot_info info{};
  if (mallorn_boot(&port, device.get(), work, sizeof work, &info) != MALLORN_DONE ||
      !device->flash.violation().empty() || info.is_trial != (status == MALLORN_DONE) ||
      device->flash.contents(MALLORN_SLOT_A, length) != base) {
    std::abort();
  }
  return 0;
}
