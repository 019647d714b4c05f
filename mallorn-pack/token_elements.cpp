// What is known of an element is in arrays, and loops over those have no branches: that is
// what lets the compiler use vector instructions.
#include "mallorn-pack/token_elements.hpp"

#include <algorithm>
#include <array>
#include <memory>
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
        base_(section->base().data()),
        moved_(std::make_unique_for_overwrite<T[]>(section->elements())),
        classes_(std::make_unique_for_overwrite<uint8_t[]>(section->elements())) {
    const size_t count = section_.elements();
    T* __restrict const moved = moved_.get();
    const uint8_t* const result = section_.result().data();
    for (size_t i = 0; i < count; ++i) {
      const T to = load_le<T>(result + i * sizeof(T));
      moved[i] = static_cast<T>(to_number(kind, to) - to_number(kind, base_at(i)));
    }
    find_size_classes(moved, count, classes_.get());
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
  T base_at(size_t i) const { return load_le<T>(base_ + i * sizeof(T)); }

  // Of the base.
  void find_exponents() {
    const size_t count = section_.elements();
    exponents_ = std::make_unique_for_overwrite<uint8_t[]>(count);
    uint8_t* __restrict const exponents = exponents_.get();
    const uint32_t down = type_.format.mantissa_bits;
    for (size_t i = 0; i < count; ++i) {
      exponents[i] = static_cast<uint8_t>(static_cast<T>(base_at(i) << 1) >> (down + 1));
    }
  }

  // An exponent that few are above.
  uint32_t top_exponent() const {
    constexpr size_t kLanes = 4;  // a count is late for its next use
    std::array<std::array<uint32_t, kLanes>, 256> counts{};
    const size_t elements = section_.elements();
    for (size_t i = 0; i < elements; ++i) ++counts[exponents_[i]][i % kLanes];
    size_t above = 0;
    for (uint32_t top = 255; top > 1; --top) {
      for (const uint32_t count : counts[top]) above += count;
      if (above > elements / 1024) return top;
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
      if (section_.is_equal(group)) continue;
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
    const uint8_t* const classes = classes_.get() + begin;
    const uint8_t* const exponents = exponents_.get() + begin;
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
    // No group has more than 256 elements.
    using Total =
        std::conditional_t<sizeof(T) == 1, uint16_t,
                           std::conditional_t<sizeof(T) == 2, uint32_t, uint64_t>>;
    std::vector<uint64_t> all;
    for (size_t group = 0; group < section_.groups(); ++group) {
      Total sum = 0;
      const T* const moved = moved_.get() + section_.group_begin(group);
      const size_t count = section_.group_size(group);
      for (size_t i = 0; i < count; ++i)
        sum = static_cast<Total>(sum + static_cast<T>(magnitude_of(with_sign(moved[i]))));
      all.push_back(uint64_t{sum} << 24);
    }
    return all;
  }

  void add_group(size_t group, TokenList* list, RawBitWriter* raw) const {
    const size_t begin = section_.group_begin(group);
    const size_t count = section_.group_size(group);
    uint8_t most = 0;
    const uint8_t* const classes = classes_.get() + begin;
    for (size_t i = 0; i < count; ++i) most = std::max(most, classes[i]);
    if constexpr (kind == TokenKind::floating) {
      add_floats(section_.level(group), begin, count, list->add(count));
      add_raw_of_floats(begin, count, most, raw);
    } else {
      add_integers(section_.level(group), begin, count, list->add(count));
      if (most < kLeastWithRaw) return;
      for (size_t i = 0; i < count; ++i) {
        if (classes[i] < kLeastWithRaw) continue;
        const Token token = integer_token(with_sign(moved_[begin + i]));
        raw->add(token.raw, token.raw_bits);
      }
    }
  }

  void add_floats(uint32_t level, size_t begin, size_t count, uint16_t* tokens) const {
    const uint8_t* const exponents = exponents_.get() + begin;
    const uint8_t* const classes = classes_.get() + begin;
    for (size_t i = 0; i < count; ++i) {
      tokens[i] = placed(float_context(level, exponents[i]), classes[i]);
    }
  }

  // Those of several elements are joined first, where they are as few as nearly always:
  // each addition has to wait for the one before. `most` is the greatest of the classes.
  void add_raw_of_floats(size_t begin, size_t count, uint32_t most,
                         RawBitWriter* raw) const {
    constexpr size_t kJoined = sizeof(T) == 2 ? 4 : 2;
    constexpr uint32_t kMostBits = (64 - 8) / kJoined;
    std::array<uint32_t, kMaxGroup> low;
    std::array<uint32_t, kMaxGroup> bits;
    for (size_t i = 0; i < count; ++i) {
      const uint32_t size_class = classes_[begin + i];
      const int32_t moved = with_sign(moved_[begin + i]);
      const auto sign = static_cast<uint32_t>(moved >> 31);
      const uint32_t magnitude = (static_cast<uint32_t>(moved) ^ sign) - sign;
      bits[i] = size_class / 2 + (size_class == 1 ? 1 : 0);  // with the sign
      low[i] = (magnitude << 1 | (sign & 1)) & ((1u << bits[i]) - 1);
    }
    const size_t runs = most / 2 <= kMostBits ? count / kJoined : 0;
    raw->add_each(runs, [&](size_t run) {
      RawBits joined = {0, 0};
      for (size_t i = run * kJoined; i < (run + 1) * kJoined; ++i) {
        joined.bits |= uint64_t{low[i]} << joined.count;
        joined.count += bits[i];
      }
      return joined;
    });
    raw->add_each(count - runs * kJoined, [&](size_t i) {
      return RawBits{low[runs * kJoined + i], bits[runs * kJoined + i]};
    });
  }

  void add_integers(uint32_t level, size_t begin, size_t count, uint16_t* tokens) const {
    const T* const moved = moved_.get() + begin;
    const uint8_t* const classes = classes_.get() + begin;
    const bool is_signed = type_.is_signed;
    for (size_t i = 0; i < count; ++i) {
      const bool is_edge =
          sizeof(T) == 1 &&
          is_edge_byte(is_signed, static_cast<uint8_t>(base_at(begin + i)));
      const uint32_t context = integer_context(level, is_edge);
      tokens[i] = placed(context, integer_symbol(classes[i], with_sign(moved[i]) < 0));
    }
  }

  static constexpr size_t kMaxGroup = least_group(kind) << 3;

  TokenSection& section_;
  const TokenType& type_;
  const uint8_t* base_;
  std::unique_ptr<T[]> moved_;  // by how much each element misses that of the base
  std::unique_ptr<uint8_t[]> classes_;
  std::unique_ptr<uint8_t[]> exponents_;  // of floats
};

template <typename T, TokenKind kind>
MALLORN_WIDE TokenStreams wide_differences(TokenSection* section) {
  return Differences<T, kind>(section).run();
}

}  // namespace

TokenStreams direct_tokens(const TokenSection& section) {
  return by_width(section.type(), [&]<typename T, TokenKind kind>() {
    return kind == TokenKind::integer && sizeof(T) > 1 ? direct_integers<T>(section)
                                                       : top_bytes<T>(section);
  });
}

TokenStreams difference_tokens(TokenSection* section) {
  return by_width(section->type(), [&]<typename T, TokenKind kind>() {
    return section->instructions() == Instructions::wide
               ? wide_differences<T, kind>(section)
               : Differences<T, kind>(section).run();
  });
}

}  // namespace mallorn::pack
