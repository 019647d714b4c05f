#include "mallorn-pack/section_encoder.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "libcommon/core/mixed_model.hpp"
#include "libcommon/core/quant_block.hpp"
#include "libcommon/core/token_model.hpp"
#include "libcommon/core/value_model.hpp"
#include "libcommon/zstd_encoder.hpp"
#include "mallorn-pack/blocks_codec.hpp"
#include "mallorn-pack/edits_codec.hpp"
#include "mallorn-pack/equal_bytes.hpp"
#include "mallorn-pack/grid_codec.hpp"
#include "mallorn-pack/mask_codec.hpp"
#include "mallorn-pack/mixed_codec.hpp"
#include "mallorn-pack/planes_codec.hpp"
#include "mallorn-pack/section_sample.hpp"
#include "mallorn-pack/tokens_codec.hpp"
#include "mallorn-pack/values_codec.hpp"

namespace mallorn::pack {
namespace {

// Of zstd, to see whether bytes repeat.
constexpr int kQuickLevel = 1;

// What some codecs send before the first element counts below this.
constexpr size_t kFewBytes = 1024;

bool is_fast(const SectionPlan& plan, const PackOptions& options) {
  return options.level <= kFastLevel && plan.result.size() > kSmallSection;
}

// Whether a part goes on with the rows of the one before: those of one matrix, wherever
// they lie in it.
bool continues(Dtype dtype, const SectionPart& before, const SectionPart& part) {
  const TensorPlace& from = before.place;
  const TensorPlace& to = part.place;
  const DtypeLayout& layout = dtype_layout(dtype);
  const uint64_t next =
      from.first_element + before.length_bytes / layout.block_bytes * layout.block_elements;
  return part.matrix && part.matrix == before.matrix && from.row_elements > 0 &&
         from.row_elements == to.row_elements &&
         from.column_elements == to.column_elements && from.base_zero == to.base_zero &&
         from.result_zero == to.result_zero &&
         next % from.row_elements == to.first_element % from.row_elements;
}

// The parts as the codecs see them: what is known of a matrix is known of more of its rows.
std::vector<SectionPart> join_rows(Dtype dtype, const std::vector<SectionPart>& parts) {
  std::vector<SectionPart> joined;
  for (const SectionPart& part : parts) {
    if (!joined.empty() && continues(dtype, joined.back(), part)) {
      joined.back().length_bytes += part.length_bytes;
    } else {
      joined.push_back(part);
    }
  }
  return joined;
}

// Reports of joined parts, dealt out to those that were joined, by size.
std::vector<PartReport> deal_out(const std::vector<PartReport>& reports,
                                 const std::vector<SectionPart>& joined,
                                 const std::vector<SectionPart>& parts) {
  std::vector<PartReport> dealt;
  size_t part = 0;
  for (size_t i = 0; i < reports.size(); ++i) {
    uint64_t told = 0;
    for (uint64_t bytes = 0; bytes < joined[i].length_bytes; ++part) {
      bytes += parts[part].length_bytes;
      const uint64_t so_far = reports[i].coded_bytes * bytes / joined[i].length_bytes;
      dealt.push_back({so_far - told, reports[i].predictor});
      told = so_far;
    }
  }
  return dealt;
}

// Whether most bytes are those of the base.
bool is_nearly_same(const SectionPlan& plan) {
  if (plan.base.size() != plan.result.size()) return false;
  return equal_bytes(plan.base, plan.result) >= plan.result.size() / 8 * 7;
}

// What planes would take, by a quick look; with a base, at a sample: one in so many of runs
// of so many bytes. Without one, what makes them small is long runs of zeros, which may be
// anywhere.
uint64_t guess_planes(const SectionPlan& plan, size_t run_bytes, size_t one_in) {
  if (!plan.has_base) return encode_planes(plan.dtype, {}, plan.result, kQuickLevel).size();
  const std::vector<SectionPart> whole = {{plan.result.size(), {}, {}}};
  const SectionSample sample =
      sample_of(plan.dtype, whole, plan.base, plan.result, run_bytes, one_in);
  const auto coded = encode_planes(plan.dtype, sample.base, sample.result, kQuickLevel);
  return sample.scaled(coded.size(), plan.result.size());
}

// Whether planes would take less than `most`. Few bytes tell where they take far more.
bool may_have_planes(const SectionPlan& plan, uint64_t most) {
  return guess_planes(plan, 2 * 1024, 32) < most / 8 * 9 &&
         guess_planes(plan, 8 * 1024, 8) < most;
}

// Whether zstd may need fewer bytes than `least`: at a quick level, it needs up to half as
// much again as at others.
bool may_repeat(const SectionPlan& plan, size_t least) {
  const size_t quick = encode_zstd(plan.result, kQuickLevel).size();
  return quick < (plan.has_base ? least / 2 * 3 : least);
}

// Offers a section to one codec after the other.
class Contest {
 public:
  Contest(const SectionPlan& plan, const PackOptions& options)
      : plan_(plan),
        options_(options),
        is_fast_(is_fast(plan, options)),
        joined_(join_rows(plan.dtype, plan.parts)),
        best_{CodecId::stored, false, {}, {}},
        least_(plan.result.size()) {
    TokenType tokens;
    if (token_type(plan.dtype, &tokens)) token_kind_ = tokens.kind;
  }

  CodedSection winner() {
    if (is_fast_) try_tokens_first();
    if (plan_.has_base) try_edits();
    try_grid();
    if (!is_fast_) try_adaptive();
    if (options_.is_max) try_mixed();
    if (!plan_.masks.empty())
      offer(CodecId::mask, false, encode_mask(plan_.masks, plan_.result));
    try_general();
    const ByteView stored = plan_.result;
    if (best_.codec == CodecId::stored) best_.coded.assign(stored.begin(), stored.end());
    return std::move(best_);
  }

 private:
  void offer(CodecId codec, bool uses_base, std::vector<uint8_t> coded) {
    if (coded.size() < least()) {
      least_ = coded.size();
      best_ = {codec, uses_base, std::move(coded),
               deal_out(reports_, joined_, plan_.parts)};
    }
    reports_.clear();
  }

  size_t least() const { return least_; }

  // Codecs of floats would code bits that are always the same.
  bool is_on_grid() const { return best_.codec == CodecId::grid; }

  void try_tokens() {
    std::vector<uint8_t> coded = encode_tokens(plan_.dtype, plan_.base, plan_.result);
    if (!coded.empty()) offer(CodecId::tokens, plan_.has_base, std::move(coded));
  }

  void try_tokens_first() {
    if (!token_kind_ || (!plan_.has_base && *token_kind_ == TokenKind::blocks)) return;
    try_tokens();
    resembles_base_ = plan_.has_base && least() < plan_.result.size() / 4 * 3;
  }

  // Tokens decode several times as fast: at fast levels, half of them is worth it.
  void try_edits() {
    const bool has_tokens = best_.codec == CodecId::tokens;
    if (has_tokens && !has_few_edits()) return;
    std::vector<uint8_t> coded =
        encode_edits(plan_.dtype, joined_, plan_.base, plan_.result);
    const size_t more = has_tokens ? coded.size() : 0;
    if (!coded.empty() && coded.size() + more < least())
      offer(CodecId::edits, true, std::move(coded));
  }

  // Whether edits may have half as many bytes as there are, by a sample. Those of a sample
  // have some more for heads, and until models have learned.
  bool has_few_edits() const {
    constexpr size_t kHeads = 64;
    const SectionSample sample =
        sample_of(plan_.dtype, joined_, plan_.base, plan_.result, 8 * 1024, 16);
    if (!may_follow(plan_.dtype, sample.parts, sample.base, sample.result)) return false;
    const size_t coded =
        encode_edits(plan_.dtype, sample.parts, sample.base, sample.result).size();
    const uint64_t guess =
        sample.scaled(coded - std::min(coded, kHeads), plan_.result.size());
    return coded != 0 && guess < least() / 8 * 5;
  }

  void try_grid() {
    std::vector<uint8_t> coded =
        encode_grid(plan_.dtype, joined_, plan_.base, plan_.result);
    if (!coded.empty()) offer(CodecId::grid, plan_.has_base, std::move(coded));
  }

  // Element by element, with models that follow them.
  void try_adaptive() {
    const Dtype dtype = plan_.dtype;
    const bool is_on_grid = this->is_on_grid();
    if (plan_.has_base && quant_grid(dtype) != nullptr) {
      offer(CodecId::blocks, true,
            encode_blocks(dtype, joined_, plan_.base, plan_.result, &reports_));
    }
    ValueType type;
    if (!is_on_grid && (value_type(dtype, &type) || half_type(dtype, &type))) {
      offer(CodecId::values, plan_.has_base,
            encode_values(dtype, joined_, plan_.base, plan_.result, &reports_));
    }
  }

  void try_mixed() {
    ValueType type;
    if (is_on_grid() || !mixed_type(plan_.dtype, &type)) return;
    offer(CodecId::mixed, plan_.has_base,
          encode_mixed(plan_.dtype, joined_, plan_.base, plan_.result));
  }

  // Where elements resemble those of the base, or a tensor is pruned, what knows bytes
  // alone does not come near, unless they repeat: rows of padding, for example.
  void try_general() {
    const size_t size = plan_.result.size();
    const bool resembles = (resembles_base_ || least() < size / 2) && least() >= kFewBytes;
    const bool resembles_base = resembles && plan_.has_base;
    const bool is_near = plan_.has_base && is_nearly_same(plan_);
    if (resembles_base && !is_fast_ && token_kind_ &&
        (is_near || *token_kind_ == TokenKind::integer)) {
      try_tokens();
    }
    const bool is_open =
        !resembles || (!(plan_.has_base && is_fast_) && may_repeat(plan_, least()));
    // Where hardly a byte has changed, each codec leaves little; and where numbers are of
    // few kinds, so do planes. A quick look is a sixteenth off, at most; and tokens, which
    // decode faster, are worth that.
    const auto may_be_small = [&] {
      return is_fast_
                 ? is_near && may_have_planes(plan_, (uint64_t{least()} * 15 + 15) / 16)
                 : is_near ||
                       guess_planes(plan_, 8 * 1024, 8) * 15 < uint64_t{least()} * 16;
    };
    if (is_open || may_be_small()) {
      offer(CodecId::planes, plan_.has_base,
            encode_planes(plan_.dtype, plan_.base, plan_.result, options_.level));
    }
    if (is_open && !(is_fast_ && is_near && least() < size / 2))
      offer(CodecId::zstd, false,
            ZstdEncoder().encode_smallest(plan_.result, options_.level));
  }

  const SectionPlan& plan_;
  const PackOptions& options_;
  const bool is_fast_;
  std::optional<TokenKind> token_kind_;  // nothing: no tokens can be made
  bool resembles_base_ = false;
  const std::vector<SectionPart> joined_;
  CodedSection best_;                // nothing is coded yet of what is stored
  size_t least_;                     // what it takes
  std::vector<PartReport> reports_;  // of what is offered next
};

// By weights, unless that takes more bytes, or too long.
CodedSection encode_by_weights(const SectionPlan& plan, const PackOptions& options) {
  CodedSection best;
  const bool is_hurried = is_fast(plan, options);
  if (!is_hurried) {
    best = {CodecId::blocks, true, {}, {}};
    best.coded = encode_blocks_by_weights(plan.dtype, plan.parts, plan.base, plan.result,
                                          &best.reports);
    if (best.coded.size() < plan.result.size() / 4 * 3) return best;
  }
  SectionPlan alone = plan;
  alone.has_base = false;
  alone.base.clear();
  alone.conversion = {};
  CodedSection other = encode_section(alone, options);
  return is_hurried || other.coded.size() < best.coded.size() ? other : best;
}

}  // namespace

CodedSection encode_section(const SectionPlan& plan, const PackOptions& options) {
  if (has_weights(plan.conversion, plan.dtype)) return encode_by_weights(plan, options);
  if ((!plan.conversion.is_none() || plan.is_permuted) && plan.base == plan.result)
    return {CodecId::stored, true, {}, {}};
  return Contest(plan, options).winner();
}

}  // namespace mallorn::pack
