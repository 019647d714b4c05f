#include <doctest/doctest.h>

#include <cstring>

#include "firmware/include/mallorn.h"
#include "firmware/sim/device.hpp"
#include "firmware/src/crc32c.hpp"
#include "firmware/src/patch_front.hpp"
#include "libcommon/core/crc32c.hpp"
#include "tests/support/random.hpp"

namespace mallorn::firmware {
namespace {

using sim::Bytes;
using sim::Device;
using sim::Fault;
using sim::Geometry;
using sim::Goal;
using sim::Model;
using sim::Options;

constexpr Geometry kGeometry = {4096, 1024, 1024, 4};
constexpr Geometry kOneSlot = {4096, 1024, 1024, 4, 2048};
constexpr uint32_t kBlockLog2 = 10;
constexpr sim::InPlace kInPlace = {kBlockLog2, 1};  // all that the journal can keep

Model model_of(test::Random& random, size_t size, uint32_t release) {
  return {random.bytes(size), release};
}

// What the device says at the end of its life; empty: all is as it should be.
std::string life_of(const Model& base, const Goal& goal, const Options& options,
                    const Geometry& geometry = kGeometry) {
  Device device(geometry, options, base, {goal}, 7);
  try {
    device.live_to_the_end();
  } catch (const std::string& what) {
    return what;
  }
  return "";
}

// The header of `patch` changed by `change`, with a check that fits.
template <typename Change>
Bytes changed(Bytes patch, Change change) {
  change(patch);
  const size_t length = patch[6];
  store_u32(patch.data() + length - 4, crc32c(0, patch.data(), length - 4));
  return patch;
}

TEST_CASE("firmware update: CRC-32C is that of libcommon") {
  test::Random random = test::seeded("CRC-32C");
  for (size_t length = 0; length < 300; ++length) {
    const Bytes bytes = random.bytes(length);
    CHECK(crc32c(5, bytes.data(), length) == mallorn::crc32c(5, bytes));
  }
}

TEST_CASE("firmware update: every result has a name of its own") {
  for (int status = MALLORN_E_JOURNAL; status <= MALLORN_WANT_INPUT; ++status) {
    CAPTURE(status);
    CHECK(std::string(mallorn_status_name(status)).find("MALLORN_") == 0);
    for (int other = MALLORN_E_JOURNAL; other < status; ++other) {
      CHECK(std::strcmp(mallorn_status_name(status), mallorn_status_name(other)) != 0);
    }
  }
  CHECK(std::string(mallorn_status_name(3)) == "?");
  CHECK(std::string(mallorn_status_name(MALLORN_E_JOURNAL - 1)) == "?");
}

TEST_CASE("firmware update: models of all lengths reach the device") {
  test::Random random = test::seeded("lengths");
  for (size_t length : {0, 1, 3, 4, 127, 128, 129, 1023, 1024, 1025, 4095, 4096}) {
    const Model base = model_of(random, random.below(4097), 1);
    const Model result = model_of(random, length, 2);
    for (const bool has_seek : {false, true}) {
      CAPTURE(length);
      const Goal goal{sim::make_patch(base, result), result};
      CHECK(life_of(base, goal, {has_seek, true, 3}) == "");
    }
    const Goal in_place{sim::make_patch(base, result, Fault::none, kInPlace), result};
    CHECK(life_of(base, in_place, {true, true, 3}, kOneSlot) == "");
  }
}

TEST_CASE(
    "firmware update: each fault of a header has its error, before a slot is written") {
  test::Random random = test::seeded("faults");
  const Model base = model_of(random, 2000, 1);
  const Model result = model_of(random, 3000, 2);
  const Bytes patch = sim::make_patch(base, result);
  const auto error = [&](int expected, Bytes bad) {
    return life_of(base, {std::move(bad), result, expected, true, false}, {});
  };
  const auto put = [&patch](size_t at, uint8_t value) {
    return changed(patch, [&](Bytes& bytes) { bytes[at] = value; });
  };
  CHECK(error(MALLORN_E_MAGIC, put(0, 0)) == "");
  CHECK(error(MALLORN_E_VERSION, put(4, 1)) == "");
  CHECK(error(MALLORN_E_PROFILE, put(5, 0)) == "");
  CHECK(error(MALLORN_E_PROFILE, put(5, 2)) == "");
  CHECK(error(MALLORN_E_HEADER, put(7, 5)) == "");
  CHECK(error(MALLORN_E_FEATURE, put(11, 0x80)) == "");
  // Blocks in place have a length, and a lag that is one.
  const auto put_in_place = [&patch](uint8_t length, uint8_t lag) {
    return changed(patch, [&](Bytes& bytes) {
      bytes[9] = length;
      bytes[11] = lag;
    });
  };
  CHECK(error(MALLORN_E_HEADER, put_in_place(0, 1)) == "");
  CHECK(error(MALLORN_E_HEADER, put_in_place(6 << 3, 0)) == "");
  CHECK(error(MALLORN_E_HEADER, put_in_place(5 << 3 | 4, 0)) == "");
  CHECK(error(MALLORN_E_HEADER, put_in_place(30 << 3 | 4, 0)) == "");
  CHECK(error(MALLORN_E_HEADER, put_in_place(29 << 3 | 4, 2)) == "");
  CHECK(error(MALLORN_E_HEADER, put_in_place(24 << 3 | 4, 64)) == "");
  CHECK(error(MALLORN_E_FEATURE, put(60, 2)) == "");
  CHECK(error(MALLORN_E_HEADER, put(61, 3)) == "");
  CHECK(error(MALLORN_E_SIZE, put(24, 1)) == "");
  CHECK(error(MALLORN_E_SIZE, put(66, 1)) == "");
  CHECK(error(MALLORN_E_SIZE, put(106, 1)) == "");
  Bytes bytes = patch;
  bytes[6] = 145;
  CHECK(error(MALLORN_E_HEADER, bytes) == "");
  bytes[6] = 211;
  CHECK(error(MALLORN_E_HEADER, bytes) == "");
  bytes = patch;
  bytes[100] ^= 1;
  CHECK(error(MALLORN_E_HEADER, bytes) == "");
  // Whatever is signed is signed.
  CHECK(error(MALLORN_E_SIGNATURE, put(12, 0xFF)) == "");
  const Model large = model_of(random, 4097, 2);
  CHECK(error(MALLORN_E_SIZE, sim::make_patch(base, large)) == "");
}

TEST_CASE("firmware update: refuses ports and memory that cannot be") {
  const auto nothing = [](void*, uint8_t, uint32_t, void*, uint32_t) { return 0; };
  mallorn_port port{};
  port.read = nothing;
  port.erase = [](void*, uint8_t, uint32_t) { return 0; };
  port.program = [](void*, uint8_t, uint32_t, const void*, uint32_t) { return 0; };
  port.patch_read = [](void*, void*, uint32_t) { return int32_t{0}; };
  port.slot_size = port.erase_size = port.meta_size = 1024;
  port.write_size = 4;
  const mallorn_policy policy{nullptr, 0, 1, 0, nullptr};
  alignas(8) uint8_t work[MALLORN_WORK_SIZE];
  mallorn_update* m = nullptr;
  const auto init = [&](const mallorn_port& with, size_t size = sizeof work,
                        size_t at = 0) {
    return mallorn_init(&m, work + at, size, &with, nullptr, &policy);
  };
  CHECK(mallorn_min_work_size() <= MALLORN_WORK_SIZE);
  CHECK(init(port, mallorn_min_work_size()) == MALLORN_DONE);
  CHECK(init(port, mallorn_min_work_size() - 1) == MALLORN_E_ARGUMENT);
  CHECK(init(port, mallorn_min_work_size(), alignof(void*) / 2) == MALLORN_E_ARGUMENT);
  const auto with = [&](auto member, auto value) {
    mallorn_port other = port;
    other.*member = value;
    return init(other);
  };
  CHECK(with(&mallorn_port::write_size, uint8_t{3}) == MALLORN_E_ARGUMENT);
  CHECK(with(&mallorn_port::write_size, uint8_t{64}) == MALLORN_E_ARGUMENT);
  CHECK(with(&mallorn_port::erase_size, 100u) == MALLORN_E_ARGUMENT);
  CHECK(with(&mallorn_port::meta_size, 128u) == MALLORN_E_ARGUMENT);
  CHECK(with(&mallorn_port::slot_size, 512u) == MALLORN_E_ARGUMENT);
  CHECK(with(&mallorn_port::slot_size, 1536u) == MALLORN_E_ARGUMENT);
  CHECK(with(&mallorn_port::slot_size, 0u) == MALLORN_E_ARGUMENT);
  CHECK(with(&mallorn_port::slot_size, 3072u) == MALLORN_DONE);
  CHECK(with(&mallorn_port::patch_read, nullptr) == MALLORN_E_ARGUMENT);
  // Who goes on all the same is told so.
  CHECK(m == nullptr);
  CHECK(mallorn_step(m) == MALLORN_E_ARGUMENT);
  // A journal is made of erase blocks, and wants states and a patch that can be read twice.
  port.patch_seek = [](void*, uint32_t) { return 0; };
  CHECK(with(&mallorn_port::journal_size, 1024u) == MALLORN_DONE);
  CHECK(with(&mallorn_port::journal_size, 3072u) == MALLORN_DONE);
  CHECK(with(&mallorn_port::journal_size, 1u) == MALLORN_E_ARGUMENT);
  CHECK(with(&mallorn_port::journal_size, 1500u) == MALLORN_E_ARGUMENT);
  CHECK(with(&mallorn_port::journal_size, UINT32_MAX) == MALLORN_E_ARGUMENT);
  port.journal_size = 1024;
  CHECK(with(&mallorn_port::meta_size, 512u) == MALLORN_E_ARGUMENT);
  CHECK(with(&mallorn_port::patch_seek, nullptr) == MALLORN_E_ARGUMENT);
  CHECK(mallorn_provision(&port, nullptr, work, sizeof work, MALLORN_SLOT_B, 0, 0) ==
        MALLORN_E_ARGUMENT);
  port.journal_size = 0;
  CHECK(init(port) == MALLORN_DONE);
  CHECK(mallorn_step(m) == MALLORN_WANT_INPUT);
  CHECK(mallorn_confirm(&port, nullptr, work, sizeof work) == MALLORN_E_NO_SLOT);
  CHECK(mallorn_reject(&port, nullptr, work, sizeof work) == MALLORN_E_NO_SLOT);
}

TEST_CASE(
    "firmware update: what overwrites the only slot is finished, or nothing is done") {
  test::Random random = test::seeded("unfinished");
  const Model base = model_of(random, 4000, 1);
  const Model result = model_of(random, 3900, 2);
  const Goal goal{sim::make_patch(base, result, Fault::none, kInPlace), result};
  Device device(kOneSlot, {true, false, 2}, base, {goal}, 7);
  // The first cut that finds the slot half overwritten.
  for (uint64_t at = 0;; at += 7) {
    Device cut = device;
    cut.flash().cut_at(at, sim::Cut::before);
    REQUIRE(!cut.live());
    if (!cut.is_unfinished_at_boot()) continue;
    CHECK(cut.abort_update() == MALLORN_E_UNFINISHED);
    CHECK(cut.offer(sim::make_patch(base, base, Fault::none, kInPlace)) ==
          MALLORN_E_UNFINISHED);
    cut.live_to_the_end();
    break;
  }
}

TEST_CASE("firmware update: a journal that does not take its bytes costs nothing") {
  test::Random random = test::seeded("stuck journal");
  const Model base = model_of(random, 4000, 1);
  const Model result = model_of(random, 3900, 2);
  const Goal goal{sim::make_patch(base, result, Fault::none, kInPlace), result,
                  MALLORN_E_FLASH_PROGRAM};
  Device device(kOneSlot, {true, false, 2}, base, {goal}, 7);
  device.flash().stick(MALLORN_JOURNAL);
  device.live_to_the_end();
  CHECK(device.boots() == 2);
}

TEST_CASE("firmware update: flash that does not take its bytes is noticed") {
  test::Random random = test::seeded("stuck bits");
  const Model base = model_of(random, 2000, 1);
  const Model result = model_of(random, 3000, 2);
  const Goal goal{sim::make_patch(base, result), result, MALLORN_E_FLASH_PROGRAM};
  Device device(kGeometry, {}, base, {goal}, 7);
  device.flash().stick(MALLORN_SLOT_B);
  device.live_to_the_end();
  CHECK(device.boots() == 2);
}

}  // namespace
}  // namespace mallorn::firmware
