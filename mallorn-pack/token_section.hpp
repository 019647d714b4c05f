// What of a section all its streams of tokens have to do with: elements or blocks of the
// base and the result, and groups of them, each with a level by how much it moves
// (docs/format/tokens.md, "Levels").
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/dtype.hpp"
#include "libcommon/core/token_model.hpp"
#include "mallorn-pack/instructions.hpp"
#include "mallorn-pack/token_writer.hpp"

namespace mallorn::pack {

// All that is written of a section but its head.
struct TokenStreams {
  std::vector<TokenList> lists;
  RawBitWriter raw;

  TokenList& begin(const TokenStream& stream, size_t count) {
    return lists.emplace_back(stream, count);
  }
  void add(const Token& token, uint8_t context, TokenList* list) {
    list->add(context, token.symbol);
    raw.add(token.raw, token.raw_bits);
  }
  uint64_t cost();  // bits, roughly
};

template <typename T>
int32_t with_sign(T bits) {
  return static_cast<std::make_signed_t<T>>(bits);
}

class TokenSection {
 public:
  // `base` is as long as `result`, or empty.
  TokenSection(Dtype dtype, const TokenType& type, ByteView base, ByteView result,
               Instructions instructions)
      : dtype_(dtype),
        type_(type),
        instructions_(instructions),
        base_(base),
        result_(result),
        elements_(result.size() / type.bytes) {}

  Dtype dtype() const { return dtype_; }
  const TokenType& type() const { return type_; }
  Instructions instructions() const { return instructions_; }  // to code it with
  bool has_base() const { return !base_.empty(); }
  ByteView base() const { return base_; }
  ByteView result() const { return result_; }
  size_t elements() const { return elements_; }  // or blocks
  const uint8_t* base_at(size_t i) const { return base_.data() + i * type_.bytes; }
  const uint8_t* result_at(size_t i) const { return result_.data() + i * type_.bytes; }

  // --- groups

  // Small groups where most do not move, of 256 elements otherwise.
  void choose_groups();
  // Gives each group a level, `usual` for one that moves as much as groups do on average
  // and one more for twice as much; 0 for those that do not move. `moves` is by how much
  // the elements of each group move.
  void choose_levels(const std::vector<uint64_t>& moves, int32_t usual, int32_t most);

  size_t groups() const { return levels_.size(); }
  // Whether all of it is as in the base.
  bool is_equal(size_t group) const;
  bool is_equal_block(size_t block) const { return equal_[block] != 0; }
  size_t group_begin(size_t group) const { return group << group_log2_; }
  size_t group_size(size_t group) const;
  size_t group_of(size_t element) const { return element >> group_log2_; }
  uint8_t level(size_t group) const { return levels_[group]; }
  void set_level(size_t group, uint8_t level) { levels_[group] = level; }
  uint32_t shift() const { return shift_; }  // groups have 2^shift times the least_group()
  uint32_t common_level() const;             // that of all groups, or 0
  void add_levels(TokenStreams* streams) const;
  size_t moved_elements() const;  // of groups whose level is not 0

 private:
  void set_groups(uint32_t shift);

  Dtype dtype_;
  TokenType type_;
  Instructions instructions_;
  ByteView base_;
  ByteView result_;
  size_t elements_;
  uint32_t shift_ = 0;
  uint32_t group_log2_ = 0;      // of elements, or blocks
  std::vector<uint8_t> equal_;   // of each of the least groups: whether it is
  std::vector<uint8_t> levels_;  // of each group
};

}  // namespace mallorn::pack
