// Decodes codec 3, `blocks` (docs/format/blocks.md).
#pragma once

#include "libcommon/core/block_model.hpp"
#include "libcommon/core/bytes.hpp"
#include "libcommon/core/status.hpp"
#include "mallorn-apply/core/piece_watch.hpp"

namespace mallorn::apply {

// Fills `result` from `coded` and `base`, which is as long. `model`, in any state, is
// memory to work with; `watch`, if given, sees each piece. corrupt_data, and `result`
// partly written, if `dtype` has no grid, if there is no base, or if the data is damaged.
Status decode_blocks(Dtype dtype, ByteView coded, ByteView base, BlockModel* model,
                     ByteSpan result, PieceWatch* watch = nullptr);

// Where the weights of a section's base come from, one after the other.
class WeightSource {
 public:
  // The next `count`, as binary32; there are as many as the section has elements.
  virtual void read(size_t count, uint32_t* numbers) = 0;

 protected:
  ~WeightSource() = default;
};

// The same from weights of another dtype; `result` is whole blocks.
Status decode_blocks(Dtype dtype, ByteView coded, WeightSource& base, BlockModel* model,
                     ByteSpan result, PieceWatch* watch = nullptr);

}  // namespace mallorn::apply
