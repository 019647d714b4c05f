#include "mallorn-parse/tflite_model.hpp"

#include <algorithm>

#include "libcommon/error.hpp"

namespace mallorn::parse {
namespace {

// The verifier takes shorter buffers than this and only asserts it, so it is checked here.
constexpr uint64_t kMaxFlatBufferBytes = FLATBUFFERS_MAX_BUFFER_SIZE - 1;
constexpr flatbuffers::uoffset_t kMaxDepth = 64;  // tflite.fbs nests six tables
constexpr flatbuffers::uoffset_t kMaxTables = 1000000;

bool is_sound(ByteView bytes) {
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), kMaxDepth, kMaxTables);
  return verifier.VerifyBuffer<schema::Model>(nullptr);
}

}  // namespace

TfliteModel::TfliteModel(ByteView file)
    : bytes_(file.first(
          static_cast<size_t>(std::min<uint64_t>(file.size(), kMaxFlatBufferBytes)))) {
  // Accessors read whole words. Mapped files are aligned; anything else is copied.
  if (reinterpret_cast<uintptr_t>(bytes_.data()) % alignof(uint64_t) != 0) {
    aligned_.assign(bytes_.begin(), bytes_.end());
    bytes_ = aligned_;
  }
  if (!is_sound(bytes_)) {
    throw Error(Status::malformed, "byte 0: not a sound FlatBuffer of a TFLite model");
  }
}

bool TfliteModel::is_sound_within(uint64_t length_bytes) const {
  if (length_bytes >= bytes_.size()) return true;
  return is_sound(bytes_.first(static_cast<size_t>(length_bytes)));
}

void TfliteModel::reach_structure() {
  const schema::Model* model = root();
  reach_table(model);
  reach_string(model->description());
  reach_vector(model->buffers());
  reach_vector(model->metadata_buffer());
  reach_vector(model->operator_codes());
  for (uint32_t i = 0; i < tflite_count(model->operator_codes()); ++i) {
    reach_table(model->operator_codes()->Get(i));
    reach_string(model->operator_codes()->Get(i)->custom_code());
  }
  reach_vector(model->subgraphs());
  for (uint32_t i = 0; i < tflite_count(model->subgraphs()); ++i) {
    reach_subgraph(model->subgraphs()->Get(i));
  }
  reach_names(model->metadata());
  reach_names(model->external_buffer_groups());
  reach_vector(model->external_buffers());
  for (uint32_t i = 0; i < tflite_count(model->external_buffers()); ++i) {
    reach_table(model->external_buffers()->Get(i));
    reach_string(model->external_buffers()->Get(i)->packing());
  }
  reach_vector(model->signature_defs());
  for (uint32_t i = 0; i < tflite_count(model->signature_defs()); ++i) {
    const schema::SignatureDef* signature = model->signature_defs()->Get(i);
    reach_table(signature);
    reach_names(signature->inputs());
    reach_names(signature->outputs());
    reach_string(signature->signature_key());
  }
}

void TfliteModel::reach_subgraph(const schema::SubGraph* subgraph) {
  reach_table(subgraph);
  reach_string(subgraph->name());
  reach_vector(subgraph->inputs());
  reach_vector(subgraph->outputs());
  reach_names(subgraph->tensors());
  reach_vector(subgraph->operators());
  for (uint32_t i = 0; i < tflite_count(subgraph->operators()); ++i) {
    const schema::Operator* op = subgraph->operators()->Get(i);
    reach_table(op);
    reach_table(op->builtin_options());
    reach_vector(op->inputs());
    reach_vector(op->outputs());
  }
  for (uint32_t i = 0; i < tflite_count(subgraph->tensors()); ++i) {
    reach_vector(subgraph->tensors()->Get(i)->shape());
    reach_vector(subgraph->tensors()->Get(i)->shape_signature());
  }
}

// A vector of tables that have a name, the tables and their names.
template <typename Table>
void TfliteModel::reach_names(
    const flatbuffers::Vector<flatbuffers::Offset<Table>>* named) {
  reach_vector(named);
  for (uint32_t i = 0; i < tflite_count(named); ++i) {
    reach_table(named->Get(i));
    reach_string(named->Get(i)->name());
  }
}

// A table's fixed part and its vtable, both of which the verifier has checked.
void TfliteModel::reach_table(const void* table) {
  if (table == nullptr) return;
  const uint64_t offset = offset_of(table);
  const int32_t distance = static_cast<int32_t>(load_le<uint32_t>(bytes_.data() + offset));
  const uint64_t vtable = offset - static_cast<uint64_t>(int64_t{distance});
  const uint16_t vtable_bytes = load_le<uint16_t>(bytes_.data() + vtable);
  reach(vtable + vtable_bytes);
  // The table's own length is in the vtable's second word; the verifier does not look at
  // it.
  if (vtable_bytes < 4) return;
  const uint64_t table_bytes = load_le<uint16_t>(bytes_.data() + vtable + 2);
  reach(std::min<uint64_t>(offset + table_bytes, bytes_.size()));
}

void TfliteModel::reach_string(const flatbuffers::String* string) {
  if (string != nullptr) reach(extent_of(string).end() + 1);  // and its NUL
}

}  // namespace mallorn::parse
