// The decoders of sections, by codec number.
#pragma once

#include "mallorn-apply/core/chunk_decoder.hpp"

namespace mallorn::apply {

class HostSections final : public SectionDecoder {
 public:
  Status decode(const SectionHeader& header, ByteView coded, ByteView base,
                ByteSpan result) override;
};

}  // namespace mallorn::apply
