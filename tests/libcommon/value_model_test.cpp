// ValueModel: a decoder follows its encoder for every dtype, method, gain and rank; what is
// decoded from anything else is within bounds or refused; what is written is pinned.
#include "libcommon/core/value_model.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "tests/libcommon/pin_check.hpp"
#include "tests/support/values.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

// A piece with everything that an encoder gives.
struct MadePiece {
  Piece piece;
  std::vector<int32_t> gains;
  std::vector<uint32_t> units;
  std::vector<int16_t> column_factors;
  std::vector<int16_t> row_factors;
  Bytes base;
  Bytes values;

  PieceFit fit() const {
    return {gains.data(), units.data(), column_factors.data(), row_factors.data()};
  }
  uint64_t rows() const { return (piece.elements + piece.columns - 1) / piece.columns; }
};

int32_t any_zero(test::Random& random) {
  return static_cast<int32_t>(random.below(384)) - 128;
}

int32_t any_gain(test::Random& random, const ValueType& type) {
  const int32_t one = type.gain_one();
  switch (random.below(4)) {
    case 0:
      return one;
    case 1:
      return random.chance(2) ? 1 : type.max_gain();
    case 2:
      return 1 + static_cast<int32_t>(random.below(static_cast<uint64_t>(type.max_gain())));
    default:
      return one + static_cast<int32_t>(random.below(64)) - 32;
  }
}

int16_t any_factor(test::Random& random) {
  if (random.chance(8)) return random.chance(2) ? 32767 : -32767;
  const auto reach = uint64_t{1} << random.below(15);
  return static_cast<int16_t>(test::small_number(random, reach));
}

void add_fit(test::Random& random, const ValueType& type, MadePiece* made) {
  Piece& piece = made->piece;
  piece.columns = 1 + static_cast<uint32_t>(random.below(piece.elements));
  if (type.gain_bits == 0) return;
  piece.axis = static_cast<GainAxis>(random.below(3));
  const uint64_t lanes = piece.axis == GainAxis::row ? made->rows() : piece.columns;
  if (piece.axis != GainAxis::none) {
    for (uint64_t i = 0; i < lanes; ++i) made->gains.push_back(any_gain(random, type));
  }
  const uint64_t most =
      std::min<uint64_t>({kMaxRanks, piece.columns, piece.elements / piece.columns});
  piece.ranks = random.chance(2) ? 0 : static_cast<uint32_t>(random.below(most + 1));
  if (piece.ranks == 0) return;
  if (type.kind == ValueKind::floating) {
    piece.exponent = static_cast<int32_t>(random.below(300)) - 60;
    if (random.chance(8)) piece.exponent = random.chance(2) ? -4096 : 4096;
  }
  for (uint32_t i = 0; i < piece.ranks; ++i) {
    made->units.push_back(
        static_cast<uint32_t>(random.below(kMaxRankUnit + 1ull) >> random.below(24)));
  }
  for (uint64_t i = 0; i < uint64_t{piece.ranks} * piece.columns; ++i) {
    made->column_factors.push_back(any_factor(random));
  }
  for (uint64_t i = 0; i < made->rows() * piece.ranks; ++i) {
    made->row_factors.push_back(any_factor(random));
  }
}

uint32_t greatest_of(const ValueType& type, const Bytes& values) {
  int32_t greatest = 0;
  for (size_t at = 0; at < values.size(); at += type.bytes) {
    const int64_t order = to_order(type.format, load_bits(type, values.data() + at));
    greatest = std::max(greatest, exponent_at(type.format, order));
  }
  return static_cast<uint32_t>(greatest);
}

MadePiece make_piece(test::Random& random, const ValueType& type, bool has_base,
                     size_t elements) {
  MadePiece made;
  Piece& piece = made.piece;
  piece.elements = elements;
  piece.method = static_cast<PieceMethod>(random.below(4));
  const bool may_be_sparse = type.kind == ValueKind::code;
  if (piece.method == PieceMethod::sparse && !may_be_sparse) {
    piece.method = PieceMethod::direct;
  }
  if (piece.method == PieceMethod::predicted && !has_base) {
    piece.method = PieceMethod::bytes;
  }
  if (piece.method == PieceMethod::bytes) {
    made.values = random.bytes(elements);
    made.base = has_base ? random.bytes(elements) : Bytes();
    return made;
  }
  made.values = test::any_elements(random, type, elements);
  if (type.kind == ValueKind::code) piece.result_zero = any_zero(random);
  if (has_base) {
    made.base = test::any_elements(random, type, elements);
    if (random.chance(2)) {
      made.values = test::moved(random, type, made.base, 1 + random.below(100));
    }
  }
  if (piece.method == PieceMethod::direct && type.kind == ValueKind::floating) {
    piece.greatest = greatest_of(type, made.values);
  }
  if (piece.method != PieceMethod::predicted) return made;
  if (type.kind == ValueKind::code) piece.base_zero = any_zero(random);
  add_fit(random, type, &made);
  return made;
}

uint64_t bytes_of(const std::vector<MadePiece>& pieces) {
  uint64_t bytes = 0;
  for (const MadePiece& made : pieces) bytes += made.values.size();
  return bytes;
}

Bytes encode(const ValueType& type, bool has_base, const std::vector<MadePiece>& pieces) {
  Bytes coded;
  const auto model = std::make_unique<ValueModel>();
  pack::RangeEncoder encoder(coded);
  uint64_t room = bytes_of(pieces);
  for (const MadePiece& made : pieces) {
    Piece piece = made.piece;
    Bytes values = made.values;
    REQUIRE(model->code_head(encoder, type, has_base, room, &piece));
    REQUIRE(model->code(encoder, type, piece, made.fit(), made.base.data(), values.data()));
    REQUIRE(values == made.values);  // coding changes nothing
    room -= values.size();
  }
  encoder.finish();
  return coded;
}

bool is_same(const Piece& a, const Piece& b) {
  return a.elements == b.elements && a.method == b.method && a.base_zero == b.base_zero &&
         a.result_zero == b.result_zero && a.greatest == b.greatest &&
         a.columns == b.columns && a.axis == b.axis && a.ranks == b.ranks &&
         a.exponent == b.exponent;
}

void check_decodes(const ValueType& type, bool has_base,
                   const std::vector<MadePiece>& pieces, const Bytes& coded,
                   uint8_t before) {
  const auto model = std::make_unique<ValueModel>();
  apply::RangeDecoder decoder(coded);
  uint64_t room = bytes_of(pieces);
  for (const MadePiece& made : pieces) {
    Piece piece;
    REQUIRE(model->code_head(decoder, type, has_base, room, &piece));
    REQUIRE(is_same(piece, made.piece));
    Bytes values(made.values.size(), before);  // what was there does not matter
    REQUIRE(model->code(decoder, type, piece, {}, made.base.data(), values.data()));
    REQUIRE(values == made.values);
    room -= values.size();
  }
  REQUIRE(decoder.status() == Status::ok);
}

Bytes check_round_trip(const ValueType& type, bool has_base,
                       const std::vector<MadePiece>& pieces) {
  const Bytes coded = encode(type, has_base, pieces);
  check_decodes(type, has_base, pieces, coded, 0x00);
  check_decodes(type, has_base, pieces, coded, 0xA5);
  return coded;
}

MadePiece predicted(const Bytes& base, const Bytes& values, const ValueType& type,
                    uint32_t columns) {
  MadePiece made;
  made.piece.elements = values.size() / type.bytes;
  made.piece.method = PieceMethod::predicted;
  made.piece.columns = columns;
  made.base = base;
  made.values = values;
  return made;
}

template <typename Visit>
void for_each_type(const Visit& visit) {
  for (const Dtype dtype : test::kValueDtypes) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    visit(dtype, test::type_of(dtype));
  }
}

// Answers with any bits, the likely ones mostly, and checks what it is asked for.
struct Noise {
  test::Random random{3};

  uint32_t code(uint32_t p16, uint32_t) {
    REQUIRE(p16 >= 16);
    REQUIRE(p16 <= 65520);
    return random.below(65536) < p16 ? 1 : 0;
  }
  uint32_t code_fine(uint32_t p22, uint32_t) {
    REQUIRE(p22 >= FineBitModel::kLeast);
    REQUIRE(p22 < FineBitModel::kOne);
    return random.below(FineBitModel::kOne) < p22 ? 1 : 0;
  }
  uint32_t code_symbol(const SymbolModel::Bounds& bounds, uint32_t, bool) {
    REQUIRE(bounds[0] == 0);
    REQUIRE(bounds[SymbolModel::kSymbols] == SymbolModel::kTotal);
    for (uint32_t i = 0; i < SymbolModel::kSymbols; ++i) REQUIRE(bounds[i] < bounds[i + 1]);
    return SymbolModel::find(bounds,
                             static_cast<int16_t>(random.below(SymbolModel::kTotal)));
  }
  uint32_t code_bits(uint32_t, uint32_t count) {
    REQUIRE(count <= 32);
    return static_cast<uint32_t>(random.below(uint64_t{1} << count));
  }
};

// Checks what code_head() has let pass.
void check_bounds(const ValueType& type, const Piece& piece, bool has_base, uint64_t room) {
  const uint64_t unit = piece.method == PieceMethod::bytes ? 1 : type.bytes;
  REQUIRE(piece.elements >= 1);
  REQUIRE(piece.elements <= room / unit);
  if (piece.method != PieceMethod::predicted) return;
  REQUIRE(has_base);
  REQUIRE(piece.columns >= 1);
  REQUIRE(piece.columns <= piece.elements);
  REQUIRE(piece.ranks <= kMaxRanks);
  REQUIRE(uint64_t{piece.ranks} * piece.columns <= kMaxFactors);
  const bool has_columns = piece.axis == GainAxis::column || piece.ranks > 0;
  if (has_columns) REQUIRE(piece.columns <= kMaxColumns);
}

}  // namespace

TEST_CASE("value model: twelve dtypes have a type, as wide as they are") {
  size_t types = 0;
  for (unsigned number = 0; number < 256; ++number) {
    const auto dtype = static_cast<Dtype>(number);
    ValueType type;
    const bool has_type = value_type(dtype, &type);
    const bool is_listed =
        std::find(std::begin(test::kValueDtypes), std::end(test::kValueDtypes), dtype) !=
        std::end(test::kValueDtypes);
    REQUIRE(has_type == is_listed);
    if (!has_type) continue;
    ++types;
    CHECK(type.bytes == dtype_layout(dtype).block_bytes);
    if (type.kind == ValueKind::floating) CHECK(type.format.bits == 8 * type.bytes);
  }
  CHECK(types == 12);
}

TEST_CASE("value model: numbers are extended by their sign, or not") {
  const uint8_t bytes[] = {0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
  const auto number = [&](Dtype dtype) { return load_number(test::type_of(dtype), bytes); };
  CHECK(number(Dtype::i8) == UINT64_MAX - 1);
  CHECK(number(Dtype::u8) == 0xFE);
  CHECK(number(Dtype::i16) == UINT64_MAX - 1);
  CHECK(number(Dtype::u16) == 0xFFFE);
  CHECK(number(Dtype::i32) == UINT64_MAX - 1);
  CHECK(number(Dtype::u32) == 0xFFFFFFFE);
  CHECK(number(Dtype::i64) == UINT64_MAX - 1);
  CHECK(number(Dtype::u64) == UINT64_MAX - 1);
}

TEST_CASE("value model: a decoder follows its encoder, whatever the pieces") {
  test::Random random = test::seeded("value model");
  for_each_type([&](Dtype, const ValueType& type) {
    for (int round = 0; round < 12; ++round) {
      const bool has_base = !random.chance(4);
      std::vector<MadePiece> pieces;
      for (uint64_t i = random.below(6); i > 0; --i) {
        pieces.push_back(make_piece(random, type, has_base, 1 + random.below(400)));
      }
      check_round_trip(type, has_base, pieces);
    }
  });
}

TEST_CASE("value model: extremes beside extremes, with every gain and rank there may be") {
  test::Random random = test::seeded("value model extremes");
  for_each_type([&](Dtype, const ValueType& type) {
    for (int round = 0; round < 12; ++round) {
      const size_t elements = 1 + random.below(300);
      MadePiece made = predicted(test::extremes(random, type, elements),
                                 test::extremes(random, type, elements), type, 1);
      if (type.kind == ValueKind::code) {
        made.piece.base_zero = random.chance(2) ? -128 : 255;
        made.piece.result_zero = random.chance(2) ? -128 : 255;
      }
      add_fit(random, type, &made);
      for (int32_t& gain : made.gains) gain = random.chance(2) ? 1 : type.max_gain();
      for (uint32_t& unit : made.units) unit = random.chance(4) ? 0 : kMaxRankUnit;
      check_round_trip(type, true, {made});
    }
  });
}

TEST_CASE("value model: the widest and the narrowest matrices") {
  test::Random random(51);
  for (const Dtype dtype : {Dtype::i8, Dtype::i16, Dtype::f16}) {
    const ValueType type = test::type_of(dtype);
    for (const uint32_t columns : {1u, kMaxColumns, kMaxColumns + 1}) {
      const size_t elements = columns == 1 ? 100 : 2 * size_t{columns} + 5;  // a short row
      const Bytes base = test::weights(random, type, elements);
      for (const GainAxis axis : {GainAxis::none, GainAxis::row, GainAxis::column}) {
        if (columns > kMaxColumns && axis == GainAxis::column) continue;
        MadePiece made = predicted(base, test::moved(random, type, base, 3), type, columns);
        made.piece.axis = axis;
        const uint64_t lanes = axis == GainAxis::row ? made.rows() : columns;
        for (uint64_t i = 0; i < lanes; ++i) made.gains.push_back(any_gain(random, type));
        if (columns <= kMaxColumns) {
          made.piece.ranks = 2;
          made.units = {1000, 1};
          if (columns == 1) made.piece.ranks = 1;
          for (uint64_t i = 0; i < 2ull * columns; ++i) {
            made.column_factors.push_back(any_factor(random));
          }
          for (uint64_t i = 0; i < 2 * made.rows(); ++i) {
            made.row_factors.push_back(any_factor(random));
          }
        }
        check_round_trip(type, true, {made});
      }
    }
  }
}

TEST_CASE("value model: what equals the base costs next to nothing") {
  test::Random random(52);
  for_each_type([&](Dtype, const ValueType& type) {
    const Bytes base = test::any_elements(random, type, 4000);
    CHECK(check_round_trip(type, true, {predicted(base, base, type, 4000)}).size() < 24);
  });
}

TEST_CASE("value model: small moves cost few bits, in every dtype") {
  test::Random random(53);
  for_each_type([&](Dtype, const ValueType& type) {
    const Bytes base = test::weights(random, type, 8000);
    const Bytes values = test::moved(random, type, base, 4);  // log2(9) bits
    const MadePiece made = predicted(base, values, type, 8000);
    CHECK(check_round_trip(type, true, {made}).size() < 8000 * 35 / 80);
  });
}

TEST_CASE("value model: a result that is the base times a gain costs next to nothing") {
  test::Random random(54);
  for (const Dtype dtype :
       {Dtype::i8, Dtype::i16, Dtype::i32, Dtype::f16, Dtype::bf16, Dtype::f32}) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const ValueType type = test::type_of(dtype);
    const Bytes base = test::weights(random, type, 4000);
    const int32_t gain = type.gain_one() * 9 / 8;
    Bytes values = base;
    for (size_t at = 0; at < values.size(); at += type.bytes) {
      uint8_t* to = values.data() + at;
      if (type.kind == ValueKind::floating) {
        const Guess guess = guess_float(type.format, load_bits(type, to), gain, 0, 0);
        store_bits(type, to, from_order(type.format, guess.order));
      } else {
        const auto number = static_cast<int64_t>(load_number(type, to));
        const int64_t half = type.gain_one() / 2;
        test::store_element(
            type, to, static_cast<uint64_t>((number * gain + half) >> type.gain_bits));
      }
    }
    MadePiece made = predicted(base, values, type, 4000);
    made.piece.axis = GainAxis::row;
    made.gains = {gain};
    CHECK(check_round_trip(type, true, {made}).size() < 30);
  }
}

TEST_CASE("value model: heads that no encoder writes are refused") {
  const ValueType code = test::type_of(Dtype::i8);
  const ValueType half = test::type_of(Dtype::f16);
  const ValueType number = test::type_of(Dtype::i16);
  const auto passes = [](const ValueType& type, Piece piece, bool has_base = true,
                         uint64_t room = 100000) {
    Bytes coded;
    pack::RangeEncoder encoder(coded);
    const auto model = std::make_unique<ValueModel>();
    const bool is_good = model->code_head(encoder, type, has_base, room, &piece);
    return is_good;
  };
  Piece piece;
  piece.elements = 50000;
  piece.method = PieceMethod::predicted;
  CHECK(passes(half, piece));
  CHECK_FALSE(passes(half, piece, false));
  CHECK_FALSE(passes(half, piece, true, 99999));
  const auto with = [&](auto change) {
    Piece changed = piece;
    change(changed);
    return changed;
  };
  CHECK_FALSE(passes(half, with([](Piece& p) { p.elements = 0; })));
  CHECK_FALSE(passes(half, with([](Piece& p) { p.elements = UINT64_MAX >> 1; })));
  CHECK_FALSE(passes(half, with([](Piece& p) { p.columns = 0; })));
  CHECK(passes(half, with([](Piece& p) { p.columns = 50000; })));
  CHECK_FALSE(passes(half, with([](Piece& p) { p.columns = 50001; })));
  CHECK_FALSE(passes(half, with([](Piece& p) { p.axis = static_cast<GainAxis>(3); })));
  const auto with_columns = [&](GainAxis axis, uint32_t columns, uint32_t ranks) {
    return with([&](Piece& p) {
      p.axis = axis;
      p.columns = columns;
      p.ranks = ranks;
    });
  };
  CHECK(passes(half, with_columns(GainAxis::column, kMaxColumns, 0)));
  CHECK_FALSE(passes(half, with_columns(GainAxis::column, kMaxColumns + 1, 0)));
  CHECK(passes(half, with_columns(GainAxis::row, kMaxColumns + 1, 0)));
  CHECK_FALSE(passes(half, with_columns(GainAxis::row, kMaxColumns + 1, 1)));
  CHECK(passes(half, with_columns(GainAxis::row, 700, kMaxRanks)));
  CHECK_FALSE(passes(half, with_columns(GainAxis::row, 700, kMaxRanks + 1)));
  CHECK_FALSE(passes(half, with_columns(GainAxis::row, kMaxColumns, 9)));
  for (const int32_t exponent : {-4097, 4097}) {
    CHECK_FALSE(passes(half, with([&](Piece& p) {
                         p.columns = 100;
                         p.ranks = 1;
                         p.exponent = exponent;
                       })));
  }
  for (const int32_t zero : {-129, 256}) {
    CHECK_FALSE(passes(code, with([&](Piece& p) { p.base_zero = zero; })));
    CHECK_FALSE(passes(code, with([&](Piece& p) { p.result_zero = zero; })));
  }
  const auto direct = [&](uint32_t greatest) {
    return with([&](Piece& p) {
      p.method = PieceMethod::direct;
      p.greatest = greatest;
    });
  };
  CHECK(passes(half, direct(31)));
  CHECK_FALSE(passes(half, direct(32)));
  CHECK_FALSE(passes(number, with([](Piece& p) { p.method = PieceMethod::sparse; })));
  CHECK(passes(code, with([](Piece& p) { p.method = PieceMethod::sparse; })));
}

TEST_CASE("value model: whatever is decoded is within bounds or refused") {
  Noise noise;
  constexpr uint64_t kRoom = 600;
  for_each_type([&](Dtype, const ValueType& type) {
    size_t refused = 0;
    size_t decoded = 0;
    for (int round = 0; round < 400; ++round) {
      const auto model = std::make_unique<ValueModel>();
      const bool has_base = round % 4 != 0;
      Piece piece;
      if (!model->code_head(noise, type, has_base, kRoom, &piece)) {
        ++refused;
        continue;
      }
      check_bounds(type, piece, has_base, kRoom);
      const uint64_t unit = piece.method == PieceMethod::bytes ? 1 : type.bytes;
      const Bytes base = test::any_elements(noise.random, type, piece.elements);
      Bytes values(piece.elements * unit);  // exactly, so that sanitizers see more
      const uint8_t* from = has_base ? base.data() : nullptr;
      const bool is_good = model->code(noise, type, piece, {}, from, values.data());
      (is_good ? decoded : refused) += 1;
    }
    CHECK(refused > 0);
    CHECK(decoded > 0);
  });
}

TEST_CASE("models: pinned, what ValueModel writes for fixed pieces") {
  test::PinCheck pins;
  for (size_t i = 0; i < std::size(test::kValueDtypes); ++i) {
    const Dtype dtype = test::kValueDtypes[i];
    const test::ModelPin& pin = test::kValuePins[i];
    REQUIRE(std::string(pin.input) == dtype_layout(dtype).name);
    const ValueType type = test::type_of(dtype);
    test::Random random(55);
    std::vector<MadePiece> pieces;
    for (int k = 0; k < 30; ++k) pieces.push_back(make_piece(random, type, true, 150));
    pins.add(pin, encode(type, true, pieces));
  }
  pins.finish();
}
