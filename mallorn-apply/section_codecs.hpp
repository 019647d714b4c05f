// The decoders of sections, by codec number.
#pragma once

#include <array>
#include <memory>

#include "libcommon/core/block_model.hpp"
#include "libcommon/core/mask_model.hpp"
#include "libcommon/core/mixed_model.hpp"
#include "libcommon/core/value_model.hpp"
#include "mallorn-apply/core/chunk_decoder.hpp"
#include "mallorn-apply/core/tokens_decoder.hpp"
#include "mallorn-apply/fast_tokens.hpp"
#include "mallorn-apply/large_object.hpp"
#include "mallorn-apply/spent_time.hpp"

namespace mallorn::apply {

class HostSections final : public SectionDecoder {
 public:
  explicit HostSections(const TokenKernels& kernels = fast_kernels()) : kernels_(kernels) {}

  Status decode(const SectionHeader& header, ByteView coded, ByteView base,
                ByteSpan result) override;
  ByteModel* byte_model() override;

  // What decoding took so far, by number of the codec.
  using SpentByCodec = std::array<Spent, kCodecCount>;
  const SpentByCodec& spent() const { return spent_; }

 private:
  Status decode_by_codec(const SectionHeader& header, ByteView coded, ByteView base,
                         ByteSpan result);

  const TokenKernels& kernels_;
  SpentByCodec spent_{};
  LargeObject<ByteModel> bytes_;
  std::unique_ptr<BlockModel> blocks_;
  std::unique_ptr<ValueModel> values_;
  std::unique_ptr<MaskModel> mask_;
  std::unique_ptr<TokensWorkspace> tokens_;
  std::unique_ptr<MixedModel> mixed_;
};

}  // namespace mallorn::apply
