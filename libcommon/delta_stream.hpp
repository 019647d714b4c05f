// What a delta stream says: how each chunk of the result is made from the base
// (docs/format/stream.md, "Delta streams"). mallorn-delta writes it, mallorn-pack reads it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/conversion.hpp"
#include "libcommon/core/dtype.hpp"
#include "libcommon/core/permutation.hpp"
#include "libcommon/digest.hpp"

namespace mallorn {

enum class StepKind : uint8_t {
  copy = 0,     // bytes of the base, as they are
  predict = 1,  // bytes that resemble those of the base
  literal = 2,  // bytes that nothing in the base resembles
};

// How the base predicts the result. More will come; a reader refuses those it does not
// know.
enum class Predictor : uint8_t {
  same_value = 0,  // element by element, the value at the same place
  bytes = 1,       // byte by byte, but bytes may have been inserted or removed (BaseCursor)
  derived = 2,     // binary32 numbers that follow from others of the chunk (Derivation);
                   // the base has their like, byte by byte, for who cannot make use of that
  converted = 3,   // element by element, the value at the same place in another dtype
  distant = 4,     // element by element, those at the same place, which resemble them
                   // hardly: for who weighs what they say; for others, as good as none
  permuted = 5,    // element by element, of a tensor whose axes stand in another order
};

// Where the elements of a step lie in their tensor, for predict and literal steps of
// tensors: a hint to the coder. All 0 where nothing is known.
struct TensorPlace {
  uint64_t first_element = 0;    // of the step
  uint64_t row_elements = 0;     // for one index of the slowest dimension that is above 1
  uint64_t column_elements = 0;  // length of the fastest dimension that is above 1
  int32_t base_zero = 0;         // zero points, if the tensor has one
  int32_t result_zero = 0;

  bool operator==(const TensorPlace&) const = default;
};

struct Step {
  StepKind kind = StepKind::literal;
  Dtype dtype =
      Dtype::opaque;  // of the elements; the step holds whole blocks, but for a ragged end
  Predictor predictor = Predictor::same_value;
  uint64_t result_bytes = 0;
  // copy, predict: result_bytes bytes from here lie in the base, or as many as are
  // converted to these, or all of the tensor that is permuted, but for the predictors
  // `bytes` and `derived`, which may begin near its end
  uint64_t base_offset = 0;
  Conversion conversion;        // predictor `converted`: how the base becomes elements
  TensorPlace place;            // of elements
  Permutation permutation{};    // predictor `permuted`: where in the base the elements are
  std::vector<uint32_t> picks;  // of the permutation
  // Predictor `derived`: its Derivation. `converted`, by lanes: write_lane_grid()'s, for
  // the elements from the first of the step on.
  std::vector<uint8_t> parameters;

  bool operator==(const Step&) const = default;
};

// One model of the two.
struct DeltaSide {
  std::string path;  // by reference: the file; else empty
  uint64_t length_bytes = 0;
  Digest digest{};
  std::string state{};  // of the file, when it had that digest; or empty
};

struct DeltaManifest {
  DeltaSide base;
  DeltaSide result;
  std::string format;  // of the result, for people
};

// What a range of the result is, for people: the payload of a `note` frame. Nothing follows
// from it.
struct TensorNote {
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
  Dtype dtype = Dtype::opaque;
  std::string match;  // how its counterpart in the base was found: match_name()
  std::string shape;
  std::string name;
};

std::vector<uint8_t> note_to_bytes(const TensorNote& note);
// Throws Error(malformed) with `context`. The texts may hold any bytes.
TensorNote note_from_bytes(ByteView payload, const std::string& context);

std::string delta_manifest_to_json(const DeltaManifest& manifest);
DeltaManifest delta_manifest_from_json(std::string_view text, const std::string& context);

// The payload of a `steps` frame: the steps of one chunk.
std::vector<uint8_t> steps_to_bytes(const std::vector<Step>& steps);
// Checks every step against the lengths of base and result; `result_offset` is where the
// chunk begins. Throws Error with `context`.
std::vector<Step> steps_from_bytes(ByteView payload, const DeltaManifest& manifest,
                                   uint64_t result_offset, const std::string& context);

// Whether what a step is predicted from may end before the step does, at the end of the
// base.
bool may_end_early(const Step& step);

bool is_converted(const Step& step);
bool is_permuted(const Step& step);

// How many bytes of the base predict so many bytes of a step that copies or predicts; false
// if these are no whole number of conversions. Of a permuted step it is the whole tensor.
[[nodiscard]] bool predicting_bytes(const Step& step, uint64_t result_bytes,
                                    uint64_t* base_bytes);

// How many bytes of the base a step looks at, from base_offset on.
uint64_t base_bytes_of(const Step& step, uint64_t base_length);

// The bytes of the base that predict a step, as coders see them and inline streams carry
// them: those that it looks at, and of a permuted step, which has its own in `made`, those
// that become its own, in their order.
ByteView predicting_view(const Step& step, ByteView base, std::vector<uint8_t>* made);
// How many these are.
uint64_t predicting_view_bytes(const Step& step, uint64_t base_length);

}  // namespace mallorn
