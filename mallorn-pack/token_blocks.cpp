#include "mallorn-pack/token_blocks.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "libcommon/core/block_fields.hpp"
#include "mallorn-pack/size_classes.hpp"

namespace mallorn::pack {
namespace {

// Groups have as many codes, or half as many.
constexpr auto guess_group = [](const CodeMap& map, uint32_t level, Bounds bounds,
                                size_t count, int16_t* steps, uint8_t* contexts) {
  if (count == kMaxGroupCodes) {
    guess_numbers(map, level, bounds, kMaxGroupCodes, steps, contexts);
  } else {
    guess_numbers(map, level, bounds, kMaxGroupCodes / 2, steps, contexts);
  }
};

class Blocks {
 public:
  explicit Blocks(TokenSection* section)
      : section_(*section),
        places_(section->dtype()),
        grid_(places_.grid()),
        block_codes_(size_t{grid_.groups} * grid_.group_codes),
        codes_(kCodeStream, block_codes_ * section->elements()) {}

  TokenStreams run() {
    section_.choose_groups();
    guess_all_codes();
    constexpr int32_t kUsualLevel = 3;  // there are contexts for 4 levels
    section_.choose_levels(moves_, kUsualLevel, 4);
    TokenStreams streams;
    section_.add_levels(&streams);
    add_halves(places_.scale_offset(), &streams);
    if (grid_.start != Start::none) add_halves(places_.minimum_offset(), &streams);
    if (grid_.group_scales.high != 0) add_groups(&streams);
    put_levels();
    streams.lists.push_back(std::move(codes_));
    streams.raw.append(raw_);
    return streams;
  }

 private:
  // Calls visit(block, level) for every block that moves.
  template <typename Visit>
  void for_each_moved(const Visit& visit) const {
    for (size_t block = 0; block < section_.elements(); ++block) {
      const uint32_t level = section_.level(section_.group_of(block));
      if (level != 0) visit(block, level);
    }
  }

  void add_halves(uint32_t offset, TokenStreams* streams) const {
    TokenList& list = streams->begin(kHalfStream, section_.moved_elements());
    for_each_moved([&](size_t block, uint32_t) {
      const uint16_t from = monotone(load_le<uint16_t>(section_.base_at(block) + offset));
      const uint16_t to = monotone(load_le<uint16_t>(section_.result_at(block) + offset));
      streams->add(float_token(with_sign(static_cast<uint16_t>(to - from))), 0, &list);
    });
  }

  // Integers of the groups of each block.
  void add_groups(TokenStreams* streams) {
    const size_t count = group_numbers(grid_);
    TokenList& list = streams->begin(kGroupStream, count * section_.moved_elements());
    std::array<int16_t, 2 * kMaxBlockGroups> numbers;
    std::array<int16_t, 2 * kMaxBlockGroups> steps;
    std::array<uint8_t, 2 * kMaxBlockGroups> contexts;
    for_each_moved([&](size_t block, uint32_t level) {
      places_.read_scales(section_.base_at(block), &from_);
      places_.read_scales(section_.result_at(block), &to_);
      std::copy_n(to_.group_scale.begin(), grid_.groups, numbers.begin());
      std::copy_n(to_.group_minimum.begin(), grid_.groups, numbers.begin() + grid_.groups);
      guess_groups(grid_, from_, to_.scale, to_.minimum, level, steps.data(),
                   contexts.data(), guess_numbers);
      for (size_t i = 0; i < count; ++i) {
        streams->add(integer_token(numbers[i] - steps[i]), contexts[i], &list);
      }
    });
  }

  // The codes of all blocks, with contexts of level 1; and by how much those of each group
  // of blocks are missed, in 2^-24.
  void guess_all_codes() {
    moves_.assign(section_.groups(), 0);
    for (size_t block = 0; block < section_.elements(); ++block) {
      uint16_t* const tokens = codes_.add(block_codes_);
      if (section_.is_equal_block(block)) {
        std::fill_n(tokens, block_codes_, placed(kUnmovedContext, 0));
      } else {
        moves_[section_.group_of(block)] += uint64_t{guess_block(block, tokens)} << 24;
      }
    }
  }

  // Tells by how much all codes of a block are missed.
  uint32_t guess_block(size_t block, uint16_t* tokens) {
    places_.read_scales(section_.base_at(block), &from_);
    places_.read_scales(section_.result_at(block), &to_);
    places_.read_codes(section_.base_at(block), steps_.data());
    places_.read_codes(section_.result_at(block), to_.code.data());
    guess_codes(grid_, from_, to_, 1, steps_.data(), contexts_.data(), guess_group);
    uint32_t sum = 0;
    uint32_t most = 0;
    for (size_t i = 0; i < block_codes_; i += kMaxGroupCodes) {
      sum += add_small(i, tokens + i, &most);
    }
    if (most >= kLeastWithRaw) add_large(tokens);
    return sum;
  }

  // Those from `begin` on, taken for such as have no raw bits. Constant counts and local
  // arrays are for the compiler, which uses vector instructions then.
  uint32_t add_small(size_t begin, uint16_t* __restrict tokens, uint32_t* most) const {
    int16_t missed[kMaxGroupCodes];
    int16_t magnitudes[kMaxGroupCodes];
    for (size_t i = 0; i < kMaxGroupCodes; ++i) {
      missed[i] = static_cast<int16_t>(to_.code[begin + i] - steps_[begin + i]);
      const auto sign = static_cast<int16_t>(missed[i] >> 15);
      magnitudes[i] = static_cast<int16_t>((missed[i] ^ sign) - sign);
    }
    uint32_t sum = 0;
    int16_t largest = 0;
    for (size_t i = 0; i < kMaxGroupCodes; ++i) {
      sum += static_cast<uint32_t>(magnitudes[i]);
      largest = magnitudes[i] > largest ? magnitudes[i] : largest;
    }
    for (size_t i = 0; i < kMaxGroupCodes; ++i) {
      const uint32_t symbol =
          integer_symbol(static_cast<uint32_t>(magnitudes[i]), missed[i] < 0);
      tokens[i] = placed(contexts_[begin + i], symbol);
    }
    *most = std::max(*most, static_cast<uint32_t>(largest));
    return sum;
  }

  // What is so large that it has raw bits has another token.
  void add_large(uint16_t* tokens) {
    for (size_t i = 0; i < block_codes_; ++i) {
      const int32_t missed = to_.code[i] - steps_[i];
      if (magnitude_of(missed) < kLeastWithRaw) continue;
      const Token token = integer_token(missed);
      tokens[i] = placed(contexts_[i], token.symbol);
      raw_.add(token.raw, token.raw_bits);
    }
  }

  // Leaves the codes of those blocks that move, with contexts of their levels.
  void put_levels() {
    const uint16_t* from = codes_.begin();
    uint16_t* const begin = codes_.begin();
    uint16_t* to = begin;
    for (size_t block = 0; block < section_.elements(); ++block, from += block_codes_) {
      const uint32_t level = section_.level(section_.group_of(block));
      if (level == 0) continue;
      const uint16_t more = placed(level_contexts(level), 0);
      for (size_t i = 0; i < block_codes_; ++i)
        to[i] = static_cast<uint16_t>(from[i] + more);
      to += block_codes_;
    }
    codes_.shorten(static_cast<size_t>(to - begin));
  }

  TokenSection& section_;
  QuantPlaces places_;
  const QuantGrid& grid_;
  size_t block_codes_;
  TokenList codes_;
  RawBitWriter raw_;  // of codes
  std::vector<uint64_t> moves_;
  // Of the block that is looked at.
  QuantBlock from_;
  QuantBlock to_;
  std::array<int16_t, kMaxBlockCodes> steps_;
  std::array<uint8_t, kMaxBlockCodes> contexts_;
};

MALLORN_WIDE TokenStreams wide_block_tokens(TokenSection* section) {
  return Blocks(section).run();
}

}  // namespace

TokenStreams block_tokens(TokenSection* section) {
  return section->instructions() == Instructions::wide ? wide_block_tokens(section)
                                                       : Blocks(section).run();
}

}  // namespace mallorn::pack
