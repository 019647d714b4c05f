// The decoders of sections, by codec number.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "libcommon/core/block_model.hpp"
#include "libcommon/core/mask_model.hpp"
#include "libcommon/core/mixed_model.hpp"
#include "libcommon/core/value_model.hpp"
#include "mallorn-apply/core/chunk_decoder.hpp"
#include "mallorn-apply/core/edits_decoder.hpp"
#include "mallorn-apply/core/grid_decoder.hpp"
#include "mallorn-apply/core/piece_watch.hpp"
#include "mallorn-apply/core/tokens_decoder.hpp"
#include "mallorn-apply/fast_tokens.hpp"
#include "mallorn-apply/large_object.hpp"
#include "mallorn-apply/spent_time.hpp"

namespace mallorn::apply {

// A piece of a section, as PieceWatch has them, or some that are told as one.
struct PieceTrace {
  Piece piece;
  size_t result_end = 0;  // of the section
  size_t coded_end = 0;   // of its payload, as the encoder told it
};
using SectionTrace = std::vector<PieceTrace>;  // none if the codec has no pieces

class HostSections final : public SectionDecoder {
 public:
  explicit HostSections(const TokenKernels& kernels = fast_kernels(),
                        bool keeps_traces = false)
      : kernels_(kernels), keeps_traces_(keeps_traces) {}

  Status decode(const SectionHeader& header, ByteView coded, ByteView base,
                ByteSpan result) override;
  Status decode_by_weights(const SectionHeader& header, ByteView coded, WeightSource& base,
                           ByteSpan result) override;
  ByteModel* byte_model(uint64_t bytes) override;

  // What decoding took so far, by number of the codec.
  using SpentByCodec = std::array<Spent, kCodecCount>;
  const SpentByCodec& spent() const { return spent_; }

  // One for each section that was decoded since the last begin_chunk(), if they are kept.
  const std::vector<SectionTrace>& traces() const { return traces_; }
  void begin_chunk() { traces_.clear(); }

 private:
  // Calls decode(who sees the pieces, or null).
  template <typename Decode>
  Status traced(const SectionHeader& header, ByteView coded, size_t result_bytes,
                Decode decode);
  Status decode_by_codec(const SectionHeader& header, ByteView coded, ByteView base,
                         ByteSpan result, PieceWatch* watch);

  const TokenKernels& kernels_;
  bool keeps_traces_;
  std::vector<SectionTrace> traces_;
  SpentByCodec spent_{};
  LargeObject<ByteModel> bytes_;
  std::unique_ptr<BlockModel> blocks_;
  std::unique_ptr<ValueModel> values_;
  std::unique_ptr<MaskModel> mask_;
  std::unique_ptr<TokensWorkspace> tokens_;
  std::unique_ptr<MixedModel> mixed_;
  std::unique_ptr<EditsWorkspace> edits_;
  std::unique_ptr<GridWorkspace> grid_;
};

}  // namespace mallorn::apply
