#include "mallorn-pack/lite_in_place.hpp"

#include <doctest/doctest.h>

#include "tests/support/random.hpp"

using namespace mallorn;
using pack::LiteContent;
using pack::LitePiece;

namespace {

constexpr uint32_t kBlock = 64;

LitePiece any_piece(test::Random& random, uint32_t begin) {
  LitePiece piece;
  piece.begin = begin;
  piece.content = static_cast<LiteContent>(random.below(5));
  piece.type = random.chance(2) ? LiteType::f32 : LiteType::i16;
  piece.length = static_cast<uint32_t>(1 + random.below(40)) * 4;
  const auto near = [&] {
    return static_cast<uint32_t>(std::max<int64_t>(
        0, int64_t{begin} + static_cast<int64_t>(random.below(200)) - 100));
  };
  piece.has_base = piece.content != LiteContent::literal && !random.chance(4);
  if (piece.has_base) piece.base_offset = near();
  if (piece.content == LiteContent::derived) {
    piece.has_source_in_base = random.chance(2);
    piece.source = near();
  } else if (piece.content != LiteContent::elements) {
    piece.is_own = piece.has_base && random.chance(3);
  }
  return piece;
}

// Whether every byte of the base that it may be coded from is still there.
bool is_there(const LitePiece& piece, const pack::InPlace& in_place) {
  for (uint32_t i = 0; i < piece.length; ++i) {
    const uint32_t first = pack::first_in_base(piece.begin + i, in_place);
    if (piece.has_base && !piece.is_own && piece.base_offset + i < first) return false;
    if (piece.has_source_in_base && piece.source + i < first) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("lite in place: pieces read what is there, and are cut no more than that takes") {
  test::Random random = test::seeded("lite in place pieces");
  for (int round = 0; round < 3000; ++round) {
    const LitePiece piece = any_piece(random, static_cast<uint32_t>(random.below(100)) * 4);
    const pack::InPlace in_place{kBlock, static_cast<uint32_t>(random.below(3)) * kBlock};
    const std::vector<LitePiece> kept = pack::keep_in_place({piece}, in_place);
    if (is_there(piece, in_place)) {
      // Nothing that reads ahead is cut.
      uint32_t with_base = 0;
      for (const LitePiece& part : kept) {
        if (part.has_base == piece.has_base) with_base += part.length;
      }
      REQUIRE(with_base == piece.length);
    }
    uint32_t at = piece.begin;
    for (const LitePiece& part : kept) {
      REQUIRE(part.begin == at);
      REQUIRE(part.length > 0);
      REQUIRE(part.length % pack::lite_unit(part) == 0);
      REQUIRE(is_there(part, in_place));
      const uint32_t passed = at - piece.begin;
      if (part.has_base) REQUIRE(part.base_offset == piece.base_offset + passed);
      if (part.has_source_in_base) REQUIRE(part.source == piece.source + passed);
      if (part.content == LiteContent::copy) REQUIRE(part.has_base == piece.has_base);
      at += part.length;
    }
    REQUIRE(at == piece.begin + piece.length);
  }
}

TEST_CASE("lite in place: a piece needs the least lag with which nothing of it is cut") {
  test::Random random = test::seeded("lite lag");
  for (int round = 0; round < 3000; ++round) {
    const LitePiece piece = any_piece(random, static_cast<uint32_t>(random.below(100)) * 4);
    const uint32_t lag = pack::lag_of({piece}, kBlock) * kBlock;
    REQUIRE(is_there(piece, {kBlock, lag}));
    if (lag != 0) REQUIRE(!is_there(piece, {kBlock, lag - kBlock}));
  }
}

TEST_CASE("lite in place: of a piece from a little before, most keeps its base") {
  LitePiece piece;
  piece.content = LiteContent::elements;
  piece.type = LiteType::f32;
  piece.has_base = true;
  piece.begin = 2 * kBlock + 8;
  piece.base_offset = piece.begin - 6;
  piece.length = 3 * kBlock;
  uint32_t alone = 0;
  for (const LitePiece& part : pack::keep_in_place({piece}, {kBlock})) {
    if (!part.has_base) alone += part.length;
  }
  CHECK(alone == 3 * 8);  // six bytes of each block that it begins in, and whole elements
}
