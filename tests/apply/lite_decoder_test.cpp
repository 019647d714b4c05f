// LiteDecoder: makes what was coded, however its input and its output are cut; refuses, and
// never reads beyond base and result.
#include "mallorn-apply/core/lite_decoder.hpp"

#include <doctest/doctest.h>

#include "mallorn-pack/lite_encoder.hpp"
#include "tests/support/lite.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

constexpr uint32_t kNoRestart = 29;

void check_all_ways(const pack::LitePlan& plan, uint32_t restart_log2,
                    test::Random& random) {
  const Bytes body = pack::encode_lite(plan, restart_log2);
  REQUIRE(body == pack::encode_lite(plan, restart_log2));
  const auto length = static_cast<uint32_t>(plan.result.size());
  test::LiteRun whole(plan.base, length);
  REQUIRE(whole.run(body, nullptr));
  REQUIRE(whole.result == plan.result);
  for (int i = 0; i < 3; ++i) {
    test::LiteRun cut(plan.base, length);
    REQUIRE(cut.run(body, &random));
    REQUIRE(cut.result == plan.result);
  }
}

// Decodes by a decoder that is kept as bytes and brought back, now and then between pages.
// `spoil` may change the bytes. False if they were refused, or what they make was.
template <typename Spoil>
bool run_in_parts(const pack::LitePlan& plan, const Bytes& body, test::Random& random,
                  Bytes* result, Spoil spoil) {
  const auto length = static_cast<uint32_t>(plan.result.size());
  test::LiteRun run(plan.base, length);
  auto decoder = std::make_unique<apply::LiteDecoder>();
  Bytes room(32);
  const auto set = [&](size_t used) {
    decoder->input = test::input_of(body, used, body.size());
    decoder->page = test::page_of(room);
    decoder->lengths = {static_cast<uint32_t>(plan.base.size()), length};
    decoder->files = {test::LiteRun::read_file, &run};
  };
  set(0);
  decoder->begin(0);
  for (;;) {
    const apply::LiteStep step = decoder->step();
    if (step == apply::LiteStep::failed) return false;
    REQUIRE(step != apply::LiteStep::want_input);
    run.result.insert(run.result.end(), room.begin(), room.begin() + decoder->page.used());
    decoder->page.next = decoder->page.begin;
    if (step == apply::LiteStep::done) break;
    if (random.chance(2)) continue;
    const test::LitePlace place = test::place_of(*decoder, body.size());
    Bytes kept(sizeof *decoder);
    memcpy(kept.data(), decoder.get(), kept.size());
    spoil(kept);
    decoder = std::make_unique<apply::LiteDecoder>();
    memcpy(static_cast<void*>(decoder.get()), kept.data(), kept.size());
    set(place.body_offset);
    if (!decoder->resume(place.result_offset)) return false;
  }
  *result = run.result;
  return true;
}

}  // namespace

TEST_CASE("lite: decoding goes on from what was kept, between any two pages") {
  test::Random random = test::seeded("lite kept");
  for (int round = 0; round < 100; ++round) {
    test::LitePlanner planner(random, random.length(600));
    const uint64_t pieces = 1 + random.below(20);
    while (planner.plan.pieces.size() < pieces) planner.add_any(300);
    const Bytes body = pack::encode_lite(planner.plan, kNoRestart);
    Bytes result;
    REQUIRE(run_in_parts(planner.plan, body, random, &result, [](Bytes&) {}));
    REQUIRE(result == planner.plan.result);
  }
}

TEST_CASE("lite: a decoder that has only begun can be kept, whatever its memory held") {
  test::Random random = test::seeded("lite begun");
  for (const uint32_t length : {0u, 40u}) {
    const Bytes body = length == 0 ? Bytes{0} : random.bytes(200);
    apply::LiteDecoder decoder;
    memset(static_cast<void*>(&decoder), 0xFF, sizeof decoder);
    decoder.input = test::input_of(body, 0, body.size());
    decoder.lengths = {0, length};
    decoder.begin(0);
    CHECK(decoder.resume(0));
    CHECK(decoder.result_offset() == 0);
  }
}

TEST_CASE("lite: any bytes as what was kept are refused or make something") {
  test::Random random = test::seeded("lite kept bytes");
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    test::LitePlanner planner(random, 200);
    while (planner.plan.pieces.size() < 6) planner.add_any(200);
    const Bytes body = pack::encode_lite(planner.plan, kNoRestart);
    const auto spoil = [&](Bytes& kept) {
      const uint64_t changes = 1 + random.below(4);
      // The first bytes have all but the models, which may be anything.
      for (uint64_t i = 0; i < changes; ++i) kept[random.below(160)] = random.byte();
    };
    Bytes result;
    const bool is_good = run_in_parts(planner.plan, body, random, &result, spoil);
    refused += is_good ? 0 : 1;
    if (is_good) REQUIRE(result.size() == planner.plan.result.size());
  }
  CHECK(refused > 500);
}

TEST_CASE("lite: in place, nothing is read that is too far before the block being made") {
  test::Random random = test::seeded("lite in place");
  constexpr uint32_t kBlockLog2 = 6;
  int good = 0;
  for (int round = 0; round < 3000; ++round) {
    // Literal bytes up to `begin`, then as many as `length` from `source`.
    const auto begin = static_cast<uint32_t>(1 + random.below(200));
    const auto length = static_cast<uint32_t>(1 + random.below(100));
    pack::LitePiece piece;
    piece.content = pack::LiteContent::copy;
    piece.has_base = true;
    piece.base_offset = static_cast<uint32_t>(random.below(250));
    test::LitePlanner planner(random, 400);
    planner.add({}, random.bytes(begin));
    planner.add(piece, planner.base_at(piece.base_offset, length));
    const auto lag = static_cast<uint32_t>(random.below(3));
    bool is_there = true;
    for (uint32_t i = 0; i < length; ++i) {
      const uint32_t block = (begin + i) >> kBlockLog2 << kBlockLog2;
      if (piece.base_offset + i + (lag << kBlockLog2) < block) is_there = false;
    }
    const Bytes body = pack::encode_lite(planner.plan, kNoRestart);
    test::LiteRun run(planner.plan.base, begin + length);
    run.features = in_place_features(kBlockLog2, lag);
    REQUIRE(run.run(body, &random) == is_there);
    good += is_there ? 1 : 0;
  }
  CHECK(good > 500);
  CHECK(good < 2500);
}

TEST_CASE("lite: pieces of every kind and type come back, however they are cut") {
  test::Random random = test::seeded("lite pieces");
  for (int round = 0; round < 150; ++round) {
    test::LitePlanner planner(random, random.length(600));
    const uint64_t pieces = random.below(20);
    while (planner.plan.pieces.size() < pieces)
      planner.add_any(random.chance(9) ? 2000 : 120);
    check_all_ways(planner.plan, kNoRestart, random);
  }
}

TEST_CASE("lite: decoding can begin at every restart point") {
  test::Random random = test::seeded("lite restarts");
  for (int round = 0; round < 40; ++round) {
    constexpr uint32_t kRestartLog2 = 6;
    test::LitePlanner planner(random, 500);
    while (planner.plan.result.size() < 1000) {
      // Whole segments of one, or of two pieces that come together.
      const size_t room = 64 - planner.plan.result.size() % 64;
      pack::LitePiece piece;
      const size_t length = random.chance(2) ? room : 1 + random.below(room);
      piece.content =
          random.chance(2) ? pack::LiteContent::changed : pack::LiteContent::literal;
      piece.has_base = true;
      piece.base_offset = static_cast<uint32_t>(random.below(500 - length));
      planner.add(piece, random.changed(planner.base_at(piece.base_offset, length), 4));
    }
    const pack::LitePlan& plan = planner.plan;
    check_all_ways(plan, kRestartLog2, random);
    const Bytes body = pack::encode_lite(plan, kRestartLog2);
    const auto length = static_cast<uint32_t>(plan.result.size());
    test::LitePlace place;
    for (uint32_t offset = 0; offset < length; offset += 64) {
      test::LiteRun run(plan.base, length);
      run.result.assign(plan.result.begin(), plan.result.begin() + offset);
      place.result_offset = offset;
      REQUIRE(run.run(body, &random, place));
      REQUIRE(run.result == plan.result);
      // The decoder says where it could begin again.
      test::LiteRun pages(plan.base, length);
      Bytes page(64);
      if (offset + 64 > length) break;
      const auto decoder = std::make_unique<apply::LiteDecoder>();
      pages.result.assign(plan.result.begin(), plan.result.begin() + offset);
      decoder->input = test::input_of(body, place.body_offset, body.size());
      decoder->page = test::page_of(page);
      decoder->lengths = {500, length};
      decoder->files = {test::LiteRun::read_file, &pages};
      decoder->begin(offset);
      const apply::LiteStep step = decoder->step();
      REQUIRE(step ==
              (offset + 64 < length ? apply::LiteStep::page_full : apply::LiteStep::done));
      REQUIRE(decoder->is_at_restart());
      REQUIRE(decoder->result_offset() == offset + 64);
      place = test::place_of(*decoder, body.size());
    }
  }
}

TEST_CASE("lite: any bytes are refused or make something, the same for all cuts") {
  test::Random random = test::seeded("lite bytes");
  for (int round = 0; round < 3000; ++round) {
    test::LitePlanner planner(random, 100);
    while (planner.plan.pieces.size() < 4) planner.add_any(60);
    Bytes body = random.chance(3) ? random.bytes(random.below(100))
                                  : pack::encode_lite(planner.plan, kNoRestart);
    if (!body.empty()) body = random.changed(body, 30);
    const auto length = static_cast<uint32_t>(planner.plan.result.size());
    test::LiteRun whole(planner.plan.base, length);
    const bool is_good = whole.run(body, nullptr);
    test::LiteRun cut(planner.plan.base, length);
    REQUIRE(cut.run(body, &random) == is_good);
    REQUIRE(cut.status == whole.status);
    if (is_good) REQUIRE(cut.result == whole.result);
    REQUIRE((is_good || whole.status == Status::corrupt_data));
  }
}

TEST_CASE("lite: files of 1 GiB, and places beyond the end, are refused") {
  const auto decoder = std::make_unique<apply::LiteDecoder>();
  decoder->lengths = {kMaxLiteBytes, 1};
  decoder->begin(0);
  CHECK(decoder->step() == apply::LiteStep::failed);
  CHECK(decoder->status() == Status::limit_exceeded);
  decoder->lengths = {kMaxLiteBytes - 1, 5};
  decoder->begin(6);
  CHECK(decoder->status() == Status::malformed);
  CHECK(decoder->step() == apply::LiteStep::failed);
  decoder->begin(5);
  CHECK(decoder->status() == Status::ok);
  // As from five bytes of a body, of which six have been used.
  decoder->input.unread = 5u - 6;
  decoder->begin(5);
  CHECK(decoder->status() == Status::limit_exceeded);
}

TEST_CASE("lite: a base that cannot be read is an error of its own") {
  test::Random random(1);
  test::LitePlanner planner(random, 100);
  pack::LitePiece piece;
  piece.content = pack::LiteContent::changed;
  piece.has_base = true;
  planner.add(piece, random.changed(planner.plan.base, 5));
  const Bytes body = pack::encode_lite(planner.plan, kNoRestart);
  test::LiteRun run(ByteView(planner.plan.base).first(50), 100);
  const auto decoder = std::make_unique<apply::LiteDecoder>();
  Bytes room(200);
  decoder->input = test::input_of(body, 0, body.size());
  decoder->page = test::page_of(room);
  decoder->lengths = {100, 100};
  decoder->files = {test::LiteRun::read_file, &run};
  decoder->begin(0);
  CHECK(decoder->step() == apply::LiteStep::failed);
  CHECK(decoder->status() == Status::io);
}
