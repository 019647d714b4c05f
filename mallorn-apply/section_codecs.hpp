// The decoders of sections, by codec number.
#pragma once

#include <memory>

#include "libcommon/core/block_model.hpp"
#include "libcommon/core/mask_model.hpp"
#include "libcommon/core/value_model.hpp"
#include "mallorn-apply/core/chunk_decoder.hpp"
#include "mallorn-apply/core/tokens_decoder.hpp"

namespace mallorn::apply {

class HostSections final : public SectionDecoder {
 public:
  Status decode(const SectionHeader& header, ByteView coded, ByteView base,
                ByteSpan result) override;
  ByteModel* byte_model() override;

 private:
  std::unique_ptr<ByteModel> bytes_;
  std::unique_ptr<BlockModel> blocks_;
  std::unique_ptr<ValueModel> values_;
  std::unique_ptr<MaskModel> mask_;
  std::unique_ptr<TokensWorkspace> tokens_;
};

}  // namespace mallorn::apply
