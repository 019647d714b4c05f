// Collects what is known of byte ranges in a TFLite model and makes of it one range per
// extent.
//
// Tables of a FlatBuffer can be shared: many tensors may use one buffer, one name, one
// vector of scales. All facts about one extent become one range with all the names, and the
// total work and memory is capped, so that a small file in which everything points to
// everything stays cheap.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "libcommon/manifest.hpp"

namespace mallorn::parse {

constexpr uint32_t kNoTensor = UINT32_MAX;

// One fact about the bytes of one extent. Where there are several, the most precise one
// (and then the first) names dtype, role and kind.
struct TfliteLabel {
  enum class Precision : uint8_t { exact_tensor, tensor, parameter, metadata, opaque };

  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
  Precision precision = Precision::opaque;
  RangeKind kind = RangeKind::gap;
  Dtype dtype = Dtype::opaque;
  const char* role = "";
  std::string_view name = {};   // of the tensor, operator or metadata entry; into the file
  uint32_t tensor = kNoTensor;  // for the caller, who adds shape and quantization
};

class TfliteLabels {
 public:
  static constexpr size_t kMaxLabels = size_t{1} << 18;

  // Empty extents are dropped. Throws Error(limit_exceeded) above kMaxLabels.
  void add(const TfliteLabel& label);

  struct Merged {
    std::vector<Range> ranges;      // in order of offset and length; may overlap
    std::vector<uint32_t> tensors;  // `tensor` of the label that each range was made from
  };
  // At most `name_budget_bytes` of names are kept; past that, ranges have fewer.
  Merged merge(uint64_t name_budget_bytes);

 private:
  std::vector<TfliteLabel> labels_;
};

}  // namespace mallorn::parse
