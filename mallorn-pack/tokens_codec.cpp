#include "mallorn-pack/tokens_codec.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "libcommon/core/block_fields.hpp"
#include "libcommon/log2.hpp"
#include "mallorn-pack/append_varint.hpp"
#include "mallorn-pack/token_writer.hpp"

namespace mallorn::pack {
namespace {

// How the groups of a section move.
struct Levels {
  uint32_t shift = 0;           // groups have 2^shift times the least_group()
  uint32_t group = 1;           // elements, or blocks
  std::vector<uint8_t> levels;  // of each group

  // That of all groups, or 0.
  uint32_t common() const {
    const bool is_common = std::all_of(levels.begin(), levels.end(),
                                       [&](uint8_t level) { return level == levels[0]; });
    return is_common ? levels[0] : 0;
  }
};

// All that is written of a section but its head.
struct Streams {
  std::vector<TokenList> lists;
  RawBitWriter raw;

  TokenList& begin(const TokenStream& stream, size_t count) {
    return lists.emplace_back(stream, count);
  }
  uint64_t cost() const {
    uint64_t bits = raw.bits();
    for (const TokenList& list : lists) bits += list.cost();
    return bits;
  }
};

class Encoder {
 public:
  Encoder(Dtype dtype, const TokenType& type, ByteView base, ByteView result)
      : dtype_(dtype),
        type_(type),
        base_(base),
        result_(result),
        elements_(result.size() / type.bytes) {}

  std::vector<uint8_t> run() {
    TokenMethod method = TokenMethod::direct;
    Streams streams;
    if (!base_.empty()) {
      method = TokenMethod::predicted;
      streams = predicted();
    }
    // Nothing that resembles the base is smaller on its own.
    if (type_.kind != TokenKind::blocks &&
        (base_.empty() || streams.cost() > 4 * result_.size())) {
      Streams alone = direct();
      if (base_.empty() || alone.cost() < streams.cost()) {
        method = TokenMethod::direct;
        streams = std::move(alone);
      }
    }
    return write(method, std::move(streams));
  }

 private:
  std::vector<uint8_t> write(TokenMethod method, Streams streams) {
    std::vector<uint8_t> head;
    RangeEncoder coder(head);
    TokenHead model;
    model.code_method(coder, method);
    for (const uint8_t byte : result_.last(result_.size() % type_.bytes)) {
      model.code_byte(coder, byte);
    }
    if (method == TokenMethod::predicted) {
      model.code_group(coder, least_group(type_.kind), levels_.shift);
      model.code_level(coder, levels_.common());
    }
    std::vector<std::vector<Frequencies>> frequencies;
    for (const TokenList& list : streams.lists) {
      frequencies.push_back(list.frequencies());
      for (Frequencies& context : frequencies.back()) {
        (void)model.code_frequencies(coder, list.stream().tokens, &context);
      }
    }
    coder.finish();
    const std::vector<uint8_t> tokens = write_tokens(streams.lists, frequencies);
    std::vector<uint8_t> coded;
    append_varint(head.size(), &coded);
    append_varint(tokens.size(), &coded);
    append(head, &coded);
    append(tokens, &coded);
    append(streams.raw.finish(), &coded);
    return coded;
  }

  static void append(const std::vector<uint8_t>& bytes, std::vector<uint8_t>* to) {
    to->insert(to->end(), bytes.begin(), bytes.end());
  }

  template <typename Visit>
  auto by_width(const Visit& visit) {
    switch (type_.bytes) {
      case 1:
        return visit.template operator()<uint8_t>();
      case 2:
        return visit.template operator()<uint16_t>();
      default:
        return visit.template operator()<uint32_t>();
    }
  }

  // --- elements on their own

  Streams direct() {
    return by_width([this]<typename T>() {
      return type_.kind == TokenKind::integer && sizeof(T) > 1 ? direct_integers<T>()
                                                               : top_bytes<T>();
    });
  }

  template <typename T>
  Streams top_bytes() {
    Streams streams;
    TokenList& list = streams.begin(kTopByteStream, elements_);
    constexpr uint32_t kRawBits = 8 * sizeof(T) - 8;
    for (size_t i = 0; i < elements_; ++i) {
      const T bits = load_le<T>(result_.data() + i * sizeof(T));
      const uint32_t number = sizeof(T) == 1 ? bits : rotate_sign_down(bits);
      list.add(0, static_cast<uint8_t>(number >> kRawBits));
      streams.raw.add(number & ((1u << kRawBits) - 1), kRawBits);
    }
    return streams;
  }

  template <typename T>
  Streams direct_integers() {
    Streams streams;
    TokenList& list = streams.begin({1, element_stream(type_).tokens}, elements_);
    for (size_t i = 0; i < elements_; ++i) {
      const T bits = load_le<T>(result_.data() + i * sizeof(T));
      add(integer_token(with_sign(bits)), 0, &list, &streams.raw);
    }
    return streams;
  }

  template <typename T>
  static int32_t with_sign(T bits) {
    return static_cast<std::make_signed_t<T>>(bits);
  }

  static void add(const Token& token, uint8_t context, TokenList* list, RawBitWriter* raw) {
    list->add(context, token.symbol);
    raw->add(token.raw, token.raw_bits);
  }

  // --- elements predicted

  Streams predicted() {
    if (type_.kind == TokenKind::blocks) return blocks();
    return by_width([this]<typename T>() { return differences<T>(); });
  }

  bool is_equal(size_t at, size_t count) const {
    return std::memcmp(base_.data() + at * type_.bytes, result_.data() + at * type_.bytes,
                       count * type_.bytes) == 0;
  }

  size_t group_size(size_t unit) const {
    return std::min<size_t>(elements_ - unit * levels_.group, levels_.group);
  }

  // Small groups where most do not move, of 256 elements otherwise.
  static constexpr uint32_t kShift = 2;
  void choose_groups() {
    const uint32_t least = least_group(type_.kind);
    const auto set = [&](uint32_t shift) {
      levels_.shift = shift;
      levels_.group = least << shift;
      levels_.levels.assign((elements_ + levels_.group - 1) / levels_.group, 0);
    };
    set(0);
    size_t equal = 0;
    for (size_t unit = 0; unit < levels_.levels.size(); ++unit) {
      equal += is_equal(unit * levels_.group, group_size(unit)) ? 1 : 0;
    }
    const bool is_sparse = equal > levels_.levels.size() / 2;
    const bool is_large = type_.kind == TokenKind::blocks && type_.bytes > 64;
    if (!is_sparse && !is_large) set(kShift);
  }

  // Gives each group a level, `usual` for one that moves as much as groups do on average
  // and one more for twice as much; 0 for those that do not move. `moves` is by how much
  // the elements of each group move.
  void choose_levels(const std::vector<uint64_t>& moves, int32_t usual, int32_t most) {
    uint64_t all = 0;
    for (const uint64_t each : moves) all += each;
    const auto average = static_cast<int64_t>(log2_1024(std::max<uint64_t>(all, 1))) -
                         static_cast<int64_t>(log2_1024(elements_));
    for (size_t unit = 0; unit < levels_.levels.size(); ++unit) {
      if (is_equal(unit * levels_.group, group_size(unit))) continue;
      const auto mine =
          static_cast<int64_t>(log2_1024(std::max<uint64_t>(moves[unit], 1))) -
          static_cast<int64_t>(log2_1024(group_size(unit)));
      const auto above = static_cast<int32_t>((mine - average + 512) >> 10);
      levels_.levels[unit] = static_cast<uint8_t>(std::clamp(usual + above, 1, most));
    }
  }

  void add_levels(Streams* streams) const {
    if (levels_.common() != 0) return;
    TokenList& list = streams->begin(kLevelStream, levels_.levels.size());
    for (const uint8_t level : levels_.levels) list.add(0, level);
  }

  size_t moved_elements() const {
    size_t count = 0;
    for (size_t unit = 0; unit < levels_.levels.size(); ++unit) {
      if (levels_.levels[unit] != 0) count += group_size(unit);
    }
    return count;
  }

  // An exponent that few are above.
  template <typename T>
  uint32_t top_exponent() const {
    std::array<size_t, 256> counts{};
    for (size_t i = 0; i < elements_; ++i) {
      const T bits = load_le<T>(base_.data() + i * sizeof(T));
      const uint64_t magnitude = bits & (type_.format.sign() - 1);
      ++counts[static_cast<size_t>(magnitude >> type_.format.mantissa_bits)];
    }
    size_t above = 0;
    uint32_t exponent = 255;
    while (exponent > 1 && above + counts[exponent] <= elements_ / 1024) {
      above += counts[exponent--];
    }
    return exponent;
  }

  template <typename T>
  Streams differences() {
    choose_groups();
    constexpr int32_t kUsualLevel = 6;  // of integers, which have contexts for 8 levels
    if (type_.kind == TokenKind::floating) {
      const uint32_t top = top_exponent<T>();
      choose_exponents<T>(static_cast<int32_t>(top));
    } else {
      choose_levels(moves<T>(0), kUsualLevel, 8);
    }
    Streams streams;
    add_levels(&streams);
    TokenList& list = streams.begin(element_stream(type_), moved_elements());
    for (size_t unit = 0; unit < levels_.levels.size(); ++unit) {
      const uint32_t level = levels_.levels[unit];
      if (level == 0) continue;
      const size_t at = unit * levels_.group;
      add_group<T>(level, at, at + group_size(unit), &list, &streams.raw);
    }
    return streams;
  }

  template <typename T>
  int32_t difference(T from, T bits) const {
    return with_sign(
        static_cast<T>(to_number(type_.kind, bits) - to_number(type_.kind, from)));
  }

  // Training moves weights by absolute amounts: the bits of a difference, counted in units
  // of the last place, and the exponent have about the same sum in all of a group. What
  // counts is how that differs from group to group.
  template <typename T>
  void choose_exponents(int32_t top) {
    struct Sum {
      int64_t total = 0;
      int64_t count = 0;
    };
    std::vector<Sum> sums(levels_.levels.size());
    Sum all;
    for (size_t i = 0; i < elements_; ++i) {
      const T from = load_le<T>(base_.data() + i * sizeof(T));
      const T bits = load_le<T>(result_.data() + i * sizeof(T));
      const uint32_t moved = magnitude_of(difference(from, bits));
      if (moved < 2) continue;  // may be rounding
      const uint64_t exponent =
          (from & (type_.format.sign() - 1)) >> type_.format.mantissa_bits;
      const auto size = static_cast<int64_t>(size_class_of(moved) + 2 * exponent);
      Sum& sum = sums[i / levels_.group];
      sum.total += size;
      sum.count += 1;
    }
    for (const Sum& sum : sums) {
      all.total += sum.total;
      all.count += sum.count;
    }
    const int64_t usual = all.count == 0 ? 0 : 256 * all.total / all.count;
    constexpr int64_t kLeastCount = 8;
    for (size_t unit = 0; unit < levels_.levels.size(); ++unit) {
      if (is_equal(unit * levels_.group, group_size(unit))) continue;
      const Sum& sum = sums[unit];
      const int64_t above =
          sum.count < kLeastCount ? 0 : (256 * sum.total / sum.count - usual + 256) >> 9;
      levels_.levels[unit] = static_cast<uint8_t>(std::clamp<int64_t>(top + above, 1, 255));
    }
  }

  // By how much the elements of each group move; those of floats in units that all share.
  template <typename T>
  std::vector<uint64_t> moves(uint32_t top) const {
    constexpr uint32_t kUnitBits = 24;
    std::vector<uint64_t> all;
    for (size_t unit = 0; unit < levels_.levels.size(); ++unit) {
      uint64_t sum = 0;
      const size_t begin = unit * levels_.group;
      for (size_t i = begin; i < begin + group_size(unit); ++i) {
        const T from = load_le<T>(base_.data() + i * sizeof(T));
        const T bits = load_le<T>(result_.data() + i * sizeof(T));
        const uint64_t moved = uint64_t{magnitude_of(difference(from, bits))} << kUnitBits;
        if (type_.kind == TokenKind::floating) {
          const auto exponent = static_cast<uint32_t>((from & (type_.format.sign() - 1)) >>
                                                      type_.format.mantissa_bits);
          sum += exponent >= top ? moved : moved >> std::min(top - exponent, 63u);
        } else {
          sum += moved;
        }
      }
      all.push_back(sum);
    }
    return all;
  }

  template <typename T>
  void add_group(uint32_t level, size_t begin, size_t end, TokenList* list,
                 RawBitWriter* raw) const {
    for (size_t i = begin; i < end; ++i) {
      const T from = load_le<T>(base_.data() + i * sizeof(T));
      const T bits = load_le<T>(result_.data() + i * sizeof(T));
      const int32_t moved = difference(from, bits);
      add(type_.kind == TokenKind::floating ? float_token(moved) : integer_token(moved),
          element_context(type_, level, from), list, raw);
    }
  }

  // --- blocks

  // A number of a block, and how it was predicted.
  struct Guessed {
    int16_t missed;
    uint8_t context;
  };

  Streams blocks() {
    const QuantPlaces places(dtype_);
    const QuantGrid& grid = places.grid();
    const size_t block_codes = size_t{grid.groups} * grid.group_codes;
    choose_groups();
    const std::vector<Guessed> codes = guess_all_codes(places);
    constexpr int32_t kUsualLevel = 3;  // there are contexts for 4 levels
    choose_levels(moves(codes, block_codes), kUsualLevel, 4);
    Streams streams;
    add_levels(&streams);
    add_halves(places.scale_offset(), &streams);
    if (grid.start != Start::none) add_halves(places.minimum_offset(), &streams);
    if (grid.group_scales.high != 0) add_block_groups(places, &streams);
    TokenList& list = streams.begin(kCodeStream, block_codes * moved_elements());
    for_each_moved([&](size_t block, uint32_t level) {
      for (size_t i = block * block_codes; i < (block + 1) * block_codes; ++i) {
        add(integer_token(codes[i].missed),
            static_cast<uint8_t>(codes[i].context + level_contexts(level)), &list,
            &streams.raw);
      }
    });
    return streams;
  }

  // Calls visit(block, level) for every block that moves.
  template <typename Visit>
  void for_each_moved(const Visit& visit) const {
    for (size_t block = 0; block < elements_; ++block) {
      const uint32_t level = levels_.levels[block / levels_.group];
      if (level != 0) visit(block, level);
    }
  }

  const uint8_t* base_block(size_t block) const {
    return base_.data() + block * type_.bytes;
  }
  const uint8_t* result_block(size_t block) const {
    return result_.data() + block * type_.bytes;
  }

  void add_halves(uint32_t offset, Streams* streams) const {
    TokenList& list = streams->begin(kHalfStream, moved_elements());
    for_each_moved([&](size_t block, uint32_t) {
      const uint16_t from = monotone(load_le<uint16_t>(base_block(block) + offset));
      const uint16_t to = monotone(load_le<uint16_t>(result_block(block) + offset));
      add(float_token(with_sign(static_cast<uint16_t>(to - from))), 0, &list,
          &streams->raw);
    });
  }

  void add_block_groups(const QuantPlaces& places, Streams* streams) const {
    const QuantGrid& grid = places.grid();
    const size_t count = group_numbers(grid);
    TokenList& list = streams->begin(kGroupStream, count * moved_elements());
    QuantBlock from;
    QuantBlock to;
    std::array<int16_t, 2 * kMaxBlockGroups> numbers;
    std::array<int16_t, 2 * kMaxBlockGroups> steps;
    std::array<uint8_t, 2 * kMaxBlockGroups> contexts;
    for_each_moved([&](size_t block, uint32_t level) {
      places.read_scales(base_block(block), &from);
      places.read_scales(result_block(block), &to);
      std::copy_n(to.group_scale.begin(), grid.groups, numbers.begin());
      std::copy_n(to.group_minimum.begin(), grid.groups, numbers.begin() + grid.groups);
      guess_groups(grid, from, to.scale, to.minimum, level, steps.data(), contexts.data(),
                   guess_numbers);
      for (size_t i = 0; i < count; ++i) {
        add(integer_token(numbers[i] - steps[i]), contexts[i], &list, &streams->raw);
      }
    });
  }

  // The codes of all blocks, with contexts of level 1.
  std::vector<Guessed> guess_all_codes(const QuantPlaces& places) const {
    const QuantGrid& grid = places.grid();
    const size_t count = size_t{grid.groups} * grid.group_codes;
    std::vector<Guessed> all(count * elements_);
    QuantBlock from;
    QuantBlock to;
    std::array<int16_t, kMaxBlockCodes> steps;
    std::array<uint8_t, kMaxBlockCodes> contexts;
    for (size_t block = 0; block < elements_; ++block) {
      if (is_equal(block, 1)) {
        std::fill_n(all.begin() + static_cast<ptrdiff_t>(block * count), count,
                    Guessed{0, kUnmovedContext});
        continue;
      }
      places.read_scales(base_block(block), &from);
      places.read_scales(result_block(block), &to);
      places.read_codes(base_block(block), steps.data());
      places.read_codes(result_block(block), to.code.data());
      guess_codes(grid, from, to, 1, steps.data(), contexts.data(), guess_numbers);
      for (size_t i = 0; i < count; ++i) {
        all[block * count + i] = {static_cast<int16_t>(to.code[i] - steps[i]), contexts[i]};
      }
    }
    return all;
  }

  // By how much the codes of each group of blocks are missed.
  std::vector<uint64_t> moves(const std::vector<Guessed>& codes, size_t block_codes) const {
    std::vector<uint64_t> all;
    for (size_t unit = 0; unit < levels_.levels.size(); ++unit) {
      const size_t begin = unit * levels_.group * block_codes;
      const size_t end = begin + group_size(unit) * block_codes;
      uint64_t sum = 0;
      for (size_t i = begin; i < end; ++i) sum += magnitude_of(codes[i].missed);
      all.push_back(sum << 24);
    }
    return all;
  }

  Dtype dtype_;
  TokenType type_;
  ByteView base_;
  ByteView result_;
  size_t elements_;
  Levels levels_;
};

}  // namespace

std::vector<uint8_t> encode_tokens(Dtype dtype, ByteView base, ByteView result) {
  TokenType type;
  if (!token_type(dtype, &type) || result.size() < type.bytes ||
      result.size() > kMaxTokenBytes) {
    return {};
  }
  return Encoder(dtype, type, base, result).run();
}

}  // namespace mallorn::pack
