// A verified TFLite FlatBuffer, and where its parts lie in the file.
//
// The whole FlatBuffer is verified before the first field is read; every field is then read
// through the accessors that flatc generates from tflite.fbs, which swap bytes where
// needed. The verifier bounds the number of tables that can be visited, shared ones counted
// each time.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "mallorn-parse/tflite_generated.h"

namespace mallorn::parse {

namespace schema = mallorn::tflite;

struct TfliteExtent {
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;

  uint64_t end() const { return offset_bytes + length_bytes; }
};

// Elements of a vector that may be absent.
template <typename Vector>
uint32_t tflite_count(const Vector* vector) {
  return vector == nullptr ? 0 : vector->size();
}

inline std::string_view tflite_text(const flatbuffers::String* string) {
  return string == nullptr ? std::string_view() : string->string_view();
}

class TfliteModel {
 public:
  // Verifies as much of `file` as a FlatBuffer can be. Throws Error(malformed). The file
  // identifier is not asked for: probe() does that.
  explicit TfliteModel(ByteView file);

  const schema::Model* root() const { return schema::GetModel(bytes_.data()); }

  // True if the first `length_bytes` bytes of the file are a sound FlatBuffer by
  // themselves.
  bool is_sound_within(uint64_t length_bytes) const;

  template <typename T>
  TfliteExtent extent_of(const flatbuffers::Vector<T>* vector) const {
    if (vector == nullptr) return {};
    return {offset_of(vector->Data()), uint64_t{vector->size()} * sizeof(T)};
  }

  // The end of the FlatBuffer is written nowhere. It is where the last part ends that
  // reach() was told of; unknown parts behind that count as what follows the FlatBuffer.
  uint64_t end() const { return end_; }
  // All parts that carry no label, whoever labels the others reaches for them.
  void reach_structure();
  void reach_table(const void* table);
  void reach_string(const flatbuffers::String* string);
  template <typename T>
  void reach_vector(const flatbuffers::Vector<T>* vector) {
    reach(extent_of(vector).end());
  }

 private:
  template <typename Table>
  void reach_names(const flatbuffers::Vector<flatbuffers::Offset<Table>>* named);
  void reach_subgraph(const schema::SubGraph* subgraph);
  uint64_t offset_of(const void* part) const {
    return static_cast<uint64_t>(static_cast<const uint8_t*>(part) - bytes_.data());
  }
  void reach(uint64_t end) { end_ = end > end_ ? end : end_; }

  std::vector<uint8_t> aligned_;  // a copy, should the file not lie at an aligned address
  ByteView bytes_;                // what was verified; begins where the file begins
  uint64_t end_ = 0;
};

}  // namespace mallorn::parse
