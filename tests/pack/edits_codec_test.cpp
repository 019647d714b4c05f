// Codec 8: round trips for all dtypes, lengths and places, what it finds and what pack
// chooses it for, and what its decoder refuses.
#include "mallorn-pack/edits_codec.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>

#include "libcommon/core/edit_value.hpp"
#include "mallorn-apply/core/edits_decoder.hpp"
#include "mallorn-pack/edit_factor.hpp"
#include "mallorn-pack/edit_fit.hpp"
#include "tests/pack/coded_check.hpp"
#include "tests/support/chunks.hpp"
#include "tests/support/value_pairs.hpp"

using namespace mallorn;
using pack::SectionPart;
using test::Bytes;

namespace {

// Coded bytes, base and result each exactly as large as they say, so that sanitizers see
// what is read or written past them.
Status decode_edits(Dtype dtype, ByteView coded, ByteView base, ByteSpan result) {
  static const auto workspace = std::make_unique<apply::EditsWorkspace>();
  static const auto values = std::make_unique<ValueModel>();
  const Bytes exact_coded = test::exactly(coded);
  const Bytes exact_base = test::exactly(base);
  return apply::decode_edits(dtype, exact_coded, exact_base, workspace.get(), values.get(),
                             result);
}

// Empty if the encoder leaves it to others.
Bytes check_edits(Dtype dtype, const std::vector<SectionPart>& parts, ByteView base,
                  ByteView result) {
  if (pack::encode_edits(dtype, parts, base, result).empty()) return {};
  return test::check_coded([&] { return pack::encode_edits(dtype, parts, base, result); },
                           [&](ByteView coded, ByteSpan decoded) {
                             return decode_edits(dtype, coded, base, decoded);
                           },
                           result);
}

std::vector<SectionPart> matrix(ByteView result, uint64_t row, uint64_t first = 0) {
  return {{result.size(), {first, row, row, 0, 0}, {}}};
}

// Each element of `base` as `change` makes it from its bits.
template <typename Change>
Bytes changed(const ValueType& type, const Bytes& base, const Change& change) {
  Bytes result = base;
  for (size_t at = 0; at < base.size(); at += type.bytes) {
    store_edit(type, result.data() + at, change(load_edit(type, base.data() + at)));
  }
  return result;
}

// How far an element is from zero in the order of its type.
uint64_t size_of(const ValueType& type, uint64_t bits) {
  const int64_t order = edit_order(type, bits);
  if (type.kind == ValueKind::floating) return without_sign(order);
  const auto size = static_cast<uint64_t>(order);
  return order < 0 ? 0 - size : size;
}

uint64_t quantile(const ValueType& type, const Bytes& base, size_t part, size_t of) {
  std::vector<uint64_t> sizes;
  for (size_t at = 0; at < base.size(); at += type.bytes)
    sizes.push_back(size_of(type, load_edit(type, base.data() + at)));
  std::sort(sizes.begin(), sizes.end());
  return sizes[sizes.size() / of * part];
}

template <typename Visit>
void for_each_edits_type(const Visit& visit) {
  for (const Dtype dtype : test::kValueDtypes) {
    ValueType type;
    if (!value_type(dtype, &type)) continue;
    CAPTURE(std::string(dtype_layout(dtype).name));
    visit(dtype, type);
  }
}

}  // namespace

TEST_CASE("edits codec: elements of every kind come back, in any parts at any places") {
  test::Random random = test::seeded("edits codec");
  size_t coded = 0;
  for_each_edits_type([&](Dtype dtype, const ValueType& type) {
    for (int round = 0; round < test::rounds(40); ++round) {
      const size_t elements = 2 + random.below(round % 10 < 9 ? 700 : 9000);
      const Bytes base = test::any_elements(random, type, elements);
      const uint64_t special = load_edit(type, base.data());
      const uint64_t bound = quantile(type, base, random.below(10), 10);
      const uint64_t noise = random.below(40);
      const Bytes result = changed(type, base, [&](uint64_t bits) {
        const bool is_low = size_of(type, bits) < bound;
        if (random.chance(1 + noise)) return is_low ? bits : special;
        if (random.chance(1 + noise)) return bits ^ random.below(4);
        return is_low ? special : bits;
      });
      const size_t first = random.below(elements) * type.bytes;
      const uint64_t row = random.below(elements);
      const TensorPlace place = {random.below(1000), row, row, 3, -3};
      std::vector<SectionPart> parts = {{result.size() - first, place, {}}};
      if (first > 0) parts.push_back({first, {}, {}});
      coded += check_edits(dtype, parts, base, result).empty() ? 0u : 1u;
    }
  });
  CHECK(coded > static_cast<size_t>(test::rounds(200)));
}

TEST_CASE("edits codec: a pruned tensor costs what its bound does" *
          doctest::test_suite("figures")) {
  test::Random random = test::seeded("edits codec pruned");
  for_each_edits_type([&](Dtype dtype, const ValueType& type) {
    const Bytes base = test::bell_weights(random, type, 20000);
    for (const size_t tenths : {1, 5, 8}) {
      const uint64_t bound = quantile(type, base, tenths, 10);
      const Bytes pruned = changed(type, base, [&](uint64_t bits) {
        return size_of(type, bits) < bound ? 0 : bits;
      });
      const Bytes coded = check_edits(dtype, matrix(pruned, 100), base, pruned);
      CHECK(!coded.empty());
      CHECK(coded.size() < 96);
    }
  });
}

TEST_CASE("edits codec: clipped on both sides") {
  test::Random random = test::seeded("edits codec clipped");
  const ValueType type = value_type_of(Dtype::f32);
  const Bytes base = test::bell_weights(random, type, 20000);
  const uint64_t bound = quantile(type, base, 98, 100);
  const Bytes clipped = changed(type, base, [&](uint64_t bits) {
    return size_of(type, bits) > bound ? (bits & type.format.sign()) | bound : bits;
  });
  CHECK(check_edits(Dtype::f32, matrix(clipped, 100), base, clipped).size() < 96);
}

TEST_CASE("edits codec: one element in a thousand") {
  test::Random random = test::seeded("edits codec sparse");
  for_each_edits_type([&](Dtype dtype, const ValueType& type) {
    const size_t elements = 50000;
    const Bytes base = test::bell_weights(random, type, elements);
    size_t moved = 0;
    const Bytes result = changed(type, base, [&](uint64_t bits) {
      const bool moves = random.chance(1000);
      moved += moves ? 1u : 0u;
      return moves ? bits ^ 1 : bits;
    });
    const Bytes coded = check_edits(dtype, matrix(result, 250), base, result);
    CHECK(coded.size() < 2 * moved + 40);  // where, and what
  });
}

TEST_CASE(
    "edits codec: floats that were multiplied, by one factor or by one for each row") {
  test::Random random = test::seeded("edits codec factors");
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    CAPTURE(std::string(dtype_layout(dtype).name));
    const ValueType type = value_type_of(dtype);
    const Bytes base = test::bell_weights(random, type, 20000);
    for (const uint32_t factor : {0x3E99999Au, 0xBF8CCCCDu, 0x40000001u}) {
      const Bytes result = changed(
          type, base, [&](uint64_t bits) { return edit_product(type, bits, factor); });
      CHECK(check_edits(dtype, matrix(result, 200), base, result).size() < 64);
      // Multiplied, then pruned.
      const uint64_t bound = quantile(type, result, 1, 2);
      const Bytes pruned = changed(type, result, [&](uint64_t bits) {
        return size_of(type, bits) < bound ? 0 : bits;
      });
      CHECK(check_edits(dtype, matrix(pruned, 200), base, pruned).size() < 2000);
    }
    size_t i = 0;
    std::vector<uint32_t> factors(100);
    for (uint32_t& factor : factors)
      factor = static_cast<uint32_t>(0x3F000000 + random.below(1 << 24)) |
               (random.chance(2) ? kF32Sign : 0);
    const Bytes result = changed(type, base, [&](uint64_t bits) {
      return edit_product(type, bits, factors[i++ / 200]);
    });
    // Begun within a row, too.
    const size_t from = 70 * type.bytes;
    CHECK(check_edits(dtype, matrix(result, 200), base, result).size() < 100 * 6);
    const Bytes base_left(base.begin() + from, base.end());
    const Bytes left(result.begin() + from, result.end());
    CHECK(check_edits(dtype, matrix(left, 200, 70), base_left, left).size() < 100 * 6);
  }
}

TEST_CASE("edits codec: what is trained on, or has nothing in common, is left to others") {
  test::Random random = test::seeded("edits codec others");
  for_each_edits_type([&](Dtype dtype, const ValueType& type) {
    const Bytes base = test::bell_weights(random, type, 20000);
    const Bytes other = test::bell_weights(random, type, 20000);
    CHECK(pack::encode_edits(dtype, matrix(other, 100), base, other).empty());
    if (type.kind != ValueKind::floating) return;
    const Bytes moved = test::moved(random, type, base, 1000);
    CHECK(pack::encode_edits(dtype, matrix(moved, 100), base, moved).empty());
  });
}

TEST_CASE("edits codec: a quick look sees what was pruned or multiplied, not what moved") {
  test::Random random = test::seeded("edits codec look");
  for_each_edits_type([&](Dtype dtype, const ValueType& type) {
    const Bytes base = test::bell_weights(random, type, 20000);
    const auto follows = [&](const Bytes& result) {
      return pack::may_follow(dtype, matrix(result, 100), base, result);
    };
    const auto with_some = [&](const auto& change) {
      return changed(type, base, [&](uint64_t bits) {
        return random.chance(20) ? change(bits) : bits;
      });
    };
    const auto pruned = [](uint64_t) { return uint64_t{0}; };
    const auto moved = [](uint64_t bits) { return bits ^ 1; };
    CHECK(follows(with_some(pruned)));
    CHECK(!follows(with_some(moved)));
    CHECK(follows(with_some([&](uint64_t bits) {  // a tenth of them
      return random.chance(10) ? pruned(bits) : moved(bits);
    })));
    if (!has_factors(type)) return;
    CHECK(follows(changed(
        type, base, [&](uint64_t bits) { return edit_product(type, bits, 0x3E99999A); })));
  });
  const Bytes bytes(64, 1);
  CHECK(!pack::may_follow(Dtype::i4, {{64, {}, {}}}, bytes, bytes));
}

TEST_CASE(
    "edits codec: blocks of which nothing but scales has changed, or codes are zero") {
  test::Random random = test::seeded("edits codec blocks");
  const size_t block = dtype_layout(Dtype::q8_0).block_bytes;
  Bytes base = random.bytes(700 * block);
  for (size_t at = 0; at < base.size(); at += block) base[at + 1] = 0x20;
  Bytes scaled = base;
  for (size_t at = 0; at < base.size(); at += block) scaled[at + 1] = 0x24;
  CHECK(check_edits(Dtype::q8_0, {{base.size(), {0, 320, 320, 0, 0}, {}}}, base, scaled)
            .size() < 400);
  Bytes pruned = base;
  for (size_t i = 0; i < base.size(); ++i)
    if (i % block > 1 && std::abs(static_cast<int8_t>(base[i])) < 50) pruned[i] = 0;
  CHECK(check_edits(Dtype::q8_0, matrix(pruned, 320), base, pruned).size() < 1000);
}

TEST_CASE("edits codec: dtypes without values, and parts of elements") {
  const Bytes bytes(64, 1);
  CHECK(pack::encode_edits(Dtype::i4, {{64, {}, {}}}, bytes, bytes).empty());
  CHECK(pack::encode_edits(Dtype::f32, {{62, {}, {}}, {2, {}, {}}}, bytes, bytes).empty());
  Bytes result(64);
  CHECK(decode_edits(Dtype::opaque, {}, bytes, result) == Status::corrupt_data);
  CHECK(decode_edits(Dtype::i4, {}, bytes, result) == Status::corrupt_data);
}

TEST_CASE("edits codec: damage is refused, or decodes to something") {
  test::Random random = test::seeded("edits codec damage");
  const ValueType type = value_type_of(Dtype::f16);
  const Bytes base = test::bell_weights(random, type, 900);
  const uint64_t bound = quantile(type, base, 1, 2);
  const Bytes pruned = changed(type, base, [&](uint64_t bits) {
    if (random.chance(20)) return bits ^ 3;
    return size_of(type, bits) < bound ? 0 : bits;
  });
  const Bytes coded = check_edits(Dtype::f16, matrix(pruned, 30), base, pruned);
  REQUIRE(!coded.empty());
  Bytes result(pruned.size());
  for (size_t length = 0; length + 8 < coded.size(); ++length) {
    const Status status =
        decode_edits(Dtype::f16, ByteView(coded).first(length), base, result);
    CHECK((status == Status::corrupt_data || status == Status::ok));
  }
  CHECK(decode_edits(Dtype::f16, coded, ByteView(base).first(base.size() - 2), result) ==
        Status::corrupt_data);
  CHECK(decode_edits(Dtype::f16, coded, {}, result) == Status::corrupt_data);
  for (int round = 0; round < 500; ++round) {
    const Bytes damaged = random.changed(coded, 60);
    const Status status = decode_edits(Dtype::f16, damaged, base, result);
    CHECK((status == Status::corrupt_data || status == Status::ok));
  }
}
