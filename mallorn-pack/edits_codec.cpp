#include "mallorn-pack/edits_codec.hpp"

#include <algorithm>
#include <memory>

#include "libcommon/error.hpp"
#include "mallorn-pack/append_varint.hpp"
#include "mallorn-pack/edit_factor.hpp"
#include "mallorn-pack/edit_fit.hpp"
#include "mallorn-pack/range_encoder.hpp"
#include "mallorn-pack/values_codec.hpp"

namespace mallorn::pack {
namespace {

// So many elements tell whether a run is apt.
constexpr size_t kRunSample = 2048;

// One in so many elements becomes a special value, as is expected: else it is chance.
constexpr uint64_t kFewSpecial = 128;

// Elements that differ are foreseen better by `values`, which knows how much those around
// them do: most have to be the same.
bool is_apt(const ValueType& type, uint64_t same, uint64_t special, uint64_t elements) {
  if (special * kFewSpecial >= elements) return true;
  const uint64_t differ = elements - same;
  if (type.kind == ValueKind::code) return differ * 16 <= elements;
  return differ * (type.bytes == 2 ? 8 : 2) <= elements;
}

// Elements that are neither those of the base nor special, joined.
struct Others {
  std::vector<SectionPart> parts;
  std::vector<uint8_t> base;
  std::vector<uint8_t> result;

  void add(ByteView from, ByteView to) {
    base.insert(base.end(), from.begin(), from.end());
    result.insert(result.end(), to.begin(), to.end());
  }
  // What has been added since is of a tensor at `place`.
  void end_part(const TensorPlace& place) {
    uint64_t told = 0;
    for (const SectionPart& part : parts) told += part.length_bytes;
    const uint64_t more = result.size() - told;
    if (more == 0) return;
    const bool joins = !parts.empty() && parts.back().place.base_zero == place.base_zero &&
                       parts.back().place.result_zero == place.result_zero;
    if (joins) {
      parts.back().length_bytes += more;
    } else {
      parts.push_back({more, {0, 0, 0, place.base_zero, place.result_zero}, {}});
    }
  }
};

class EditsEncoder {
 public:
  EditsEncoder(const ValueType& type, uint64_t bytes)
      : type_(type), room_(bytes / type.bytes), coder_(coded_) {}

  // Codes a piece, whose row and factors are known; `base` is multiplied by those.
  void add(const TensorPlace& place, EditPiece piece, const std::vector<uint32_t>& factors,
           ByteView base, ByteView result) {
    if (!model_->code_head(coder_, type_, room_, &piece))
      throw Error(Status::internal, "edits: a piece that no decoder takes");
    room_ -= piece.elements;
    strange_.assign(static_cast<size_t>(piece.elements), 0);
    const auto row = static_cast<size_t>(piece.row);
    if (piece.factors == FactorKind::one) EditModel::code_factor(coder_, factors[0]);
    for (size_t i = 0; i < strange_.size(); ++i) {
      if (piece.factors == FactorKind::by_row && i % row == 0)
        EditModel::code_factor(coder_, factors[i / row]);
      const ByteView from = base.subspan(i * type_.bytes, type_.bytes);
      const ByteView to = result.subspan(i * type_.bytes, type_.bytes);
      const uint64_t bits = load_edit(type_, from.data());
      const uint32_t above = row != 0 && i >= row ? strange_[i - row] : 0u;
      const uint32_t edit = edit_of(piece, bits, load_edit(type_, to.data()));
      uint32_t is_strange = 0;
      model_->code_edit(coder_, type_, piece, bits, above, edit, &is_strange);
      strange_[i] = static_cast<uint8_t>(is_strange);
      if (edit == kEditOther) others_.add(from, to);
    }
    others_.end_part(place);
  }

  std::vector<uint8_t> finish(Dtype dtype) {
    coder_.finish();
    std::vector<uint8_t> made;
    append_varint(coded_.size(), &made);
    made.insert(made.end(), coded_.begin(), coded_.end());
    if (!others_.result.empty()) {
      const std::vector<uint8_t> rest =
          encode_values(dtype, others_.parts, others_.base, others_.result);
      made.insert(made.end(), rest.begin(), rest.end());
    }
    return made;
  }

 private:
  // What is expected, if that is right. Others may happen to be those of the base.
  uint32_t edit_of(const EditPiece& piece, uint64_t from, uint64_t to) const {
    const uint32_t expected = model_->expected(type_, piece, from);
    uint32_t special = 0;
    while (special < piece.special_count && piece.specials[special] != to) ++special;
    const bool is_special = special < piece.special_count;
    if (is_special && expected == kFirstSpecial + special) return expected;
    if (expected == kEditOther && !is_special) return expected;
    if (from == to) return kEditSame;
    return is_special ? kFirstSpecial + special : kEditOther;
  }

  ValueType type_;
  uint64_t room_;
  std::unique_ptr<EditModel> model_ = std::make_unique<EditModel>();
  std::vector<uint8_t> coded_;
  RangeEncoder coder_;
  std::vector<uint8_t> strange_;
  Others others_;
};

// A part of a section, or what is left of a row in it that was begun before.
struct Run {
  TensorPlace place;
  size_t begin;
  size_t length;

  ByteView of(ByteView bytes) const { return bytes.subspan(begin, length); }
};

std::vector<Run> runs_of(const EditType& edited, const std::vector<SectionPart>& parts) {
  std::vector<Run> runs;
  size_t at = 0;
  for (const SectionPart& part : parts) {
    const auto length = static_cast<size_t>(part.length_bytes);
    if (length == 0) continue;
    const uint32_t bytes = edited.type.bytes;
    TensorPlace place = part.place;
    if (edited.block_bytes != 0) place = {0, edited.block_bytes, 0, 0, 0};
    size_t first = 0;
    if (const uint64_t row = place.row_elements; row > 0) {
      const uint64_t begun = place.first_element % row;
      if (begun != 0 && (row - begun) < length / bytes)
        first = static_cast<size_t>(row - begun) * bytes;
    }
    if (first > 0) runs.push_back({place, at, first});
    runs.push_back({place, at + first, length - first});
    at += length;
  }
  return runs;
}

struct FittedRun {
  Run run;
  EditFactors factors;
  EditFit fit;
  uint64_t row = 0;

  // What its elements are multiplied to.
  ByteView base(ByteView bytes) const {
    return factors.products.empty() ? run.of(bytes) : ByteView(factors.products);
  }
};

// What a sample of an array says of all of it.
EditFit fit_sample(const ValueType& type, ByteView base, ByteView result) {
  const size_t elements = result.size() / type.bytes;
  if (elements <= 4 * kRunSample) return fit_edits(type, base, result, true);
  const size_t step = elements / kRunSample | 1;  // not a multiple of rows
  std::vector<uint8_t> from;
  std::vector<uint8_t> to;
  for (size_t at = 0; at < elements; at += step) {
    const auto add = [&](ByteView bytes, std::vector<uint8_t>* sample) {
      const ByteView element = bytes.subspan(at * type.bytes, type.bytes);
      sample->insert(sample->end(), element.begin(), element.end());
    };
    add(base, &from);
    add(result, &to);
  }
  EditFit fit = fit_edits(type, from, to, true);
  fit.piece.elements = elements;
  fit.same *= step;
  fit.special *= step;
  fit.same = std::min<uint64_t>(fit.same, elements);
  return fit;
}

FittedRun fit_run(const ValueType& type, const Run& run, ByteView base, ByteView result) {
  FittedRun fitted{run, {}, {}, 0};
  const uint64_t elements = run.length / type.bytes;
  const uint64_t row = run.place.row_elements <= elements ? run.place.row_elements : 0;
  fitted.factors = find_factors(type, row, run.of(base), run.of(result));
  fitted.fit = fit_sample(type, fitted.base(base), run.of(result));
  fitted.row = row;
  return fitted;
}

void fit_all(const ValueType& type, ByteView base, ByteView result, FittedRun* run) {
  run->fit = fit_edits(type, run->base(base), run->run.of(result));
  run->fit.piece.row = run->row;
  run->fit.piece.factors = run->factors.kind;
}

// With so much of what is apt, in `share` times as many elements.
bool are_apt(const ValueType& type, const std::vector<FittedRun>& runs, uint64_t share) {
  uint64_t elements = 0;
  uint64_t differ = 0;
  uint64_t special = 0;
  for (const FittedRun& run : runs) {
    elements += run.fit.piece.elements;
    special += run.fit.special;
    // What differs by the last place from a product hardly differs.
    if (run.factors.kind == FactorKind::none)
      differ += run.fit.piece.elements - run.fit.same;
  }
  return is_apt(type, elements - differ / share, special * share, elements);
}

// Whether hardly anything changes, and wherever it does.
bool is_sparse(const FittedRun& run) {
  return run.factors.kind == FactorKind::none && run.fit.piece.cut_count == 0 &&
         run.fit.piece.labels[0] == kEditSame &&
         (run.fit.piece.elements - run.fit.same) * 16 <= run.fit.piece.elements;
}

// Joins runs, of which the one goes on where the other ends, if one head does for both.
bool join(const FittedRun& run, FittedRun* before) {
  const bool has_one_zero = run.run.place.base_zero == before->run.place.base_zero &&
                            run.run.place.result_zero == before->run.place.result_zero;
  if (!has_one_zero || !is_sparse(run) || !is_sparse(*before)) return false;
  EditPiece piece = before->fit.piece;
  for (uint32_t i = 0; i < run.fit.piece.special_count; ++i) {
    const auto end = piece.specials.begin() + piece.special_count;
    if (std::find(piece.specials.begin(), end, run.fit.piece.specials[i]) != end) continue;
    if (piece.special_count == kMaxSpecials) return false;
    piece.specials[piece.special_count++] = run.fit.piece.specials[i];
  }
  piece.elements += run.fit.piece.elements;
  piece.row = 0;
  before->fit.piece = piece;
  before->fit.same += run.fit.same;
  before->run.length += run.run.length;
  return true;
}

// Whether there is a value that one in so many has, or they are too few to tell.
bool have_frequent_value(const std::vector<uint64_t>& all) {
  constexpr size_t kOneIn = 16;
  constexpr size_t kMost = 256;  // are looked at
  std::vector<uint64_t> some;
  const size_t step = all.size() / kMost + 1;
  for (size_t i = 0; i < all.size(); i += step) some.push_back(all[i]);
  if (some.size() < kOneIn) return true;
  std::sort(some.begin(), some.end());
  const size_t more = some.size() / kOneIn;
  for (size_t i = 0; i + more < some.size(); ++i) {
    if (some[i] == some[i + more]) return true;
  }
  return false;
}

}  // namespace

bool may_follow(Dtype dtype, const std::vector<SectionPart>& parts, ByteView base,
                ByteView result) {
  EditType edited;
  if (!edit_type(dtype, &edited) || base.size() != result.size()) return false;
  const ValueType& type = edited.type;
  std::vector<uint64_t> changed;
  for (const Run& run : runs_of(edited, parts)) {
    const ByteView from = run.of(base);
    const ByteView to = run.of(result);
    const uint64_t row = run.place.row_elements;
    if (find_factors(type, row, from, to).kind != FactorKind::none) return true;
    for (size_t at = 0; at + type.bytes <= run.length; at += type.bytes) {
      const uint64_t value = load_edit(type, to.data() + at);
      if (load_edit(type, from.data() + at) != value) changed.push_back(value);
    }
  }
  return have_frequent_value(changed);
}

std::vector<uint8_t> encode_edits(Dtype dtype, const std::vector<SectionPart>& parts,
                                  ByteView base, ByteView result) {
  EditType edited;
  if (!edit_type(dtype, &edited) || base.size() != result.size()) return {};
  const ValueType& type = edited.type;
  std::vector<FittedRun> found;
  for (const Run& run : runs_of(edited, parts)) {
    if (run.length % type.bytes != 0) return {};
    found.push_back(fit_run(type, run, base, result));
  }
  if (!are_apt(type, found, 2)) return {};  // a sample may be wrong
  for (FittedRun& run : found) fit_all(type, base, result, &run);
  if (!are_apt(type, found, 1)) return {};
  std::vector<FittedRun> runs;
  for (FittedRun& run : found) {
    if (runs.empty() || !join(run, &runs.back())) runs.push_back(std::move(run));
  }
  EditsEncoder encoder(type, result.size());
  for (const FittedRun& run : runs) {
    encoder.add(run.run.place, run.fit.piece, run.factors.factors, run.base(base),
                run.run.of(result));
  }
  return encoder.finish(edited.dtype);
}

}  // namespace mallorn::pack
