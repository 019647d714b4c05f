#include "mallorn-pack/token_blocks.hpp"

#include <algorithm>
#include <array>

#include "libcommon/core/block_fields.hpp"

namespace mallorn::pack {
namespace {

class Blocks {
 public:
  explicit Blocks(TokenSection* section)
      : section_(*section),
        places_(section->dtype()),
        grid_(places_.grid()),
        block_codes_(size_t{grid_.groups} * grid_.group_codes) {}

  TokenStreams run() {
    section_.choose_groups();
    const std::vector<Guessed> codes = guess_all_codes();
    constexpr int32_t kUsualLevel = 3;  // there are contexts for 4 levels
    section_.choose_levels(moves(codes), kUsualLevel, 4);
    TokenStreams streams;
    section_.add_levels(&streams);
    add_halves(places_.scale_offset(), &streams);
    if (grid_.start != Start::none) add_halves(places_.minimum_offset(), &streams);
    if (grid_.group_scales.high != 0) add_groups(&streams);
    TokenList& list = streams.begin(kCodeStream, block_codes_ * section_.moved_elements());
    for_each_moved([&](size_t block, uint32_t level) {
      for (size_t i = block * block_codes_; i < (block + 1) * block_codes_; ++i) {
        streams.add(integer_token(codes[i].missed),
                    static_cast<uint8_t>(codes[i].context + level_contexts(level)), &list);
      }
    });
    return streams;
  }

 private:
  // A number of a block, and how it was predicted.
  struct Guessed {
    int16_t missed;
    uint8_t context;
  };

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
  void add_groups(TokenStreams* streams) const {
    const size_t count = group_numbers(grid_);
    TokenList& list = streams->begin(kGroupStream, count * section_.moved_elements());
    QuantBlock from;
    QuantBlock to;
    std::array<int16_t, 2 * kMaxBlockGroups> numbers;
    std::array<int16_t, 2 * kMaxBlockGroups> steps;
    std::array<uint8_t, 2 * kMaxBlockGroups> contexts;
    for_each_moved([&](size_t block, uint32_t level) {
      places_.read_scales(section_.base_at(block), &from);
      places_.read_scales(section_.result_at(block), &to);
      std::copy_n(to.group_scale.begin(), grid_.groups, numbers.begin());
      std::copy_n(to.group_minimum.begin(), grid_.groups, numbers.begin() + grid_.groups);
      guess_groups(grid_, from, to.scale, to.minimum, level, steps.data(), contexts.data(),
                   guess_numbers);
      for (size_t i = 0; i < count; ++i) {
        streams->add(integer_token(numbers[i] - steps[i]), contexts[i], &list);
      }
    });
  }

  // The codes of all blocks, with contexts of level 1.
  std::vector<Guessed> guess_all_codes() const {
    std::vector<Guessed> all(block_codes_ * section_.elements());
    QuantBlock from;
    QuantBlock to;
    std::array<int16_t, kMaxBlockCodes> steps;
    std::array<uint8_t, kMaxBlockCodes> contexts;
    for (size_t block = 0; block < section_.elements(); ++block) {
      if (section_.is_equal(block, 1)) {
        std::fill_n(all.begin() + static_cast<ptrdiff_t>(block * block_codes_),
                    block_codes_, Guessed{0, kUnmovedContext});
        continue;
      }
      places_.read_scales(section_.base_at(block), &from);
      places_.read_scales(section_.result_at(block), &to);
      places_.read_codes(section_.base_at(block), steps.data());
      places_.read_codes(section_.result_at(block), to.code.data());
      guess_codes(grid_, from, to, 1, steps.data(), contexts.data(), guess_numbers);
      for (size_t i = 0; i < block_codes_; ++i) {
        all[block * block_codes_ + i] = {static_cast<int16_t>(to.code[i] - steps[i]),
                                         contexts[i]};
      }
    }
    return all;
  }

  // By how much the codes of each group of blocks are missed, in 2^-24.
  std::vector<uint64_t> moves(const std::vector<Guessed>& codes) const {
    std::vector<uint64_t> all;
    for (size_t group = 0; group < section_.groups(); ++group) {
      const size_t begin = section_.group_begin(group) * block_codes_;
      const size_t end = begin + section_.group_size(group) * block_codes_;
      uint64_t sum = 0;
      for (size_t i = begin; i < end; ++i) sum += magnitude_of(codes[i].missed);
      all.push_back(sum << 24);
    }
    return all;
  }

  TokenSection& section_;
  QuantPlaces places_;
  const QuantGrid& grid_;
  size_t block_codes_;
};

}  // namespace

TokenStreams block_tokens(TokenSection* section) { return Blocks(section).run(); }

}  // namespace mallorn::pack
