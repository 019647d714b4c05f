// Rebuilds one chunk of the result from its record and the base (docs/format/patch.md,
// "Chunks").
//
// Bytes that are copied from the base are not touched here: the caller finds them in the
// steps and writes them from where they are. All memory belongs to the caller.
#pragma once

#include "libcommon/core/byte_model.hpp"
#include "libcommon/core/derived_model.hpp"
#include "libcommon/core/patch_format.hpp"
#include "libcommon/core/step_model.hpp"
#include "mallorn-apply/core/blocks_decoder.hpp"

namespace mallorn::apply {

// Decoders of sections; some need more than the core may use, so they come from outside.
class SectionDecoder {
 public:
  // Fills `result`; `base` is as long, or empty if the section has none.
  virtual Status decode(const SectionHeader& header, ByteView coded, ByteView base,
                        ByteSpan result) = 0;

  // The same of a section whose base are weights: has_weights().
  virtual Status decode_by_weights(const SectionHeader& header, ByteView coded,
                                   WeightSource& base, ByteSpan result) = 0;

  // The model of bytes coded among the steps, in any state, for a chunk with so many; asked
  // for when the first chunk needs it, for it is large. Null where there is none: such
  // chunks are refused (unsupported_feature).
  virtual ByteModel* byte_model(uint64_t bytes) = 0;

 protected:
  ~SectionDecoder() = default;
};

// What decoding a chunk needs, kept by the caller and used for one chunk after the other.
struct ChunkWorkspace {
  StepModel steps;
  DerivedModel derived;
  ChunkView view;
  uint32_t step_count = 0;
  std::array<CodedStep, kMaxChunkSteps> step;
  uint32_t permuted_count = 0;
  std::array<Permutation, kMaxChunkPermuted + 1> permutations;  // the first is none
  uint32_t pick_count = 0;                                      // of all of them
  std::array<uint32_t, kMaxChunkSteps>
      made_before;  // by step: bytes of the chunk ahead of it
  std::array<uint32_t, kMaxChunkSteps> coded_before;  // of these, in `coded`
  // By step, unless empty: bytes of the structure behind it, not read yet.
  std::span<uint32_t> structure_left;
  std::array<uint8_t, kMaxChunkCoded> coded;  // the bytes of all steps but copies, in order
  std::array<uint8_t, kMaxChunkCoded>
      section;  // one section's bytes, before they are dealt out
  // One section's base bytes, gathered; while steps are decoded, the picks of one.
  std::array<uint32_t, kMaxChunkCoded / sizeof(uint32_t)> words;

  ByteSpan base() { return {reinterpret_cast<uint8_t*>(words.data()), sizeof(words)}; }
};

// Decodes `record` (without its kind byte), which rebuilds the result from `result_offset`
// on. On success the first step_count entries of `step` say what to write: copies from
// their base_offset, all others from `coded`, in order. Every range of the base has been
// checked.
Status decode_chunk(ByteView record, ByteView base, uint64_t result_offset,
                    SectionDecoder& sections, ChunkWorkspace* workspace);

// How many bytes of the base a step of kind section reads, which has an address.
uint64_t base_bytes_of(const ChunkWorkspace& workspace, const CodedStep& step);

// The features that the chunk needs which decode_chunk() has just decoded.
uint32_t used_features(const ChunkWorkspace& workspace);

}  // namespace mallorn::apply
