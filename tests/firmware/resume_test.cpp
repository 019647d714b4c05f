// Updates with the decoder that devices have, through power cuts: with two slots, with one,
// and in one call. (The simulator, which cuts everywhere, has a decoder of its own.)
#include <doctest/doctest.h>

#include <memory>

#include "firmware/include/mallorn.h"
#include "firmware/sim/nor_flash.hpp"
#include "libcommon/core/patch_format.hpp"
#include "libcommon/digest.hpp"
#include "mallorn-pack/lite_encoder.hpp"
#include "mallorn-pack/lite_in_place.hpp"
#include "tests/support/lite.hpp"

using namespace mallorn;
using firmware::sim::Cut;
using firmware::sim::Geometry;
using firmware::sim::NorFlash;
using firmware::sim::PowerCut;
using test::Bytes;

namespace {

constexpr uint32_t kBlockLog2 = 9;
constexpr uint32_t kBlock = 1u << kBlockLog2;
constexpr Geometry kTwoSlots = {8192, kBlock, 2048, 8};
constexpr Geometry kOneSlot = {8192, kBlock, 2048, 8, kBlock};
constexpr Geometry kOneSlotWithLag = {8192, kBlock, 2048, 8, 3 * kBlock};
constexpr uint32_t kNoRestart = 29;

struct Device {
  NorFlash flash;
  Bytes patch;
  size_t at = 0;
};

Device& device(void* context) { return *static_cast<Device*>(context); }

mallorn_port make_port(const Geometry& geometry) {
  mallorn_port port{};
  port.read = [](void* context, uint8_t region, uint32_t offset, void* to,
                 uint32_t length) {
    return device(context).flash.read(region, offset, to, length);
  };
  port.erase = [](void* context, uint8_t region, uint32_t offset) {
    return device(context).flash.erase(region, offset);
  };
  port.program = [](void* context, uint8_t region, uint32_t offset, const void* from,
                    uint32_t length) {
    return device(context).flash.program(region, offset, from, length);
  };
  port.patch_read = [](void* context, void* to, uint32_t length) {
    Device& from = device(context);
    const size_t count = std::min<size_t>(length, from.patch.size() - from.at);
    std::copy_n(from.patch.begin() + static_cast<ptrdiff_t>(from.at), count,
                static_cast<uint8_t*>(to));
    from.at += count;
    return static_cast<int32_t>(count);
  };
  port.patch_seek = [](void* context, uint32_t offset) {
    device(context).at = offset;
    return 0;
  };
  port.slot_size = geometry.slot_size;
  port.erase_size = geometry.erase_size;
  port.meta_size = geometry.meta_size;
  port.write_size = static_cast<uint8_t>(geometry.write_size);
  port.journal_size = geometry.journal_size;
  return port;
}

Bytes make_patch(const pack::LitePlan& plan, const Bytes& body, const uint32_t in_place) {
  PatchHeader header;
  header.profile = Profile::lite;
  header.features = kFeatureLite | in_place;
  header.memory_kib = kLiteMemoryKib;
  header.base_bytes = plan.base.size();
  header.base_digest = sha256(plan.base);
  header.result_bytes = plan.result.size();
  header.result_digest = sha256(plan.result);
  header.body_bytes = body.size();
  header.body_digest = sha256(body);
  Bytes patch(kMaxPatchHeaderBytes);
  patch.resize(write_patch_header(header, patch));
  patch.insert(patch.end(), body.begin(), body.end());
  return patch;
}

// Updates until it is done, however often the power fails; how often it did.
int live(Device& on, const mallorn_port& port, test::Random& random) {
  constexpr Cut kCuts[] = {Cut::before, Cut::flickering, Cut::complete, Cut::unreadable};
  const mallorn_policy policy{nullptr, 0, 1, 0, nullptr};
  alignas(8) uint8_t work[MALLORN_WORK_SIZE];
  uint32_t come_to = 0;
  for (int cuts = 0;; ++cuts) {
    REQUIRE(cuts < 1000);
    on.flash.cut_at(300 + random.below(700), kCuts[random.below(4)]);
    on.at = 0;
    mallorn_update* m = nullptr;
    uint32_t done = 0;
    uint32_t total = 0;
    try {
      mallorn_boot_info info{};
      const int booted = mallorn_boot(&port, &on, work, sizeof work, &info);
      REQUIRE((booted == MALLORN_DONE || booted == MALLORN_E_UNFINISHED));
      if (info.is_trial != 0) return cuts;
      REQUIRE(mallorn_init(&m, work, sizeof work, &port, &on, &policy) == MALLORN_DONE);
      bool is_begun = false;
      int status = MALLORN_MORE;
      while (status > MALLORN_DONE) {
        status = mallorn_step(m);
        mallorn_progress(m, &done, &total);
        if (!is_begun && total != 0 && status >= MALLORN_DONE) {
          REQUIRE(done + kBlock >= come_to);
          is_begun = true;
        }
      }
      // The record of the trial may be seen by the update alone.
      REQUIRE((status == MALLORN_DONE || status == MALLORN_E_TRIAL));
    } catch (const PowerCut&) {
      if (m == nullptr) continue;
      mallorn_progress(m, &done, &total);
      come_to = std::max(come_to, done);
    }
  }
}

// A base of 7,000 bytes in slot A, provisioned, and a patch that makes `plan` of it.
Device provisioned(const Geometry& geometry, test::Random& random, pack::LitePlan& plan) {
  const bool is_in_place = geometry.journal_size != 0;
  const uint32_t lag = geometry.journal_size / kBlock - 1;
  if (is_in_place) plan.pieces = pack::keep_in_place(plan.pieces, {kBlock, lag * kBlock});
  const Bytes body = pack::encode_lite(plan, kNoRestart);
  Device on{NorFlash(geometry, static_cast<uint32_t>(random())),
            make_patch(plan, body, is_in_place ? in_place_features(kBlockLog2, lag) : 0)};
  on.flash.fill(MALLORN_SLOT_A, plan.base);
  const mallorn_port port = make_port(geometry);
  alignas(8) uint8_t work[MALLORN_WORK_SIZE];
  REQUIRE(mallorn_provision(&port, &on, work, sizeof work, MALLORN_SLOT_A, 7000, 0) ==
          MALLORN_DONE);
  return on;
}

void check(const Geometry& geometry, test::Random& random) {
  test::LitePlanner planner(random, 7000);
  while (planner.plan.result.size() < 6000) planner.add_any(1500);
  pack::LitePlan& plan = planner.plan;
  Device on = provisioned(geometry, random, plan);
  const mallorn_port port = make_port(geometry);
  const bool is_in_place = geometry.journal_size != 0;
  const int cuts = live(on, port, random);
  REQUIRE(on.flash.violation() == "");
  REQUIRE(cuts > 0);
  const auto length = static_cast<uint32_t>(plan.result.size());
  const uint8_t slot = is_in_place ? MALLORN_SLOT_A : MALLORN_SLOT_B;
  REQUIRE(on.flash.contents(slot, length) == plan.result);
}

// A base of 7,000 bytes in slot A, and a patch that makes something of it.
Device make_device(test::Random& random, test::LitePlanner& planner) {
  while (planner.plan.result.size() < 6000) planner.add_any(1500);
  const Bytes body = pack::encode_lite(planner.plan, kNoRestart);
  Device on{NorFlash(kTwoSlots, static_cast<uint32_t>(random())),
            make_patch(planner.plan, body, 0)};
  on.flash.fill(MALLORN_SLOT_A, planner.plan.base);
  on.flash.fill(MALLORN_SLOT_B, Bytes(kTwoSlots.slot_size, 0x5A));  // never erased
  on.flash.protect(1);
  return on;
}

int apply_once(Device& on, const mallorn_port& port) {
  alignas(8) uint8_t work[MALLORN_WORK_SIZE];
  on.at = 0;
  return mallorn_apply(&port, &on, work, sizeof work, MALLORN_SLOT_A);
}

}  // namespace

TEST_CASE("firmware apply: in one call, again after each power cut") {
  test::Random random = test::seeded("apply");
  const mallorn_port port = make_port(kTwoSlots);
  for (int round = 0; round < 60; ++round) {
    test::LitePlanner planner(random, 7000);
    Device on = make_device(random, planner);
    for (const Cut cut :
         {Cut::before, Cut::flickering, Cut::blank, Cut::complete, Cut::unreadable}) {
      on.flash.cut_at(random.below(700), cut);
      CHECK_THROWS_AS(apply_once(on, port), PowerCut);
    }
    on.flash.cut_never();
    REQUIRE(apply_once(on, port) == MALLORN_DONE);
    REQUIRE(on.flash.violation() == "");
    const auto length = static_cast<uint32_t>(planner.plan.result.size());
    REQUIRE(on.flash.contents(MALLORN_SLOT_B, length) == planner.plan.result);
  }
}

TEST_CASE("firmware apply: says what is wrong, before a slot is written where it can") {
  test::Random random = test::seeded("apply faults");
  test::LitePlanner planner(random, 7000);
  const Device good = make_device(random, planner);
  mallorn_port port = make_port(kTwoSlots);
  alignas(8) uint8_t work[MALLORN_WORK_SIZE];
  Device on = good;
  CHECK(mallorn_apply(nullptr, &on, work, sizeof work, MALLORN_SLOT_A) ==
        MALLORN_E_ARGUMENT);
  CHECK(mallorn_apply(&port, &on, work, 64, MALLORN_SLOT_A) == MALLORN_E_ARGUMENT);
  on.patch[0] ^= 1;
  CHECK(apply_once(on, port) == MALLORN_E_MAGIC);
  on = good;
  on.patch[90] ^= 1;
  CHECK(apply_once(on, port) == MALLORN_E_HEADER);
  on = good;
  on.flash.damage(MALLORN_SLOT_A, 6999);
  CHECK(apply_once(on, port) == MALLORN_E_BASE);
  port.slot_size = 5999;
  on = good;
  CHECK(apply_once(on, port) == MALLORN_E_SIZE);
  CHECK(on.flash.slot_operations() == 0);
  port = make_port(kTwoSlots);
  on.patch.resize(on.patch.size() - 1);
  CHECK(apply_once(on, port) == MALLORN_E_PATCH_READ);
  on = good;
  on.patch[on.patch.size() / 2] ^= 1;
  const int status = apply_once(on, port);
  CHECK((status == MALLORN_E_CODED || status == MALLORN_E_RESULT));
}

TEST_CASE("firmware apply: notices a region that does not keep what is written") {
  test::Random random = test::seeded("apply stuck");
  const mallorn_port port = make_port(kTwoSlots);
  test::LitePlanner copier(random, 7000);
  pack::LitePiece piece;
  piece.content = pack::LiteContent::copy;
  piece.has_base = true;
  piece.base_offset = 1000;
  copier.add(piece, copier.base_at(1000, 6000));
  Device on = make_device(random, copier);
  on.flash.stick(MALLORN_SLOT_B);
  CHECK(apply_once(on, port) == MALLORN_E_RESULT);
  // A patch that reads what it has made may not get to its end.
  for (int round = 0; round < 60; ++round) {
    test::LitePlanner planner(random, 7000);
    on = make_device(random, planner);
    on.flash.stick(MALLORN_SLOT_B);
    const int status = apply_once(on, port);
    CHECK((status == MALLORN_E_CODED || status == MALLORN_E_RESULT));
  }
}

TEST_CASE("firmware resume: patches of every kind of step, through many power cuts") {
  test::Random random = test::seeded("resume");
  for (int round = 0; round < 60; ++round) {
    check(kTwoSlots, random);
    check(kOneSlot, random);
    check(kOneSlotWithLag, random);
  }
}

TEST_CASE(
    "firmware resume: a model that is half overwritten is none, even if nothing can be "
    "recorded") {
  test::Random random = test::seeded("unfinished");
  const mallorn_port port = make_port(kOneSlot);
  mallorn_port stuck = port;
  stuck.erase = [](void*, uint8_t, uint32_t) { return -1; };
  const mallorn_policy policy{nullptr, 0, 1, 0, nullptr};
  alignas(8) uint8_t work[MALLORN_WORK_SIZE];
  mallorn_boot_info info{};
  test::LitePlanner planner(random, 7000);
  while (planner.plan.result.size() < 6000) planner.add_any(1500);
  const Device good = provisioned(kOneSlot, random, planner.plan);
  int unfinished = 0;
  for (uint32_t at = 0; at < 1500; at += 3) {
    Device on = good;
    on.flash.cut_at(at, Cut::complete);
    try {
      mallorn_update* m = nullptr;
      REQUIRE(mallorn_init(&m, work, sizeof work, &port, &on, &policy) == MALLORN_DONE);
      while (mallorn_step(m) > MALLORN_DONE) {
      }
    } catch (const PowerCut&) {
    }
    on.flash.cut_never();
    Device twin = on;
    if (mallorn_boot(&port, &on, work, sizeof work, &info) != MALLORN_E_UNFINISHED)
      continue;
    REQUIRE(mallorn_boot(&stuck, &twin, work, sizeof work, &info) == MALLORN_E_UNFINISHED);
    ++unfinished;
  }
  CHECK(unfinished > 0);
}
