// Turns a delta stream into the steps of a patch of profile `lite` (docs/format/lite.md):
// one list for the whole result. Bytes between tensors are matched anew, for steps that a
// small device can take.
#pragma once

#include <vector>

#include "libcommon/core/lite_format.hpp"
#include "mallorn-pack/delta_source.hpp"

namespace mallorn::pack {

enum class LiteContent : uint8_t {
  copy,      // bytes of the base
  literal,   // bytes
  changed,   // bytes that resemble those of the base
  elements,  // of a type that the profile knows; with a base or without
  derived,   // from other numbers of the result
};

struct LitePiece {
  LiteContent content = LiteContent::literal;
  uint32_t begin = 0;  // in the result
  uint32_t length = 0;
  bool has_base = false;
  uint32_t base_offset = 0;
  bool is_own = false;           // copies, changed bytes: base_offset is in the result
  LiteType type = LiteType::i8;  // of elements
  TensorPlace place;             // of elements
  uint32_t source = 0;           // derived: in the result, or in the base
  bool has_source_in_base = false;
  uint32_t factor = 0;  // derived
};

// How the result may be written over the base: in blocks of so many bytes, a power of two,
// each of which is kept elsewhere until all that begin up to `lag_bytes` behind it are made
// as well: a multiple of block_bytes. No blocks: it may not.
struct InPlace {
  uint32_t block_bytes = 0;
  uint32_t lag_bytes = 0;
};

struct LitePlan {
  std::vector<uint8_t> result;
  std::vector<uint8_t> base;  // what the stream has of it; 0 elsewhere
  std::vector<LitePiece> pieces;
};

// The first `length` bytes of a piece, which keeps the rest.
LitePiece split_off(LitePiece* piece, uint32_t length);
// Bytes of an element.
uint32_t lite_unit(const LitePiece& piece);

// What a delta stream tells of both models.
class LitePlanner {
 public:
  // Reads all of `source`. Without floats they are coded as bytes. Throws
  // Error(limit_exceeded) for files that are too long for the profile.
  LitePlanner(DeltaSource& source, bool has_floats);

  // No piece goes past a multiple of `restart_bytes`, which is one of in_place.block_bytes.
  LitePlan plan(uint32_t restart_bytes, const InPlace& in_place) const;

 private:
  std::vector<bool> known_;  // which bytes of the base the stream has told
  LitePlan all_;             // with pieces as they come
};

}  // namespace mallorn::pack
