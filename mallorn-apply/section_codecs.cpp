#include "mallorn-apply/section_codecs.hpp"

#include "mallorn-apply/core/blocks_decoder.hpp"
#include "mallorn-apply/core/mask_decoder.hpp"
#include "mallorn-apply/core/mixed_decoder.hpp"
#include "mallorn-apply/core/values_decoder.hpp"
#include "mallorn-apply/planes_decoder.hpp"
#include "mallorn-apply/zstd_decoder.hpp"

namespace mallorn::apply {
namespace {

// More pieces than any encoder makes are told as if the rest were one.
constexpr size_t kMaxTraced = 4096;

class Tracer final : public PieceWatch {
 public:
  Tracer(size_t coded_bytes, SectionTrace* trace)
      : coded_bytes_(coded_bytes), trace_(*trace) {}
  void see(const Piece& piece, size_t result_end, size_t coded_left) override {
    if (trace_.size() == kMaxTraced) trace_.pop_back();
    trace_.push_back({piece, result_end, coded_bytes_ - coded_left});
  }

 private:
  size_t coded_bytes_;
  SectionTrace& trace_;
};

}  // namespace

template <typename Decode>
Status HostSections::traced(const SectionHeader& header, ByteView coded,
                            size_t result_bytes, Decode decode) {
  const auto codec = static_cast<size_t>(header.codec);
  if (codec >= spent_.size()) return Status::unknown_codec;
  const SpentTimer timer(&spent_[codec], result_bytes);
  if (!keeps_traces_) return decode(nullptr);
  Tracer tracer(coded.size(), &traces_.emplace_back());
  return decode(&tracer);
}

Status HostSections::decode(const SectionHeader& header, ByteView coded, ByteView base,
                            ByteSpan result) {
  return traced(header, coded, result.size(), [&](PieceWatch* watch) {
    return decode_by_codec(header, coded, base, result, watch);
  });
}

Status HostSections::decode_by_weights(const SectionHeader& header, ByteView coded,
                                       WeightSource& base, ByteSpan result) {
  return traced(header, coded, result.size(), [&](PieceWatch* watch) {
    if (!blocks_) blocks_ = std::make_unique<BlockModel>();
    return decode_blocks(header.dtype, coded, base, blocks_.get(), result, watch);
  });
}

Status HostSections::decode_by_codec(const SectionHeader& header, ByteView coded,
                                     ByteView base, ByteSpan result, PieceWatch* watch) {
  switch (header.codec) {
    case CodecId::stored:
      if (coded.empty() && (!header.conversion.is_none() || header.is_permuted))
        coded = base;
      if (coded.size() != result.size()) return Status::corrupt_data;
      memcpy(result.data(), coded.data(), coded.size());
      return Status::ok;
    case CodecId::zstd:
      return decode_zstd(coded, result);
    case CodecId::planes:
      return decode_planes(header.dtype, coded, base, result);
    case CodecId::blocks:
      if (!blocks_) blocks_ = std::make_unique<BlockModel>();
      return decode_blocks(header.dtype, coded, base, blocks_.get(), result, watch);
    case CodecId::values:
      if (!values_) values_ = std::make_unique_for_overwrite<ValueModel>();
      return decode_values(header.dtype, coded, base, values_.get(), result, watch);
    case CodecId::mask:
      if (!mask_) mask_ = std::make_unique<MaskModel>();
      return decode_mask(header.dtype, coded, base, mask_.get(), result);
    case CodecId::tokens:
      if (!tokens_) tokens_ = std::make_unique<TokensWorkspace>();
      return decode_tokens(header.dtype, coded, base, kernels_, tokens_.get(), result);
    case CodecId::mixed:
      if (!mixed_) mixed_ = std::make_unique<MixedModel>();
      return decode_mixed(header.dtype, coded, base, mixed_.get(), result);
    case CodecId::edits:
      if (!values_) values_ = std::make_unique_for_overwrite<ValueModel>();
      if (!edits_) edits_ = std::make_unique<EditsWorkspace>();
      return decode_edits(header.dtype, coded, base, edits_.get(), values_.get(), result);
    case CodecId::grid:
      if (!values_) values_ = std::make_unique_for_overwrite<ValueModel>();
      if (!grid_) grid_ = std::make_unique<GridWorkspace>();
      return decode_grid(header.dtype, coded, base, grid_.get(), values_.get(), result);
  }
  return Status::unknown_codec;
}

ByteModel* HostSections::byte_model(uint64_t bytes) {
  constexpr uint64_t kMany = 2048;
  if (!bytes_) bytes_ = make_large_object<ByteModel>(bytes >= kMany);
  return bytes_.get();
}

}  // namespace mallorn::apply
