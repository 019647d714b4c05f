#include "mallorn-pack/values_codec.hpp"

#include <algorithm>
#include <memory>

#include "libcommon/error.hpp"
#include "libcommon/explanation.hpp"
#include "mallorn-pack/bit_cost.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "mallorn-pack/value_fit.hpp"

namespace mallorn::pack {
namespace {

// Rows that are shorter get no gains of their own.
constexpr uint64_t kLeastLane = 4;

class ValuesEncoder {
 public:
  ValuesEncoder(const ValueType& type, bool has_base, uint64_t bytes)
      : type_(type), has_base_(has_base), room_(bytes), coder_(coded_) {}

  // Codes a part of a tensor: first what is left of a row begun before, then the matrix,
  // then bytes that fill no element.
  void add(const TensorPlace& place, ByteView base, ByteView result) {
    const auto elements = static_cast<size_t>(elements_in(type_, result.size()));
    size_t at = 0;
    if (place.row_elements > 0) {
      const uint64_t begun = place.first_element % place.row_elements;
      if (begun != 0) at = std::min<uint64_t>(elements, place.row_elements - begun);
      if (type_.is_half) at -= at % 2;  // rows are off by one: the most that pieces allow
    }
    const auto part = [&](ByteView bytes, size_t from, size_t to) {
      if (bytes.empty()) return bytes;
      return bytes.subspan(bytes_of(type_, from), bytes_of(type_, to - from));
    };
    if (at > 0) add_elements(place, part(base, 0, at), part(result, 0, at));
    if (at < elements)
      add_elements(place, part(base, at, elements), part(result, at, elements));
    const auto whole = static_cast<size_t>(bytes_of(type_, elements));
    if (whole < result.size()) add_bytes(result.subspan(whole));
  }

  // Of the part that was added last, but for what the coder still holds.
  PartReport report() {
    const size_t before = reported_;
    reported_ = coder_.bytes();
    return {reported_ - before, predictor_};
  }

  std::vector<uint8_t> finish() {
    coder_.finish();
    return std::move(coded_);
  }

 private:
  void add_elements(const TensorPlace& place, ByteView base, ByteView result) {
    FittedPiece best;
    uint64_t least = UINT64_MAX;
    const auto offer = [&](FittedPiece fitted) {
      const uint64_t cost = cost_of(fitted, base, result);
      if (cost >= least) return;
      least = cost;
      best = std::move(fitted);
    };
    if (has_base_) {
      for (FittedPiece& fitted : predictions(place, base, result)) offer(std::move(fitted));
    }
    // Nothing that resembles the base is smaller on its own.
    if (least / 1024 > result.size() * 8 / 2) {
      FittedPiece alone = direct(place, result);
      if (type_.kind == ValueKind::code) {
        FittedPiece sparse = alone;
        sparse.piece.method = PieceMethod::sparse;
        offer(std::move(sparse));
      }
      offer(std::move(alone));
    }
    predictor_ = shown_predictor(best.piece);
    write(best, base, result);
  }

  void add_bytes(ByteView result) {
    FittedPiece fitted;
    fitted.piece.elements = result.size();
    fitted.piece.method = PieceMethod::bytes;
    write(fitted, {}, result);
  }

  FittedPiece direct(const TensorPlace& place, ByteView result) const {
    FittedPiece fitted;
    fitted.piece.elements = elements_in(type_, result.size());
    fitted.piece.result_zero = place.result_zero;
    if (type_.kind != ValueKind::floating) return fitted;
    for (size_t at = 0; at < result.size(); at += type_.bytes) {
      const int64_t order = to_order(type_.format, load_bits(type_, result.data() + at));
      fitted.piece.greatest = std::max(
          fitted.piece.greatest, static_cast<uint32_t>(exponent_at(type_.format, order)));
    }
    return fitted;
  }

  // A prediction, and what it is estimated to save over the base as it is, in 1/1024 bit.
  struct Candidate {
    FittedPiece fitted;
    int64_t saved = 0;
  };

  // Those that may be the best: estimates of gains and of ranks are of different kinds, and
  // half of the most may be more than that.
  std::vector<FittedPiece> predictions(const TensorPlace& place, ByteView base,
                                       ByteView result) const {
    std::vector<Candidate> candidates = fit(place, base, result);
    int64_t most = 0;
    for (const Candidate& candidate : candidates) most = std::max(most, candidate.saved);
    std::vector<FittedPiece> found;
    for (Candidate& candidate : candidates) {
      // What ranks save is an estimate for normal residuals: never without looking.
      if (candidate.saved >= most / 2 || candidate.fitted.piece.ranks == 0)
        found.push_back(std::move(candidate.fitted));
    }
    return found;
  }

  // Columns in which residuals may differ in size; one row where that is not looked at.
  uint32_t plain_columns(const TensorPlace& place, uint64_t elements) const {
    const bool has_rows = type_.kind == ValueKind::floating && place.row_elements > 1 &&
                          place.row_elements < elements &&
                          place.row_elements <= kMaxColumns;
    return static_cast<uint32_t>(has_rows ? place.row_elements : elements);
  }

  // Whether rows may consist of blocks that have scales of their own.
  bool may_have_blocks(const TensorPlace& place) const {
    return type_.kind == ValueKind::code && (type_.is_half || place.result_zero != 0) &&
           place.column_elements < place.row_elements;
  }

  // With the gains that save most; with ranks on top of them; and with ranks alone.
  std::vector<Candidate> fit(const TensorPlace& place, ByteView base,
                             ByteView result) const {
    FittedPiece plain;
    plain.piece.elements = elements_in(type_, result.size());
    plain.piece.method = PieceMethod::predicted;
    plain.piece.base_zero = place.base_zero;
    plain.piece.result_zero = place.result_zero;
    plain.piece.columns = plain_columns(place, plain.piece.elements);
    if (type_.gain_bits == 0) return {{plain}};
    const MatrixPair matrices = load_matrices(type_, plain.piece, base, result);
    Candidate best{plain};
    const auto try_gains = [&](GainAxis axis, uint64_t columns) {
      if (columns < kLeastLane || columns > plain.piece.elements) return;
      if (axis == GainAxis::column && columns > kMaxColumns) return;
      Candidate candidate{plain};
      candidate.fitted.piece.columns = static_cast<uint32_t>(columns);
      candidate.saved = fit_gains(type_, matrices, axis, &candidate.fitted);
      if (candidate.saved > best.saved) best = std::move(candidate);
    };
    try_gains(GainAxis::row, plain.piece.elements);
    try_gains(GainAxis::column, place.column_elements);
    try_gains(GainAxis::row, place.row_elements);
    if (may_have_blocks(place)) try_gains(GainAxis::row, place.column_elements);
    std::vector<Candidate> candidates = {best};
    const auto try_ranks = [&](Candidate candidate) {
      fit_ranks(type_, matrices, &candidate.fitted);
      if (candidate.fitted.piece.ranks == 0) return;
      candidate.saved += candidate.fitted.ranks.saved;
      candidates.push_back(std::move(candidate));
    };
    // Gains may be a shadow of ranks, which are then better found without them.
    if (best.fitted.piece.axis != GainAxis::none) try_ranks(best);
    if (place.row_elements >= kLeastLane && place.row_elements <= plain.piece.elements) {
      plain.piece.columns = static_cast<uint32_t>(place.row_elements);
      try_ranks({plain});
    }
    return candidates;
  }

  uint64_t cost_of(const FittedPiece& fitted, ByteView base, ByteView result) {
    *trial_ = *model_;
    BitCost cost;
    code(cost, *trial_, fitted, base, result);
    return cost.cost();
  }

  void write(const FittedPiece& fitted, ByteView base, ByteView result) {
    code(coder_, *model_, fitted, base, result);
    room_ -= result.size();
  }

  // Models store what they have coded: the same values as were there.
  template <typename Coder>
  void code(Coder& coder, ValueModel& model, const FittedPiece& fitted, ByteView base,
            ByteView result) {
    scratch_.assign(result.begin(), result.end());
    Piece piece = fitted.piece;
    if (!model.code_head(coder, type_, has_base_, room_, &piece) ||
        !model.code(coder, type_, piece, fitted.view(), base.data(), scratch_.data())) {
      throw Error(Status::internal, "values: a piece that no decoder takes");
    }
  }

  ValueType type_;
  bool has_base_;
  uint64_t room_;
  std::unique_ptr<ValueModel> model_ = std::make_unique<ValueModel>();
  std::unique_ptr<ValueModel> trial_ = std::make_unique<ValueModel>();
  std::vector<uint8_t> coded_;
  RangeEncoder coder_;
  std::vector<uint8_t> scratch_;
  size_t reported_ = 0;  // bytes that the coder had
  std::string predictor_;
};

}  // namespace

std::vector<uint8_t> encode_values(Dtype dtype, const std::vector<SectionPart>& parts,
                                   ByteView base, ByteView result,
                                   std::vector<PartReport>* reports) {
  ValueType type;
  if (!value_type(dtype, &type)) (void)half_type(dtype, &type);
  return encode_values(type, parts, base, result, reports);
}

std::vector<uint8_t> encode_values(const ValueType& type,
                                   const std::vector<SectionPart>& parts, ByteView base,
                                   ByteView result, std::vector<PartReport>* reports) {
  ValuesEncoder encoder(type, !base.empty(), result.size());
  size_t at = 0;
  for (const SectionPart& part : parts) {
    const auto length = static_cast<size_t>(part.length_bytes);
    encoder.add(part.place, base.empty() ? base : base.subspan(at, length),
                result.subspan(at, length));
    if (reports != nullptr) reports->push_back(encoder.report());
    at += length;
  }
  return encoder.finish();
}

}  // namespace mallorn::pack
