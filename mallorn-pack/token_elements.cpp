#include "mallorn-pack/token_elements.hpp"

#include <algorithm>
#include <array>

namespace mallorn::pack {
namespace {

template <typename Visit>
auto by_width(const TokenType& type, const Visit& visit) {
  switch (type.bytes) {
    case 1:
      return visit.template operator()<uint8_t>();
    case 2:
      return visit.template operator()<uint16_t>();
    default:
      return visit.template operator()<uint32_t>();
  }
}

// --- elements on their own

template <typename T>
TokenStreams top_bytes(const TokenSection& section) {
  TokenStreams streams;
  TokenList& list = streams.begin(kTopByteStream, section.elements());
  constexpr uint32_t kRawBits = 8 * sizeof(T) - 8;
  for (size_t i = 0; i < section.elements(); ++i) {
    const T bits = load_le<T>(section.result_at(i));
    const uint32_t number = sizeof(T) == 1 ? bits : rotate_sign_down(bits);
    list.add(0, static_cast<uint8_t>(number >> kRawBits));
    streams.raw.add(number & ((1u << kRawBits) - 1), kRawBits);
  }
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

template <typename T>
class Differences {
 public:
  explicit Differences(TokenSection* section)
      : section_(*section), type_(section->type()) {}

  TokenStreams run() {
    section_.choose_groups();
    constexpr int32_t kUsualLevel = 6;  // of integers, which have contexts for 8 levels
    if (type_.kind == TokenKind::floating) {
      choose_exponents(static_cast<int32_t>(top_exponent()));
    } else {
      section_.choose_levels(moves(), kUsualLevel, 8);
    }
    TokenStreams streams;
    section_.add_levels(&streams);
    TokenList& list = streams.begin(element_stream(type_), section_.moved_elements());
    for (size_t group = 0; group < section_.groups(); ++group) {
      if (section_.level(group) != 0) add_group(group, &list, &streams);
    }
    return streams;
  }

 private:
  T base(size_t i) const { return load_le<T>(section_.base_at(i)); }
  int32_t difference(size_t i) const {
    const T bits = load_le<T>(section_.result_at(i));
    return with_sign(
        static_cast<T>(to_number(type_.kind, bits) - to_number(type_.kind, base(i))));
  }
  uint64_t exponent(size_t i) const {
    return (base(i) & (type_.format.sign() - 1)) >> type_.format.mantissa_bits;
  }

  // An exponent that few are above.
  uint32_t top_exponent() const {
    std::array<size_t, 256> counts{};
    for (size_t i = 0; i < section_.elements(); ++i) ++counts[exponent(i)];
    size_t above = 0;
    uint32_t top = 255;
    while (top > 1 && above + counts[top] <= section_.elements() / 1024) {
      above += counts[top--];
    }
    return top;
  }

  // Training moves weights by absolute amounts: the bits of a difference, counted in units
  // of the last place, and the exponent have about the same sum in all of a group. What
  // counts is how that differs from group to group.
  void choose_exponents(int32_t top) {
    struct Sum {
      int64_t total = 0;
      int64_t count = 0;
    };
    std::vector<Sum> sums(section_.groups());
    Sum all;
    for (size_t i = 0; i < section_.elements(); ++i) {
      const uint32_t moved = magnitude_of(difference(i));
      if (moved < 2) continue;  // may be rounding
      const auto size = static_cast<int64_t>(size_class_of(moved) + 2 * exponent(i));
      Sum& sum = sums[section_.group_of(i)];
      sum.total += size;
      sum.count += 1;
    }
    for (const Sum& sum : sums) {
      all.total += sum.total;
      all.count += sum.count;
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

  // By how much the integers of each group move, in 2^-24.
  std::vector<uint64_t> moves() const {
    std::vector<uint64_t> all;
    for (size_t group = 0; group < section_.groups(); ++group) {
      uint64_t sum = 0;
      const size_t begin = section_.group_begin(group);
      for (size_t i = begin; i < begin + section_.group_size(group); ++i) {
        sum += uint64_t{magnitude_of(difference(i))} << 24;
      }
      all.push_back(sum);
    }
    return all;
  }

  void add_group(size_t group, TokenList* list, TokenStreams* streams) const {
    const uint32_t level = section_.level(group);
    const size_t begin = section_.group_begin(group);
    for (size_t i = begin; i < begin + section_.group_size(group); ++i) {
      const int32_t moved = difference(i);
      streams->add(
          type_.kind == TokenKind::floating ? float_token(moved) : integer_token(moved),
          element_context(type_, level, base(i)), list);
    }
  }

  TokenSection& section_;
  const TokenType& type_;
};

}  // namespace

TokenStreams direct_tokens(const TokenSection& section) {
  return by_width(section.type(), [&]<typename T>() {
    return section.type().kind == TokenKind::integer && sizeof(T) > 1
               ? direct_integers<T>(section)
               : top_bytes<T>(section);
  });
}

TokenStreams difference_tokens(TokenSection* section) {
  return by_width(section->type(),
                  [&]<typename T>() { return Differences<T>(section).run(); });
}

}  // namespace mallorn::pack
