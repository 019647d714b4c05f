#include "mallorn-pack/lite_plan.hpp"

#include <algorithm>
#include <optional>

#include "libcommon/derivation.hpp"
#include "libcommon/error.hpp"
#include "mallorn-pack/lite_derived.hpp"
#include "mallorn-pack/lite_in_place.hpp"
#include "mallorn-pack/lite_match.hpp"

namespace mallorn::pack {
namespace {

// Longer copies part what is matched anew.
constexpr uint32_t kLongCopy = 4096;
// Shorter rows are of no account.
constexpr uint64_t kLeastRow = 8;
// What is matched at once: bounds the memory for it.
constexpr uint32_t kMaxMatched = 1u << 20;

std::optional<LiteType> lite_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::i8:
      return LiteType::i8;
    case Dtype::u8:
      return LiteType::u8;
    case Dtype::i16:
    case Dtype::u16:
      return LiteType::i16;
    case Dtype::i32:
    case Dtype::u32:
      return LiteType::i32;
    case Dtype::f16:
      return LiteType::f16;
    case Dtype::bf16:
      return LiteType::bf16;
    case Dtype::f32:
      return LiteType::f32;
    default:
      return {};
  }
}

// Steps as they come, with nothing but bytes where no more is known.
class Collector {
 public:
  Collector(DeltaSource& source, bool has_floats)
      : source_(source), has_floats_(has_floats) {}

  LitePlan run(std::vector<bool>* known) {
    const DeltaManifest& manifest = source_.manifest();
    if (manifest.base.length_bytes >= kMaxLiteBytes ||
        manifest.result.length_bytes >= kMaxLiteBytes) {
      throw Error(Status::limit_exceeded, "a model of 1 GiB or more",
                  "profile lite is for small devices");
    }
    plan_.base.resize(static_cast<size_t>(manifest.base.length_bytes));
    known->resize(plan_.base.size());
    known_ = known;
    while (const std::optional<ChunkInput> chunk = source_.next()) add_chunk(*chunk);
    if (has_floats_) arrange_derived(&plan_);
    return std::move(plan_);
  }

 private:
  void add_chunk(const ChunkInput& chunk) {
    size_t at = 0;
    for (size_t i = 0; i < chunk.steps.size(); ++i) {
      const Step& step = chunk.steps[i];
      const auto length = static_cast<size_t>(step.result_bytes);
      add_step(step, static_cast<uint32_t>(chunk.result_offset + at));
      const ByteView base =
          step.kind == StepKind::copy ? chunk.result.subspan(at, length) : chunk.base[i];
      if (step.kind != StepKind::literal && !is_permuted(step))
        learn(step.base_offset, base);
      at += length;
    }
    plan_.result.insert(plan_.result.end(), chunk.result.begin(), chunk.result.end());
    source_.release(chunk);
  }

  void learn(uint64_t offset, ByteView bytes) {
    std::copy(bytes.begin(), bytes.end(),
              plan_.base.begin() + static_cast<ptrdiff_t>(offset));
    std::fill_n(known_->begin() + static_cast<ptrdiff_t>(offset), bytes.size(), true);
  }

  void add_step(const Step& step, uint32_t begin) {
    LitePiece piece;
    piece.begin = begin;
    piece.length = static_cast<uint32_t>(step.result_bytes);
    // What is converted or permuted elsewhere is on its own here.
    const bool is_on_its_own = is_converted(step) || is_permuted(step);
    piece.has_base = step.kind != StepKind::literal && !is_on_its_own &&
                     range_fits(step.base_offset, step.result_bytes, plan_.base.size());
    piece.base_offset = static_cast<uint32_t>(step.base_offset);
    piece.place = step.place;
    std::optional<LiteType> type = lite_type(step.dtype);
    if (!has_floats_ && type && lite_mantissa_bits(*type) != 0) type.reset();
    if (step.kind == StepKind::copy) {
      piece.content = LiteContent::copy;
    } else if (has_floats_ && is_derived(step)) {
      Derivation derivation;
      (void)derivation_from_bytes(step.parameters, &derivation);
      const auto distance = static_cast<uint32_t>(derivation.source_distance);
      piece.content = LiteContent::derived;
      piece.factor = derivation.factor;
      piece.source = derivation.source_is_ahead ? begin + distance : begin - distance;
    } else if (type && (step.predictor == Predictor::same_value || is_on_its_own)) {
      piece.content = LiteContent::elements;
      piece.type = *type;
    } else {
      piece.content = piece.has_base ? LiteContent::changed : LiteContent::literal;
    }
    LitePiece* last = plan_.pieces.empty() ? nullptr : &plan_.pieces.back();
    if (last != nullptr && last->content == LiteContent::copy &&
        piece.content == LiteContent::copy &&
        last->base_offset + last->length == piece.base_offset) {
      last->length += piece.length;
    } else {
      plan_.pieces.push_back(piece);
    }
  }

  DeltaSource& source_;
  bool has_floats_;
  LitePlan plan_;
  std::vector<bool>* known_ = nullptr;
};

// Matches the bytes between tensors; and long copies, where the base is not there any more
// when they are made.
std::vector<LitePiece> match(const LitePlan& plan, const std::vector<bool>& known,
                             const InPlace& in_place) {
  LiteMatcher matcher(plan.base, known, plan.result, in_place);
  std::vector<LitePiece> pieces;
  std::vector<int64_t> offsets;
  uint32_t begin = 0;
  uint32_t length = 0;
  const auto flush = [&] {
    if (length > 0) {
      const std::vector<LitePiece> found = matcher.cut(begin, length, offsets);
      pieces.insert(pieces.end(), found.begin(), found.end());
    }
    length = 0;
    offsets.clear();
  };
  for (const LitePiece& piece : plan.pieces) {
    const bool is_copy = piece.content == LiteContent::copy;
    const bool is_there = bytes_too_late(piece, in_place) == 0;
    const bool is_bytes = piece.content == LiteContent::literal ||
                          piece.content == LiteContent::changed ||
                          (is_copy && (piece.length < kLongCopy || !is_there));
    if (!is_bytes || length + piece.length > kMaxMatched) flush();
    if (!is_bytes || piece.length > kMaxMatched) {
      pieces.push_back(piece);
      continue;
    }
    if (length == 0) begin = piece.begin;
    length += piece.length;
    const int64_t offset = int64_t{piece.base_offset} - piece.begin;
    if (piece.has_base && offsets.size() < 16 &&
        std::find(offsets.begin(), offsets.end(), offset) == offsets.end()) {
      offsets.push_back(offset);
    }
  }
  flush();
  return pieces;
}

// An element that is cut in two is bytes.
LitePiece as_bytes(LitePiece piece) {
  piece.content = piece.has_base ? LiteContent::changed : LiteContent::literal;
  return piece;
}

class Cutter {
 public:
  explicit Cutter(uint32_t restart_bytes) : restart_bytes_(restart_bytes) {}

  std::vector<LitePiece> run(const std::vector<LitePiece>& pieces) {
    for (const LitePiece& piece : pieces) cut(piece);
    return std::move(cut_);
  }

 private:
  void cut(LitePiece piece) {
    const uint32_t unit = lite_unit(piece);
    while (piece.length > 0) {
      const uint32_t room = restart_bytes_ - piece.begin % restart_bytes_;
      const uint32_t length = std::min({piece.length, room, left_of_row(piece)});
      const uint32_t whole = length - length % unit;
      if (whole > 0) cut_.push_back(split_off(&piece, whole));
      if (whole == length) continue;
      // What is left of the room, and of the element, which begins anew behind it.
      const uint32_t ragged = std::min(piece.length, unit);
      const uint32_t first = length - whole;
      LitePiece rest = split_off(&piece, ragged);
      cut_.push_back(as_bytes(split_off(&rest, first)));
      if (rest.length > 0) cut_.push_back(as_bytes(rest));
    }
  }

  // Gains are those of whole rows: where a row was cut, what is left of it stands alone.
  static uint32_t left_of_row(const LitePiece& piece) {
    const uint64_t row = piece.place.row_elements;
    if (piece.content != LiteContent::elements || row < kLeastRow) return piece.length;
    const uint64_t past = piece.place.first_element % row;
    const uint64_t left = (row - past) * lite_type_bytes(piece.type);
    return past == 0 || left > piece.length ? piece.length : static_cast<uint32_t>(left);
  }

  uint32_t restart_bytes_;
  std::vector<LitePiece> cut_;
};

}  // namespace

LitePiece split_off(LitePiece* piece, uint32_t length) {
  LitePiece first = *piece;
  first.length = length;
  piece->begin += length;
  piece->length -= length;
  piece->base_offset += length;
  piece->source += length;
  piece->place.first_element += length / lite_type_bytes(piece->type);
  return first;
}

uint32_t lite_unit(const LitePiece& piece) {
  if (piece.content == LiteContent::derived) return 4;
  return piece.content == LiteContent::elements ? lite_type_bytes(piece.type) : 1;
}

LitePlanner::LitePlanner(DeltaSource& source, bool has_floats)
    : all_(Collector(source, has_floats).run(&known_)) {}

LitePlan LitePlanner::plan(uint32_t restart_bytes, const InPlace& in_place) const {
  LitePlan plan = all_;
  plan.pieces = match(plan, known_, in_place);
  if (in_place.block_bytes != 0) plan.pieces = keep_in_place(plan.pieces, in_place);
  plan.pieces = Cutter(restart_bytes).run(plan.pieces);
  return plan;
}

}  // namespace mallorn::pack
