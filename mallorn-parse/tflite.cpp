// TFLite (LiteRT): labels tensors, quantization vectors, metadata and what follows the
// FlatBuffer.
//
//     | FlatBuffer: tables, and the bytes of most models' buffers | buffers too large for
//     it | ZIP |
//
// Subgraphs are never followed by index, files that the model refers to never opened.
// Whatever an index or offset says that cannot be, costs a label and nothing else.
#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "libcommon/error.hpp"
#include "mallorn-parse/registry.hpp"
#include "mallorn-parse/tflite_labels.hpp"
#include "mallorn-parse/tflite_model.hpp"
#include "mallorn-parse/tflite_tensors.hpp"
#include "mallorn-parse/tflite_zip.hpp"

namespace mallorn::parse {
namespace {

using Precision = TfliteLabel::Precision;

// Shorter options of custom operators stay in the gap around them.
constexpr uint64_t kMinOptionBytes = 64;
// Blocks outside the FlatBuffer are aligned to 16 bytes; anything longer is not padding.
constexpr uint64_t kMaxPadBytes = 64;

class TfliteReader {
 public:
  explicit TfliteReader(ByteView file) : file_(file), model_(file), root_(model_.root()) {}

  ParsedModel read() {
    model_.reach_structure();
    locate_buffers();
    locate_options();
    check_outside();
    TfliteTensors tensors(&model_);
    tensors.label(buffers_, &is_used_, &labels_);
    label_operators();
    label_metadata();
    label_orphans();
    label_padding();

    ParsedModel parsed;
    TfliteLabels::Merged merged = labels_.merge(name_budget());
    for (size_t i = 0; i < merged.ranges.size(); ++i) {
      if (merged.tensors[i] != kNoTensor) {
        tensors.describe(merged.tensors[i], &merged.ranges[i]);
      }
    }
    parsed.ranges = std::move(merged.ranges);
    add_tail(&parsed.ranges);
    parsed.external_files = external_files();
    return parsed;
  }

 private:
  // Names that are not shared never need more.
  uint64_t name_budget() const { return (uint64_t{1} << 20) + model_.end(); }

  // An extent given by absolute offset and size, if the file has it. 0 and 1 mean "none".
  std::optional<TfliteExtent> outside_extent(uint64_t offset, uint64_t size) const {
    if (offset <= 1 || size == 0 || !range_fits(offset, size, file_.size())) return {};
    return TfliteExtent{offset, size};
  }

  void locate_buffers() {
    buffers_.reserve(tflite_count(root_->buffers()));
    for (uint32_t i = 0; i < tflite_count(root_->buffers()); ++i) {
      const schema::Buffer* buffer = root_->buffers()->Get(i);
      model_.reach_table(buffer);
      model_.reach_vector(buffer->data());
      TfliteExtent extent = model_.extent_of(buffer->data());
      if (extent.length_bytes == 0) {
        extent = outside_extent(buffer->offset(), buffer->size()).value_or(TfliteExtent{});
        if (extent.length_bytes != 0) outside_.push_back(extent);
      }
      buffers_.push_back(extent);
    }
    is_used_.assign(buffers_.size(), false);
  }

  template <typename Function>
  void for_each_operator(Function function) {
    for (uint32_t i = 0; i < tflite_count(root_->subgraphs()); ++i) {
      const schema::SubGraph* subgraph = root_->subgraphs()->Get(i);
      for (uint32_t j = 0; j < tflite_count(subgraph->operators()); ++j) {
        function(subgraph->operators()->Get(j));
      }
    }
  }

  std::optional<TfliteExtent> outside_options(const schema::Operator* op) const {
    return outside_extent(op->large_custom_options_offset(),
                          op->large_custom_options_size());
  }

  void locate_options() {
    for_each_operator([this](const schema::Operator* op) {
      if (const auto extent = outside_options(op)) outside_.push_back(*extent);
    });
  }

  // Offsets are believed only if what lies before the first of them is a FlatBuffer by
  // itself.
  void check_outside() {
    if (outside_.empty()) return;
    std::sort(outside_.begin(), outside_.end(),
              [](const TfliteExtent& a, const TfliteExtent& b) {
                return a.offset_bytes < b.offset_bytes;
              });
    const uint64_t first = outside_.front().offset_bytes;
    if (!model_.is_sound_within(first)) {
      throw Error(Status::malformed, "byte " + std::to_string(first) +
                                         ": data outside the FlatBuffer begins inside it");
    }
  }

  void label_operators() {
    for_each_operator([this](const schema::Operator* op) {
      model_.reach_vector(op->custom_options());
      const TfliteExtent inside = model_.extent_of(op->custom_options());
      if (inside.length_bytes >= kMinOptionBytes) label_options(op, inside);
      if (const auto outside = outside_options(op)) label_options(op, *outside);
    });
  }

  void label_options(const schema::Operator* op, const TfliteExtent& extent) {
    std::string_view name;
    if (op->opcode_index() < tflite_count(root_->operator_codes())) {
      name = tflite_text(root_->operator_codes()->Get(op->opcode_index())->custom_code());
    }
    label_gap(extent, Precision::opaque, "opaque", name);
  }

  void label_metadata() {
    for (uint32_t i = 0; i < tflite_count(root_->metadata()); ++i) {
      const schema::Metadata* metadata = root_->metadata()->Get(i);
      label_metadata_buffer(metadata->buffer(), tflite_text(metadata->name()));
    }
    for (uint32_t i = 0; i < tflite_count(root_->metadata_buffer()); ++i) {
      label_metadata_buffer(static_cast<uint32_t>(root_->metadata_buffer()->Get(i)), {});
    }
  }

  void label_metadata_buffer(uint32_t index, std::string_view name) {
    if (index >= buffers_.size()) return;
    is_used_[index] = true;
    label_gap(buffers_[index], Precision::metadata, "meta", name);
  }

  // Buffers that nothing refers to.
  void label_orphans() {
    for (size_t i = 0; i < buffers_.size(); ++i) {
      if (!is_used_[i]) label_gap(buffers_[i], Precision::opaque, "opaque", {});
    }
  }

  // Between the FlatBuffer and the blocks after it.
  void label_padding() {
    uint64_t end = model_.end();
    for (const TfliteExtent& extent : outside_) {
      if (extent.offset_bytes > end && extent.offset_bytes - end <= kMaxPadBytes) {
        label_gap({end, extent.offset_bytes - end}, Precision::opaque, "pad", {});
      }
      end = std::max(end, extent.end());
    }
  }

  void label_gap(const TfliteExtent& extent, Precision precision, const char* role,
                 std::string_view name) {
    labels_.add({.offset_bytes = extent.offset_bytes,
                 .length_bytes = extent.length_bytes,
                 .precision = precision,
                 .role = role,
                 .name = name});
  }

  // What follows the FlatBuffer and the blocks outside it.
  void add_tail(std::vector<Range>* ranges) const {
    uint64_t begin = model_.end();
    for (const TfliteExtent& extent : outside_) begin = std::max(begin, extent.end());
    std::vector<Range> tail = zip_tail_ranges(file_, begin);
    if (tail.empty()) {
      tail.emplace_back();
      tail.back().offset_bytes = begin;
      tail.back().length_bytes = file_.size() - begin;
      tail.back().role = "tail";
    }
    std::move(tail.begin(), tail.end(), std::back_inserter(*ranges));
  }

  std::vector<std::string> external_files() const {
    std::vector<std::string> files;
    uint64_t budget = name_budget();
    for (uint32_t i = 0; i < tflite_count(root_->external_buffer_groups()); ++i) {
      const std::string_view name =
          tflite_text(root_->external_buffer_groups()->Get(i)->name());
      if (name.empty() || name.size() > budget) continue;
      budget -= name.size();
      files.emplace_back(name);
    }
    return files;
  }

  const ByteView file_;
  TfliteModel model_;
  const schema::Model* const root_;
  std::vector<TfliteExtent> buffers_;  // by index; in the FlatBuffer, outside it, or empty
  std::vector<bool> is_used_;          // by index: something refers to the buffer
  std::vector<TfliteExtent> outside_;  // all that the FlatBuffer points to behind itself
  TfliteLabels labels_;
};

bool probe_tflite(ByteView file) {
  return file.size() >= 8 && schema::ModelBufferHasIdentifier(file.data());
}

ParsedModel read_tflite(ByteView file) { return TfliteReader(file).read(); }

}  // namespace

ModelFormat tflite_format() { return {"tflite", probe_tflite, read_tflite}; }

}  // namespace mallorn::parse
