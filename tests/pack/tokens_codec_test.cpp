// Codec 6: round trips for all dtypes and lengths, by every implementation of its kernels;
// what its decoder refuses; what pack chooses it for.
#include "mallorn-pack/tokens_codec.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "mallorn-apply/core/tokens_decoder.hpp"
#include "mallorn-apply/fast_tokens.hpp"
#include "mallorn-pack/chunk_encoder.hpp"
#include "tests/pack/coded_check.hpp"
#include "tests/support/chunks.hpp"
#include "tests/support/quant_blocks.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

Status decode_by(const apply::TokenKernels& kernels, Dtype dtype, ByteView coded,
                 ByteView base, ByteSpan result) {
  static const auto space = std::make_unique<apply::TokensWorkspace>();
  return apply::decode_tokens(dtype, coded, base, kernels, space.get(), result);
}

// Coded bytes, base and result each exactly as large as they say, so that sanitizers see
// what is read or written past them. All implementations do the same.
Status decode_tokens(Dtype dtype, ByteView coded, ByteView base, ByteSpan result) {
  const Bytes exact_coded = test::exactly(coded);
  const Bytes exact_base = test::exactly(base);
  const Status status =
      decode_by(apply::portable_kernels(), dtype, exact_coded, exact_base, result);
  Bytes fast(result.size(), 0x5A);
  REQUIRE(decode_by(apply::fast_kernels(), dtype, exact_coded, exact_base, fast) == status);
  if (status == Status::ok) REQUIRE(fast == Bytes(result.begin(), result.end()));
  return status;
}

// Coded with all instructions that there are, which make the same bytes.
Bytes encode_tokens(Dtype dtype, ByteView base, ByteView result) {
  const Bytes coded = pack::encode_tokens(dtype, base, result, pack::Instructions::common);
  REQUIRE(pack::encode_tokens(dtype, base, result) == coded);
  return coded;
}

Bytes check_tokens(Dtype dtype, ByteView base, ByteView result) {
  return test::check_coded([&] { return encode_tokens(dtype, base, result); },
                           [&](ByteView coded, ByteSpan decoded) {
                             return decode_tokens(dtype, coded, base, decoded);
                           },
                           result);
}

// Calls visit(dtype, type) for every dtype that the codec takes.
template <typename Visit>
void for_each_tokens_type(const Visit& visit) {
  const DtypeTable table = dtype_table();
  size_t count = 0;
  for (size_t i = 0; i < table.count; ++i) {
    TokenType type;
    if (!token_type(table.entries[i].dtype, &type)) continue;
    CAPTURE(std::string(table.entries[i].name));
    visit(table.entries[i].dtype, type);
    ++count;
  }
  CHECK(count == 19);
}

// Elements that all resemble one another, as those of tensors do, and most of them a little
// moved.
test::SectionPair related(test::Random& random, Dtype dtype, const TokenType& type,
                          size_t elements) {
  elements = std::min(elements, kMaxTokenBytes / type.bytes);
  if (type.kind == TokenKind::blocks)
    return test::make_related_sections(random, dtype, elements);
  test::SectionPair pair;
  pair.base = random.bytes(elements * type.bytes);
  for (size_t i = type.bytes - 1; i < pair.base.size(); i += type.bytes) {
    // The highest byte: a float near one.
    if (type.bytes > 1) pair.base[i] = static_cast<uint8_t>(0x3C + random.below(2));
  }
  pair.result = pair.base;
  for (size_t i = 0; i < pair.result.size(); i += type.bytes) {
    pair.result[i] = static_cast<uint8_t>(pair.result[i] + random.below(3));
  }
  return pair;
}

}  // namespace

TEST_CASE("tokens codec: every number has a token, and comes back from it") {
  const auto check = [](int32_t number) {
    const Token integer = integer_token(number);
    const Magnitudes shared = magnitudes_of((integer.symbol + 1u) / 2);
    REQUIRE(shared.raw_bits == integer.raw_bits);
    REQUIRE(integer.raw < uint64_t{1} << integer.raw_bits);
    REQUIRE(shared.least + integer.raw == magnitude_of(number));
    REQUIRE((number == 0 || (integer.symbol % 2 == 0) == (number < 0)));
    const Token floating = float_token(number);
    if (number == 0) {
      REQUIRE((floating.symbol == 0 && floating.raw_bits == 0));
    } else {
      REQUIRE(magnitudes_of(floating.symbol).least + (floating.raw >> 1) ==
              magnitude_of(number));
      REQUIRE((floating.raw & 1) == (number < 0 ? 1 : 0));
    }
  };
  for (int32_t number = -70000; number <= 70000; ++number) check(number);
  for (int bit = 17; bit < 32; ++bit) {
    for (const int64_t near : {-1, 0, 1}) {
      for (const int64_t sign : {-1, 1}) {
        check(static_cast<int32_t>(sign * (int64_t{1} << bit) + near));
      }
    }
  }
}

TEST_CASE("tokens codec: round trips of every dtype and length") {
  test::Random random = test::seeded("tokens codec");
  const uint64_t most = test::kIsSanitized ? 250 : 30;  // bytes from one length to the next
  for_each_tokens_type([&](Dtype dtype, const TokenType& type) {
    for (size_t size = type.bytes; size < type.bytes + 300;
         size += 1 + random.below(most)) {
      const Bytes base = random.bytes(size);
      check_tokens(dtype, base, random.bytes(size));
      check_tokens(dtype, base, random.changed(base, 1 + random.below(300)));
      check_tokens(dtype, base, base);
      if (type.kind != TokenKind::blocks) check_tokens(dtype, {}, random.text(size));
    }
    for (const size_t elements : {test::kIsSanitized ? 700u : 9001u, 2000u}) {
      const test::SectionPair pair = related(random, dtype, type, elements);
      check_tokens(dtype, pair.base, pair.result);
    }
  });
}

TEST_CASE("tokens codec: the largest section there is") {
  test::Random random(51);
  for (const Dtype dtype : {Dtype::u8, Dtype::f32, Dtype::q4_0, Dtype::q2_k}) {
    const Bytes base = random.bytes(kMaxTokenBytes);
    Bytes result = base;
    for (size_t i = 0; i < result.size(); i += 1 + random.below(1000)) ++result[i];
    check_tokens(dtype, base, result);
    result.push_back(1);
    CHECK(pack::encode_tokens(dtype, result, result).empty());
    CHECK(decode_tokens(dtype, random.bytes(300), result, result) == Status::corrupt_data);
  }
}

TEST_CASE("tokens codec: what resembles the base is small, what does not is hardly larger" *
          doctest::test_suite("figures")) {
  test::Random random(52);
  for_each_tokens_type([&](Dtype dtype, const TokenType& type) {
    const test::SectionPair pair = related(random, dtype, type, 20000);
    const Bytes coded = check_tokens(dtype, pair.base, pair.result);
    CHECK(coded.size() < pair.result.size() * 2 / 5);
    CHECK(check_tokens(dtype, pair.base, pair.base).size() < 200);
    const Bytes noise = random.bytes(pair.result.size());
    CHECK(check_tokens(dtype, pair.base, noise).size() < noise.size() * 4 / 3);
  });
}

TEST_CASE("tokens codec: blocks with every extreme") {
  test::Random random(53);
  for (const Dtype dtype : test::kGridDtypes) {
    TokenType type;
    if (!token_type(dtype, &type)) continue;
    const test::SectionPair pair = test::make_section_pair(random, dtype, 300);
    check_tokens(dtype, pair.base, pair.result);
  }
}

TEST_CASE("tokens codec: refuses dtypes it does not take, and a base of another length") {
  test::Random random(54);
  const DtypeTable table = dtype_table();
  for (size_t i = 0; i < table.count; ++i) {
    CAPTURE(std::string(table.entries[i].name));
    const Dtype dtype = table.entries[i].dtype;
    TokenType type;
    const bool is_taken = token_type(dtype, &type);
    const Bytes base = random.bytes(3 * table.entries[i].block_bytes);
    const Bytes coded = pack::encode_tokens(dtype, base, base);
    CHECK(coded.empty() != is_taken);
    Bytes result(base.size());
    const Status expected = is_taken ? Status::ok : Status::corrupt_data;
    CHECK(decode_tokens(dtype, coded, base, result) == expected);
    CHECK(decode_tokens(dtype, coded, {}, result) == Status::corrupt_data);
    CHECK(decode_tokens(dtype, coded, ByteView(base).first(1), result) ==
          Status::corrupt_data);
    CHECK(decode_tokens(dtype, {}, base, result) == Status::corrupt_data);
    CHECK(decode_tokens(dtype, coded, {}, {}) == Status::corrupt_data);
  }
}

TEST_CASE("tokens codec: coded bytes that are cut, or go on, are refused") {
  test::Random random(55);
  for_each_tokens_type([&](Dtype dtype, const TokenType& type) {
    const test::SectionPair pair = related(random, dtype, type, 80);
    Bytes coded = pack::encode_tokens(dtype, pair.base, pair.result);
    Bytes result(pair.result.size());
    for (size_t size = 0; size < coded.size(); size += 1 + size / 100) {
      CAPTURE(size);
      REQUIRE(decode_tokens(dtype, ByteView(coded).first(size), pair.base, result) ==
              Status::corrupt_data);
    }
    coded.push_back(0);
    CHECK(decode_tokens(dtype, coded, pair.base, result) == Status::corrupt_data);
  });
}

TEST_CASE("tokens codec: damage is refused, or decodes alike everywhere") {
  test::Random random = test::seeded("tokens codec, damaged");
  for_each_tokens_type([&](Dtype dtype, const TokenType& type) {
    const test::SectionPair pair = related(random, dtype, type, 400);
    const Bytes coded = pack::encode_tokens(dtype, pair.base, pair.result);
    for (int i = 0; i < test::rounds(200); ++i) {
      Bytes damaged = coded;
      const size_t at = random.chance(2) ? random.below(std::min<size_t>(coded.size(), 40))
                                         : random.below(coded.size());
      damaged[at] = static_cast<uint8_t>(damaged[at] ^ 1u << random.below(8));
      Bytes result(pair.result.size());
      const Status status = decode_tokens(dtype, damaged, pair.base, result);
      REQUIRE((status == Status::ok || status == Status::corrupt_data));
    }
  });
}

TEST_CASE("tokens codec: pack chooses it for long sections at fast levels alone") {
  test::Random random(56);
  TokenType type;
  REQUIRE(token_type(Dtype::bf16, &type));
  const test::SectionPair pair = related(random, Dtype::bf16, type, 50000);
  test::MadeChunk chunk;
  chunk.base = pair.base;
  chunk.result = pair.result;
  Step step;
  step.kind = StepKind::predict;
  step.dtype = Dtype::bf16;
  step.result_bytes = pair.result.size();
  chunk.steps.push_back(step);
  const auto codec_at = [&](int level) {
    const Bytes record =
        pack::encode_chunk(chunk.input(false), chunk.base.size(), {level}).record;
    const auto view = std::make_unique<ChunkView>();
    REQUIRE(read_chunk(ByteView(record).subspan(1), view.get()) == Status::ok);
    REQUIRE(view->header.section_count == 1);
    return view->header.sections[0].codec;
  };
  CHECK(codec_at(1) == CodecId::tokens);
  CHECK(codec_at(3) == CodecId::tokens);
  CHECK(codec_at(4) != CodecId::tokens);
}
