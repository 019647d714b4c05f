#include "mallorn-parse/listing.hpp"

#include <cstdio>

#include "libcommon/cli.hpp"

namespace mallorn::parse {
namespace {

std::string shape_text(const Range& range) {
  std::string text;
  for (const uint64_t dim : range.shape) {
    text += (text.empty() ? "" : "x") + std::to_string(dim);
  }
  return text;
}

std::string names_text(const Range& range) {
  std::string text = range.role;
  for (const std::string& name : range.names) text += (text.empty() ? "" : ", ") + name;
  const size_t scales = range.quantization.scales.size();
  if (scales == 1) text += "  (one scale)";
  if (scales > 1) text += "  (" + std::to_string(scales) + " scales)";
  return printable(text);
}

}  // namespace

std::string list_ranges(const Manifest& manifest) {
  std::string text = manifest.format + ", " + with_commas(manifest.length_bytes) +
                     " bytes" + (manifest.is_big_endian ? ", big-endian\n" : "\n");
  for (const Range& range : manifest.ranges) {
    const bool is_tensor = range.kind == RangeKind::tensor;
    char line[128];
    std::snprintf(line, sizeof(line), "%14llu %14llu  %-7s %-9s %-20s ",
                  static_cast<unsigned long long>(range.offset_bytes),
                  static_cast<unsigned long long>(range.length_bytes),
                  is_tensor ? "tensor" : "gap",
                  range.dtype == Dtype::opaque ? "-" : dtype_layout(range.dtype).name,
                  shape_text(range).substr(0, 40).c_str());
    text += line + names_text(range) + "\n";
  }
  for (const std::string& name : manifest.external_files) {
    text += "refers to " + printable(name) + "\n";
  }
  return text;
}

}  // namespace mallorn::parse
