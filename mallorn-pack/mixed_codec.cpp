#include "mallorn-pack/mixed_codec.hpp"

#include <algorithm>
#include <memory>

#include "libcommon/error.hpp"
#include "mallorn-pack/mixed_fit.hpp"
#include "mallorn-pack/range_encoder.hpp"

namespace mallorn::pack {
namespace {

class MixedEncoder {
 public:
  MixedEncoder(const ValueType& type, bool has_base, uint64_t bytes)
      : type_(type), has_base_(has_base), room_(bytes), coder_(coded_) {}

  // Codes a part of a tensor: first what is left of a row begun before, then the matrix,
  // then bytes that fill no element.
  void add(const TensorPlace& place, ByteView base, ByteView result) {
    const size_t elements = result.size() / type_.bytes;
    uint64_t begun = 0;
    if (place.row_elements > 1 && place.first_element % place.row_elements != 0) {
      begun = place.row_elements - place.first_element % place.row_elements;
    }
    const size_t first = std::min<uint64_t>(elements, begun) * type_.bytes;
    const size_t whole = elements * type_.bytes;
    add_elements(place, base, result, 0, first);
    add_elements(place, base, result, first, whole);
    if (whole < result.size()) {
      MixedPiece piece;
      piece.elements = result.size() - whole;
      piece.method = MixedMethod::bytes;
      write(piece, {}, result.subspan(whole));
    }
  }

  std::vector<uint8_t> finish() {
    coder_.finish();
    return std::move(coded_);
  }

 private:
  void add_elements(const TensorPlace& place, ByteView base, ByteView result, size_t begin,
                    size_t end) {
    if (begin == end) return;
    const ByteView from = base.empty() ? base : base.subspan(begin, end - begin);
    const ByteView to = result.subspan(begin, end - begin);
    const int32_t zero = type_.kind == ValueKind::code ? place.result_zero : 0;
    write(fit_mixed(type_, place.row_elements, place.column_elements, zero, from, to), from,
          to);
  }

  // The model stores what it has coded: the same values as were there.
  void write(MixedPiece piece, ByteView base, ByteView result) {
    scratch_.assign(result.begin(), result.end());
    if (!model_->code_head(coder_, type_, has_base_, room_, &piece)) {
      throw Error(Status::internal, "mixed: a piece that no decoder takes");
    }
    model_->begin_piece(type_, piece);
    for (uint64_t i = 0; i < piece.elements; ++i) {
      model_->code_element(coder_, type_, piece, i, base.data(), scratch_.data());
    }
    room_ -= result.size();
  }

  ValueType type_;
  bool has_base_;
  uint64_t room_;
  std::unique_ptr<MixedModel> model_ = std::make_unique<MixedModel>();
  std::vector<uint8_t> coded_;
  RangeEncoder coder_;
  std::vector<uint8_t> scratch_;
};

}  // namespace

std::vector<uint8_t> encode_mixed(Dtype dtype, const std::vector<SectionPart>& parts,
                                  ByteView base, ByteView result) {
  ValueType type;
  (void)mixed_type(dtype, &type);
  MixedEncoder encoder(type, !base.empty(), result.size());
  size_t at = 0;
  for (const SectionPart& part : parts) {
    const auto length = static_cast<size_t>(part.length_bytes);
    encoder.add(part.place, base.empty() ? base : base.subspan(at, length),
                result.subspan(at, length));
    at += length;
  }
  return encoder.finish();
}

}  // namespace mallorn::pack
