#include "mallorn-apply/core/tokens_decoder.hpp"

#include "libcommon/core/block_fields.hpp"
#include "libcommon/core/byte_reader.hpp"
#include "mallorn-apply/core/range_decoder.hpp"
#include "mallorn-apply/core/raw_bits.hpp"

namespace mallorn::apply {
namespace {

class Decoder {
 public:
  Decoder(Dtype dtype, const TokenType& type, ByteView base, const TokenKernels& kernels,
          TokensWorkspace* space, ByteSpan result)
      : dtype_(dtype),
        type_(type),
        base_(base),
        kernels_(kernels),
        space_(*space),
        result_(result) {}

  Status run(ByteView coded) {
    ByteReader reader(coded);
    const uint64_t head_bytes = reader.varint();
    const uint64_t token_bytes = reader.varint();
    RangeDecoder head(reader.bytes(head_bytes));
    const ByteView words = reader.bytes(token_bytes);
    RawBits raw(reader.bytes(reader.remaining()));
    if (!reader.ok() || !space_.coders.begin(words)) return Status::corrupt_data;
    start_anew(&space_.head);
    head_ = &head;
    raw_ = &raw;
    if (!decode() || !space_.coders.is_at_end() || !raw.is_at_end()) {
      return Status::corrupt_data;
    }
    return head.status();
  }

 private:
  bool decode() {
    const TokenMethod method = space_.head.code_method(*head_, TokenMethod::direct);
    const size_t tail = result_.size() % type_.bytes;
    for (uint8_t& byte : result_.last(tail)) byte = space_.head.code_byte(*head_, 0);
    elements_ = result_.size() / type_.bytes;
    if (elements_ == 0) return false;
    if (method == TokenMethod::direct) {
      return type_.kind != TokenKind::blocks && decode_by_width<false>();
    }
    if (base_.empty()) return false;
    group_ = space_.head.code_group(*head_, least_group(type_.kind), 0);
    if (!decode_levels()) return false;
    return type_.kind == TokenKind::blocks ? decode_blocks() : decode_by_width<true>();
  }

  template <bool is_predicted>
  bool decode_by_width() {
    switch (type_.bytes) {
      case 1:
        return is_predicted ? decode_elements<uint8_t>() : decode_direct<uint8_t>();
      case 2:
        return is_predicted ? decode_elements<uint16_t>() : decode_direct<uint16_t>();
      default:
        return is_predicted ? decode_elements<uint32_t>() : decode_direct<uint32_t>();
    }
  }

  // --- streams

  bool begin_stream(const TokenStream& stream) {
    for (uint32_t i = 0; i < stream.contexts; ++i) {
      if (!space_.head.code_frequencies(*head_, stream.tokens, &space_.frequencies)) {
        return false;
      }
      fill_slots(i, space_.frequencies, &space_.slots);
    }
    return true;
  }

  // Tokens of a batch, under the contexts there.
  bool read_batch(size_t count) {
    return kernels_.read_tokens(space_.slots, space_.contexts.data(), count, &space_.coders,
                                space_.tokens.data());
  }

  // Tokens of a batch as numbers; false if bits run out.
  bool expand_batch(TokenKind kind, size_t count) {
    kernels_.expand(kind, space_.tokens.data(), count, raw_, space_.numbers.data());
    return !raw_->is_exhausted();
  }

  // --- levels, and what does not move

  bool decode_levels() {
    units_ = (elements_ + group_ - 1) / group_;
    level_ = space_.head.code_level(*head_, 0);
    if (level_ != 0) return true;
    if (!begin_stream(kLevelStream)) return false;
    space_.contexts.fill(0);
    for (size_t at = 0; at < units_; at += kTokenBatch) {
      const size_t count = units_ - at < kTokenBatch ? units_ - at : kTokenBatch;
      if (!kernels_.read_tokens(space_.slots, space_.contexts.data(), count, &space_.coders,
                                space_.levels.data() + at)) {
        return false;
      }
    }
    return true;
  }

  uint32_t level_of(size_t unit) const {
    return level_ != 0 ? level_ : space_.levels[unit];
  }

  // The next groups that move, at most `most`, from *next on.
  size_t gather_units(size_t most, size_t* next) {
    size_t count = 0;
    for (; *next < units_ && count < most; ++*next) {
      space_.unit[count] = static_cast<uint32_t>(*next);
      count += level_of(*next) != 0 ? 1 : 0;
    }
    return count;
  }

  // The same with blocks.
  uint32_t level_of_block(size_t block) const { return level_of(block / group_); }
  size_t gather_blocks(size_t most, size_t* next) {
    size_t count = 0;
    for (; *next < elements_ && count < most; ++*next) {
      space_.unit[count] = static_cast<uint32_t>(*next);
      count += level_of_block(*next) != 0 ? 1 : 0;
    }
    return count;
  }

  void copy_unmoved() {
    if (level_ != 0) return;
    const size_t whole = elements_ * type_.bytes;
    const size_t unit_bytes = size_t{group_} * type_.bytes;
    for (size_t unit = 0; unit < units_; ++unit) {
      if (space_.levels[unit] != 0) continue;
      const size_t at = unit * unit_bytes;
      memcpy(result_.data() + at, base_.data() + at,
             whole - at < unit_bytes ? whole - at : unit_bytes);
    }
  }

  // --- scalar elements

  template <typename T>
  bool decode_direct() {
    if (type_.kind == TokenKind::integer && sizeof(T) > 1) return decode_integers<T>();
    if (!begin_stream(kTopByteStream)) return false;
    space_.contexts.fill(0);
    constexpr uint32_t kRawBits = 8 * sizeof(T) - 8;
    for (size_t at = 0; at < elements_; at += kTokenBatch) {
      const size_t count = elements_ - at < kTokenBatch ? elements_ - at : kTokenBatch;
      if (!read_batch(count)) return false;
      uint8_t* to = result_.data() + at * sizeof(T);
      for (size_t i = 0; i < count; ++i, to += sizeof(T)) {
        const uint32_t top = uint32_t{space_.tokens[i]} << kRawBits;
        const auto number = static_cast<T>(top | raw_->take(kRawBits));
        store_le(to, sizeof(T) == 1 ? number : rotate_sign_up(number));
      }
      if (raw_->is_exhausted()) return false;
    }
    return true;
  }

  template <typename T>
  bool decode_integers() {
    if (!begin_stream({1, element_stream(type_).tokens})) return false;
    space_.contexts.fill(0);
    for (size_t at = 0; at < elements_; at += kTokenBatch) {
      const size_t count = elements_ - at < kTokenBatch ? elements_ - at : kTokenBatch;
      if (!read_batch(count)) return false;
      if (!expand_batch(type_.kind, count)) return false;
      uint8_t* to = result_.data() + at * sizeof(T);
      for (size_t i = 0; i < count; ++i) {
        store_le(to + i * sizeof(T), static_cast<T>(space_.numbers[i]));
      }
    }
    return true;
  }

  size_t group_size(size_t unit) const {
    const size_t left = elements_ - unit * group_;
    return left < group_ ? left : group_;
  }

  template <typename T>
  bool decode_elements() {
    copy_unmoved();
    if (!begin_stream(element_stream(type_))) return false;
    size_t next = 0;
    while (const size_t units = gather_units(kTokenBatch / group_, &next)) {
      size_t count = 0;
      for (size_t k = 0; k < units; ++k) {
        const size_t unit = space_.unit[k];
        const size_t size = group_size(unit);
        kernels_.find_contexts(type_, level_of(unit),
                               base_.data() + unit * group_ * sizeof(T), size,
                               space_.contexts.data() + count);
        count += size;
      }
      if (!read_batch(count)) return false;
      if (!expand_batch(type_.kind, count)) return false;
      count = 0;
      for (size_t k = 0; k < units; ++k) {
        const size_t at = size_t{space_.unit[k]} * group_;
        const size_t size = group_size(space_.unit[k]);
        kernels_.restore(type_, base_.data() + at * sizeof(T),
                         space_.numbers.data() + count, size,
                         result_.data() + at * sizeof(T));
        count += size;
      }
    }
    return true;
  }

  // --- blocks: scales of all of them, then integers of groups, then codes

  bool decode_blocks() {
    const QuantPlaces places(dtype_);
    const QuantGrid& grid = places.grid();
    copy_unmoved();
    if (!decode_halves(places.scale_offset())) return false;
    if (grid.start != Start::none && !decode_halves(places.minimum_offset())) return false;
    if (grid.group_scales.high != 0 && !decode_block_groups(places)) return false;
    return decode_codes(places);
  }

  const uint8_t* base_block(size_t unit) const { return base_.data() + unit * type_.bytes; }
  uint8_t* result_block(size_t unit) { return result_.data() + unit * type_.bytes; }

  bool decode_halves(uint32_t offset) {
    if (!begin_stream(kHalfStream)) return false;
    space_.contexts.fill(0);
    size_t next = 0;
    while (const size_t units = gather_blocks(kTokenBatch, &next)) {
      if (!read_batch(units)) return false;
      if (!expand_batch(TokenKind::floating, units)) return false;
      for (size_t k = 0; k < units; ++k) {
        restore_half(base_block(space_.unit[k]) + offset, space_.numbers[k],
                     result_block(space_.unit[k]) + offset);
      }
    }
    return true;
  }

  static void restore_half(const uint8_t* base, uint32_t number, uint8_t* to) {
    const uint16_t from = monotone(load_le<uint16_t>(base));
    store_le(to, monotone(static_cast<uint16_t>(from + number)));
  }

  // Numbers that were guessed, from what they miss. False if one is out of bounds.
  bool finish_guesses(Bounds bounds, size_t count) {
    return expand_batch(TokenKind::integer, count) &&
           kernels_.correct(bounds, space_.numbers.data(), count, space_.steps.data());
  }

  bool decode_block_groups(const QuantPlaces& places) {
    const QuantGrid& grid = places.grid();
    if (!begin_stream(kGroupStream)) return false;
    const size_t block_numbers = group_numbers(grid);
    size_t next = 0;
    while (const size_t units = gather_blocks(kTokenBatch / block_numbers, &next)) {
      for (size_t k = 0; k < units; ++k) {
        places.read_scales(base_block(space_.unit[k]), &space_.base_block);
        const uint8_t* to = result_block(space_.unit[k]);
        const auto scale = load_le<uint16_t>(to + places.scale_offset());
        const auto minimum = load_le<uint16_t>(to + places.minimum_offset());
        guess_groups(grid, space_.base_block, scale, minimum,
                     level_of_block(space_.unit[k]),
                     space_.steps.data() + k * block_numbers,
                     space_.contexts.data() + k * block_numbers, kernels_.guess);
      }
      if (!read_batch(units * block_numbers)) return false;
      if (!finish_guesses(grid.group_scales, units * block_numbers)) return false;
      for (size_t k = 0; k < units; ++k) {
        places.write_groups(space_.steps.data() + k * block_numbers,
                            result_block(space_.unit[k]));
      }
    }
    return true;
  }

  bool decode_codes(const QuantPlaces& places) {
    const QuantGrid& grid = places.grid();
    if (!begin_stream(kCodeStream)) return false;
    const size_t block_codes = size_t{grid.groups} * grid.group_codes;
    size_t next = 0;
    while (const size_t units = gather_blocks(kTokenBatch / block_codes, &next)) {
      for (size_t k = 0; k < units; ++k) {
        const uint8_t* from = base_block(space_.unit[k]);
        places.read_scales(from, &space_.base_block);
        places.read_scales(result_block(space_.unit[k]), &space_.result_block);
        int16_t* steps = space_.steps.data() + k * block_codes;
        places.read_codes(from, steps);
        guess_codes(grid, space_.base_block, space_.result_block,
                    level_of_block(space_.unit[k]), steps,
                    space_.contexts.data() + k * block_codes, kernels_.guess);
      }
      if (!read_batch(units * block_codes)) return false;
      if (!finish_guesses(grid.codes, units * block_codes)) return false;
      for (size_t k = 0; k < units; ++k) {
        places.write_codes(space_.steps.data() + k * block_codes,
                           result_block(space_.unit[k]));
      }
    }
    return true;
  }

  Dtype dtype_;
  TokenType type_;
  ByteView base_;
  const TokenKernels& kernels_;
  TokensWorkspace& space_;
  ByteSpan result_;
  RangeDecoder* head_ = nullptr;
  RawBits* raw_ = nullptr;
  size_t elements_ = 0;
  uint32_t group_ = 1;  // elements, or blocks, that share a level
  size_t units_ = 0;    // groups
  uint32_t level_ = 0;  // of all groups; 0: they have each their own
};

}  // namespace

Status decode_tokens(Dtype dtype, ByteView coded, ByteView base,
                     const TokenKernels& kernels, TokensWorkspace* space, ByteSpan result) {
  TokenType type;
  if (!token_type(dtype, &type) || result.size() > kMaxTokenBytes) {
    return Status::corrupt_data;
  }
  if (!base.empty() && base.size() != result.size()) return Status::corrupt_data;
  return Decoder(dtype, type, base, kernels, space, result).run(coded);
}

}  // namespace mallorn::apply
