#include "mallorn-pack/lite_encoder.hpp"

#include <algorithm>

#include "mallorn-pack/bit_cost.hpp"
#include "mallorn-pack/lite_range_encoder.hpp"
#include "mallorn-pack/value_fit.hpp"

namespace mallorn::pack {
namespace {

// Rows shorter than this have no gains of their own.
constexpr uint64_t kLeastGainRow = 8;

// The coder that the models want: over the range coder, or over what counts the cost.
template <typename Bits>
struct LiteCoder {
  Bits& bits;
  LiteBits& models;
  LiteState& state;

  template <typename Number>
  Number want(Number number) const {
    return number;
  }
  uint32_t bit(uint32_t model, uint32_t wanted) {
    bits.code(models[model].probability(), wanted);
    models[model].update(wanted);
    return wanted;
  }
  uint32_t raw(uint32_t wanted, uint32_t count) {
    for (uint32_t i = count; i-- > 0;) bits.code(LiteBit::kHalf, wanted >> i & 1u);
    return wanted;
  }
};

// All that a decoder has between steps.
struct Decoder {
  LiteBits models;
  LiteState known;

  Decoder() { start_lite_models(models.data(), 0); }
};

struct LiteStep {
  LiteHead head;
  std::vector<uint32_t> gains;  // by row
};

uint32_t load(const uint8_t* from, uint32_t bytes) {
  uint32_t value = 0;
  for (uint32_t i = 0; i < bytes; ++i) value |= uint32_t{from[i]} << (8 * i);
  return value;
}

Dtype dtype_of(LiteType type) {
  switch (type) {
    case LiteType::i8:
      return Dtype::i8;
    case LiteType::u8:
      return Dtype::u8;
    case LiteType::i16:
      return Dtype::i16;
    default:
      return Dtype::i32;
  }
}

class LiteEncoder {
 public:
  LiteEncoder(const LitePlan& plan, uint32_t restart_log2)
      : plan_(plan), restart_log2_(restart_log2) {}

  std::vector<uint8_t> run() {
    size_t next = 0;
    do {
      next = add_segment(next);
    } while (next < plan_.pieces.size());
    return std::move(body_);
  }

 private:
  // Everything from piece `next` on up to a restart point; returns the piece behind it.
  size_t add_segment(size_t next) {
    if (next == plan_.pieces.size()) {  // of an empty result
      body_.push_back(0);
      return next;
    }
    decoder_ = Decoder();
    LiteRangeEncoder coder(body_);
    LiteCoder<LiteRangeEncoder>{coder, decoder_.models, decoder_.known}.raw(
        restart_log2_, kLiteRestartBits);
    do {
      add(coder, plan_.pieces[next++]);
    } while (next < plan_.pieces.size() && !is_restart(plan_.pieces[next].begin));
    coder.finish(next == plan_.pieces.size());
    return next;
  }

  bool is_restart(uint32_t position) const { return position % (1u << restart_log2_) == 0; }

  // The cheapest of the steps that make a piece; of equals the first.
  void add(LiteRangeEncoder& coder, const LitePiece& piece) {
    const std::vector<LiteStep> steps = steps_for(piece);
    size_t best = 0;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < steps.size() && steps.size() > 1; ++i) {
      Decoder trial = decoder_;
      BitCost cost;
      code(LiteCoder<BitCost>{cost, trial.models, trial.known}, steps[i], piece.begin);
      if (cost.cost() >= least) continue;
      least = cost.cost();
      best = i;
    }
    code(LiteCoder<LiteRangeEncoder>{coder, decoder_.models, decoder_.known}, steps[best],
         piece.begin);
  }

  template <typename Bits>
  void code(LiteCoder<Bits> coder, const LiteStep& step, uint32_t position) const {
    LiteState& known = coder.state;
    code_lite_head(coder, position, step.head);
    prepare_lite_step(coder.models.data(), known);
    const LiteHead& head = known.head;
    const bool has_source = has_lite_source(head.kind);
    const uint32_t bytes = 1u << lite_element_log2(head);
    const std::vector<uint8_t>& file = head.is_own != 0 ? plan_.result : plan_.base;
    for (uint32_t i = 0; i < head.elements && head.kind != LiteKind::copy; ++i) {
      if (head.columns != 0 && i % head.columns == 0) {
        code_lite_gain(coder, step.gains[i / head.columns]);
      }
      const uint32_t at = i * bytes;
      const uint32_t from = has_source ? load(file.data() + head.source + at, bytes) : 0;
      const uint32_t wanted = load(plan_.result.data() + position + at, bytes);
      code_lite_element(coder, from, wanted, position + at);
    }
    if (has_source && head.is_own == 0)
      known.base_stop = head.source + head.elements * bytes;
  }

  // --- the steps that could make a piece

  std::vector<LiteStep> steps_for(const LitePiece& piece) const {
    switch (piece.content) {
      case LiteContent::copy:
        return {step_of(piece, LiteKind::copy)};
      case LiteContent::literal:
        return literal_steps(piece);
      case LiteContent::changed:
        return {step_of(piece, LiteKind::changed), step_of(piece, LiteKind::literal)};
      case LiteContent::elements:
        return element_steps(piece);
      case LiteContent::derived:
        return derived_steps(piece);
    }
    return {};
  }

  // With the type and the zero points of the step before: saying nothing costs least.
  LiteStep step_of(const LitePiece& piece, LiteKind kind) const {
    LiteStep step;
    step.head = decoder_.known.head;
    step.head.kind = kind;
    step.head.elements = piece.length;
    step.head.source = piece.base_offset;
    step.head.is_own = piece.is_own ? 1 : 0;
    step.head.columns = 0;
    return step;
  }

  std::vector<LiteStep> literal_steps(const LitePiece& piece) const {
    std::vector<LiteStep> steps = {step_of(piece, LiteKind::literal)};
    if (steps[0].head.result_zero == 0) return steps;
    steps.push_back(steps[0]);
    steps[1].head.result_zero = 0;
    return steps;
  }

  std::vector<LiteStep> derived_steps(const LitePiece& piece) const {
    LiteStep step = step_of(piece, LiteKind::derived);
    step.head.elements = piece.length / 4;
    step.head.source = piece.source;
    step.head.is_own = piece.has_source_in_base ? 0 : 1;
    step.head.factor = piece.factor;
    std::vector<LiteStep> steps = {step};
    LitePiece numbers = piece;
    numbers.type = LiteType::f32;
    for (LiteStep& other : element_steps(numbers)) steps.push_back(std::move(other));
    return steps;
  }

  std::vector<LiteStep> element_steps(const LitePiece& piece) const {
    const bool is_code = piece.type == LiteType::i8 || piece.type == LiteType::u8;
    const bool is_float = lite_mantissa_bits(piece.type) != 0;
    std::vector<LiteStep> steps;
    LiteStep typed = step_of(piece, is_code ? LiteKind::codes : LiteKind::numbers);
    typed.head.elements = piece.length / lite_type_bytes(piece.type);
    typed.head.type = piece.type;
    typed.head.base_zero = static_cast<uint8_t>(piece.place.base_zero);
    typed.head.result_zero = static_cast<uint8_t>(piece.place.result_zero);
    if (piece.has_base) {
      steps.push_back(typed);
      if (!is_float) add_steps_with_gains(piece, typed, &steps);
      steps.push_back(step_of(piece, LiteKind::changed));
    }
    typed.head.kind = is_code ? LiteKind::literal : LiteKind::alone;
    if (is_float) typed.head.greatest = greatest_exponent(piece);
    steps.push_back(typed);
    if (!is_code) steps.push_back(step_of(piece, LiteKind::literal));
    return steps;
  }

  uint8_t greatest_exponent(const LitePiece& piece) const {
    const uint32_t bytes = lite_type_bytes(piece.type);
    const uint32_t sign = 1u << (8 * bytes - 1);
    uint32_t greatest = 0;
    for (uint32_t i = 0; i < piece.length; i += bytes) {
      const uint32_t bits = load(plan_.result.data() + piece.begin + i, bytes);
      greatest = std::max(greatest, (bits & (sign - 1)) >> lite_mantissa_bits(piece.type));
    }
    return static_cast<uint8_t>(greatest);
  }

  // With a gain for each row of the tensor, and with one for all.
  void add_steps_with_gains(const LitePiece& piece, const LiteStep& plain,
                            std::vector<LiteStep>* steps) const {
    const uint64_t rows = piece.place.row_elements;
    const uint64_t all = plain.head.elements;
    for (const uint64_t columns : {rows, all}) {
      if (columns < kLeastGainRow || columns > UINT16_MAX || columns > all) continue;
      LiteStep step = plain;
      step.head.columns = static_cast<uint16_t>(columns);
      step.gains = gains_of(piece, step.head);
      if (!step.gains.empty()) steps->push_back(std::move(step));
      if (rows == all) break;
    }
  }

  // None if they save nothing.
  std::vector<uint32_t> gains_of(const LitePiece& piece, const LiteHead& head) const {
    ValueType type;
    (void)value_type(dtype_of(piece.type), &type);
    FittedPiece fitted;
    fitted.piece.elements = head.elements;
    fitted.piece.base_zero = piece.place.base_zero;
    fitted.piece.result_zero = piece.place.result_zero;
    fitted.piece.columns = head.columns;
    const ByteView base = ByteView(plan_.base).subspan(piece.base_offset, piece.length);
    const ByteView result = ByteView(plan_.result).subspan(piece.begin, piece.length);
    const MatrixPair matrices = load_matrices(type, fitted.piece, base, result);
    if (fit_gains(type, matrices, GainAxis::row, &fitted) <= 0) return {};
    // Numbers of the format have a limit.
    const int32_t most = (16 << type.gain_bits) - 1;
    std::vector<uint32_t> gains;
    for (const int32_t gain : fitted.gains) {
      if (gain < 0) return {};  // the format has none
      gains.push_back(static_cast<uint32_t>(std::clamp(gain, 1, most))
                      << (kLiteGainBits - type.gain_bits));
    }
    return gains;
  }

  const LitePlan& plan_;
  uint32_t restart_log2_;
  std::vector<uint8_t> body_;
  Decoder decoder_;
};

}  // namespace

std::vector<uint8_t> encode_lite(const LitePlan& plan, uint32_t restart_log2) {
  return LiteEncoder(plan, restart_log2).run();
}

}  // namespace mallorn::pack
