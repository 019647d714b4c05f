#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

extern "C" {
#include "firmware/ports/esp_partition/mallorn_esp.c"  // as ESP-IDF compiles it, against the fake
}
#include "firmware/sim/device.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace mallorn;
using firmware::sim::Bytes;
using firmware::sim::Model;
using firmware::sim::NorFlash;

constexpr uint32_t kSlotBytes = 16384;

// Both metadata sectors are in one partition: offsets from its second sector on are
// region 3.
struct FakePartitions {
  esp_partition_t slot_a{ESP_PARTITION_TYPE_DATA, 0, kSlotBytes, 4096, "model_a", false};
  esp_partition_t slot_b{ESP_PARTITION_TYPE_DATA, 0, kSlotBytes, 4096, "model_b", false};
  esp_partition_t meta{ESP_PARTITION_TYPE_DATA, 0, 8192, 4096, "model_meta", false};
  NorFlash flash{{kSlotBytes, 4096, 4096, 4}, 1};
};
FakePartitions* fake = nullptr;

uint8_t region_of(const esp_partition_t* partition, size_t* offset) {
  if (partition == &fake->slot_a) return MALLORN_SLOT_A;
  if (partition == &fake->slot_b) return MALLORN_SLOT_B;
  if (*offset < 4096) return MALLORN_META_A;
  *offset -= 4096;
  return MALLORN_META_B;
}

struct Context {
  mallorn_esp esp;
  Bytes patch;
  size_t at = 0;
};

int32_t read_patch(void* context, void* to, uint32_t length) {
  auto& from = *static_cast<Context*>(context);
  const size_t count = std::min<size_t>(length, from.patch.size() - from.at);
  std::copy_n(from.patch.begin() + static_cast<ptrdiff_t>(from.at), count,
              static_cast<uint8_t*>(to));
  from.at += count;
  return static_cast<int32_t>(count);
}

}  // namespace

const esp_partition_t* esp_partition_find_first(esp_partition_type_t type,
                                                esp_partition_subtype_t,
                                                const char* label) {
  for (const auto* partition : {&fake->slot_a, &fake->slot_b, &fake->meta}) {
    if (partition->type == type && std::strcmp(partition->label, label) == 0)
      return partition;
  }
  return nullptr;
}

esp_err_t esp_partition_read(const esp_partition_t* partition, size_t offset, void* to,
                             size_t length) {
  const uint8_t region = region_of(partition, &offset);
  return fake->flash.read(region, static_cast<uint32_t>(offset), to,
                          static_cast<uint32_t>(length));
}

esp_err_t esp_partition_write(const esp_partition_t* partition, size_t offset,
                              const void* from, size_t length) {
  const uint8_t region = region_of(partition, &offset);
  return fake->flash.program(region, static_cast<uint32_t>(offset), from,
                             static_cast<uint32_t>(length));
}

esp_err_t esp_partition_erase_range(const esp_partition_t* partition, size_t offset,
                                    size_t length) {
  const uint8_t region = region_of(partition, &offset);
  return length == 4096 ? fake->flash.erase(region, static_cast<uint32_t>(offset))
                        : ESP_FAIL;
}

TEST_CASE("firmware esp_partition: an update through partitions of ESP-IDF") {
  test::Random random = test::seeded("ESP-IDF");
  FakePartitions partitions;
  fake = &partitions;
  const Model base{random.bytes(9000), 1};
  const Model result{random.bytes(10000), 2};
  Context context{};
  context.patch = firmware::sim::make_patch(base, result);
  REQUIRE(mallorn_esp_find(&context.esp, "model_a", "model_b", "model_meta") == 0);
  CHECK(mallorn_esp_find(&context.esp, "model_a", "model_b", "nothing") == -1);
  REQUIRE(mallorn_esp_find(&context.esp, "model_a", "model_b", "model_meta") == 0);
  mallorn_port port{};
  mallorn_esp_port(&context.esp, &port);
  port.patch_read = read_patch;
  const mallorn_policy policy{nullptr, 0, 2, 0, nullptr};
  alignas(8) uint8_t work[MALLORN_WORK_SIZE];
  partitions.flash.fill(MALLORN_SLOT_A, base.bytes);

  REQUIRE(mallorn_provision(&port, &context, work, sizeof work, MALLORN_SLOT_A, 9000, 1) ==
          MALLORN_DONE);
  mallorn_update* m = nullptr;
  REQUIRE(mallorn_init(&m, work, sizeof work, &port, &context, &policy) == MALLORN_DONE);
  int status = MALLORN_MORE;
  while (status == MALLORN_MORE) status = mallorn_step(m);
  CHECK(std::string(mallorn_status_name(status)) == "MALLORN_DONE");
  mallorn_boot_info info{};
  REQUIRE(mallorn_boot(&port, &context, work, sizeof work, &info) == MALLORN_DONE);
  CHECK(info.slot == MALLORN_SLOT_B);
  CHECK(mallorn_confirm(&port, &context, work, sizeof work) == MALLORN_DONE);
  CHECK(partitions.flash.contents(MALLORN_SLOT_B, 10000) == result.bytes);
  CHECK(partitions.flash.violation() == "");
}

TEST_CASE("firmware esp_partition: encrypted partitions are written in words of 16 bytes") {
  FakePartitions partitions;
  fake = &partitions;
  partitions.slot_b.encrypted = true;
  mallorn_esp esp;
  REQUIRE(mallorn_esp_find(&esp, "model_a", "model_b", "model_meta") == 0);
  mallorn_port port{};
  mallorn_esp_port(&esp, &port);
  CHECK(port.write_size == 16);
}
