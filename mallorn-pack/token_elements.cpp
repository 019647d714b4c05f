// What is known of an element is in arrays, and loops over those have no branches: that is
// what lets the compiler use vector instructions.
#include "mallorn-pack/token_elements.hpp"

#include <algorithm>
#include <array>
#include <type_traits>

#include "mallorn-pack/size_classes.hpp"

namespace mallorn::pack {
namespace {

template <typename Visit>
auto by_width(const TokenType& type, const Visit& visit) {
  const bool is_float = type.kind == TokenKind::floating;
  switch (type.bytes) {
    case 1:
      return visit.template operator()<uint8_t, TokenKind::integer>();
    case 2:
      return is_float ? visit.template operator()<uint16_t, TokenKind::floating>()
                      : visit.template operator()<uint16_t, TokenKind::integer>();
    default:
      return is_float ? visit.template operator()<uint32_t, TokenKind::floating>()
                      : visit.template operator()<uint32_t, TokenKind::integer>();
  }
}

template <typename T>
std::vector<T> load_all(ByteView bytes) {
  std::vector<T> numbers(bytes.size() / sizeof(T));
  load_run(numbers.data(), bytes.data(), numbers.size());
  return numbers;
}

// --- elements on their own

template <typename T>
TokenStreams top_bytes(const TokenSection& section) {
  TokenStreams streams;
  const size_t count = section.elements();
  uint16_t* const tokens = streams.begin(kTopByteStream, count).add(count);
  constexpr uint32_t kRawBits = 8 * sizeof(T) - 8;
  std::vector<T> numbers = load_all<T>(section.result());
  if (sizeof(T) > 1) {
    for (T& number : numbers) number = rotate_sign_down(number);
  }
  for (size_t i = 0; i < count; ++i) tokens[i] = placed(0, numbers[i] >> kRawBits);
  if (kRawBits == 0) return streams;
  streams.raw.add_each(count, [&](size_t i) {
    return RawBits{numbers[i] & ((1u << kRawBits) - 1), kRawBits};
  });
  return streams;
}

template <typename T>
TokenStreams direct_integers(const TokenSection& section) {
  TokenStreams streams;
  TokenList& list =
      streams.begin({1, element_stream(section.type()).tokens}, section.elements());
  for (size_t i = 0; i < section.elements(); ++i) {
    const T bits = load_le<T>(section.result_at(i));
    streams.add(integer_token(with_sign(bits)), 0, &list);
  }
  return streams;
}

// --- elements predicted

template <typename T, TokenKind kind>
class Differences {
 public:
  explicit Differences(TokenSection* section)
      : section_(*section),
        type_(section->type()),
        base_(load_all<T>(section->base())),
        moved_(load_all<T>(section->result())),
        classes_(moved_.size()) {
    for (size_t i = 0; i < moved_.size(); ++i) {
      moved_[i] = static_cast<T>(to_number(kind, moved_[i]) - to_number(kind, base_[i]));
    }
    find_size_classes(moved_.data(), moved_.size(), classes_.data());
  }

  TokenStreams run() {
    section_.choose_groups();
    constexpr int32_t kUsualLevel = 6;  // of integers, which have contexts for 8 levels
    if constexpr (kind == TokenKind::floating) {
      find_exponents();
      choose_exponents(static_cast<int32_t>(top_exponent()));
    } else {
      section_.choose_levels(moves(), kUsualLevel, 8);
    }
    TokenStreams streams;
    section_.add_levels(&streams);
    TokenList& list = streams.begin(element_stream(type_), section_.moved_elements());
    for (size_t group = 0; group < section_.groups(); ++group) {
      if (section_.level(group) != 0) add_group(group, &list, &streams.raw);
    }
    return streams;
  }

 private:
  // Of the base.
  void find_exponents() {
    const size_t count = base_.size();
    exponents_.resize(count);
    uint8_t* __restrict const exponents = exponents_.data();
    const T* const base = base_.data();
    const uint32_t down = type_.format.mantissa_bits;
    for (size_t i = 0; i < count; ++i) {
      exponents[i] = static_cast<uint8_t>(static_cast<T>(base[i] << 1) >> (down + 1));
    }
  }

  // An exponent that few are above.
  uint32_t top_exponent() const {
    constexpr size_t kLanes = 4;  // a count is late for its next use
    std::array<std::array<uint32_t, kLanes>, 256> counts{};
    for (size_t i = 0; i < exponents_.size(); ++i) ++counts[exponents_[i]][i % kLanes];
    size_t above = 0;
    for (uint32_t top = 255; top > 1; --top) {
      for (const uint32_t count : counts[top]) above += count;
      if (above > section_.elements() / 1024) return top;
    }
    return 1;
  }

  // Training moves weights by absolute amounts: the bits of a difference, counted in units
  // of the last place, and the exponent have about the same sum in all of a group. What
  // counts is how that differs from group to group.
  void choose_exponents(int32_t top) {
    std::vector<Sum> sums;
    Sum all;
    for (size_t group = 0; group < section_.groups(); ++group) {
      const Sum sum = sum_of(section_.group_begin(group), section_.group_size(group));
      all.total += sum.total;
      all.count += sum.count;
      sums.push_back(sum);
    }
    const int64_t usual = all.count == 0 ? 0 : 256 * all.total / all.count;
    constexpr int64_t kLeastCount = 8;
    for (size_t group = 0; group < section_.groups(); ++group) {
      if (section_.is_equal(section_.group_begin(group), section_.group_size(group))) {
        continue;
      }
      const Sum& sum = sums[group];
      const int64_t above =
          sum.count < kLeastCount ? 0 : (256 * sum.total / sum.count - usual + 256) >> 9;
      section_.set_level(group,
                         static_cast<uint8_t>(std::clamp<int64_t>(top + above, 1, 255)));
    }
  }

  struct Sum {
    int64_t total = 0;
    int64_t count = 0;
  };
  // Of size classes and exponents. What moves by one place may be rounding.
  Sum sum_of(size_t begin, size_t count) const {
    const uint8_t* const classes = classes_.data() + begin;
    const uint8_t* const exponents = exponents_.data() + begin;
    uint32_t total = 0;
    uint32_t counted = 0;
    for (size_t i = 0; i < count; ++i) {
      const uint32_t counts = classes[i] > 1 ? 1 : 0;
      total += (classes[i] + 2u * exponents[i]) & (0u - counts);
      counted += counts;
    }
    return {total, counted};
  }

  // By how much the integers of each group move, in 2^-24.
  std::vector<uint64_t> moves() const {
    using Total = std::conditional_t<sizeof(T) < 4, uint32_t, uint64_t>;
    std::vector<uint64_t> all;
    for (size_t group = 0; group < section_.groups(); ++group) {
      Total sum = 0;
      const T* const moved = moved_.data() + section_.group_begin(group);
      const size_t count = section_.group_size(group);
      for (size_t i = 0; i < count; ++i) sum += magnitude_of(with_sign(moved[i]));
      all.push_back(uint64_t{sum} << 24);
    }
    return all;
  }

  void add_group(size_t group, TokenList* list, RawBitWriter* raw) const {
    const size_t begin = section_.group_begin(group);
    const size_t count = section_.group_size(group);
    if constexpr (kind == TokenKind::floating) {
      add_floats(section_.level(group), begin, count, list->add(count));
      raw->add_each(count, [&](size_t i) { return raw_of_float(begin + i); });
    } else {
      add_integers(section_.level(group), begin, count, list->add(count));
      const uint8_t* const classes = classes_.data() + begin;
      uint8_t most = 0;
      for (size_t i = 0; i < count; ++i) most = std::max(most, classes[i]);
      if (most < kLeastWithRaw) return;
      for (size_t i = 0; i < count; ++i) {
        if (classes[i] < kLeastWithRaw) continue;
        const Token token = integer_token(with_sign(moved_[begin + i]));
        raw->add(token.raw, token.raw_bits);
      }
    }
  }

  void add_floats(uint32_t level, size_t begin, size_t count, uint16_t* tokens) const {
    const uint8_t* const exponents = exponents_.data() + begin;
    const uint8_t* const classes = classes_.data() + begin;
    for (size_t i = 0; i < count; ++i) {
      tokens[i] = placed(float_context(level, exponents[i]), classes[i]);
    }
  }
  RawBits raw_of_float(size_t i) const {
    const uint32_t size_class = classes_[i];
    const uint32_t bits = size_class == 1 ? 1 : size_class / 2;  // with the sign
    const int32_t moved = with_sign(moved_[i]);
    const uint32_t signed_low = magnitude_of(moved) << 1 | (moved < 0 ? 1u : 0u);
    return {signed_low & ((1u << bits) - 1), bits};
  }

  void add_integers(uint32_t level, size_t begin, size_t count, uint16_t* tokens) const {
    const T* const base = base_.data() + begin;
    const T* const moved = moved_.data() + begin;
    const uint8_t* const classes = classes_.data() + begin;
    const bool is_signed = type_.is_signed;
    for (size_t i = 0; i < count; ++i) {
      const bool is_edge =
          sizeof(T) == 1 && is_edge_byte(is_signed, static_cast<uint8_t>(base[i]));
      const uint32_t context = integer_context(level, is_edge);
      tokens[i] = placed(context, integer_symbol(classes[i], with_sign(moved[i]) < 0));
    }
  }

  TokenSection& section_;
  const TokenType& type_;
  std::vector<T> base_;
  std::vector<T> moved_;  // by how much each element misses that of the base
  std::vector<uint8_t> classes_;
  std::vector<uint8_t> exponents_;
};

}  // namespace

TokenStreams direct_tokens(const TokenSection& section) {
  return by_width(section.type(), [&]<typename T, TokenKind kind>() {
    return kind == TokenKind::integer && sizeof(T) > 1 ? direct_integers<T>(section)
                                                       : top_bytes<T>(section);
  });
}

TokenStreams difference_tokens(TokenSection* section) {
  return by_width(section->type(), [&]<typename T, TokenKind kind>() {
    return Differences<T, kind>(section).run();
  });
}

}  // namespace mallorn::pack
