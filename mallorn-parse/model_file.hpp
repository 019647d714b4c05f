// From a file to the manifest of its ranges: chooses the format, says what stays unknown.
#pragma once

#include <string>

#include "libcommon/file.hpp"
#include "libcommon/manifest.hpp"

namespace mallorn::parse {

struct ParseOptions {
  std::string format;      // as for --format; empty: by content
  bool is_strict = false;  // what cannot be parsed is an error, not plain bytes
  bool is_quiet = false;   // no warnings
  bool is_verbose = false;
};

// The manifest of `file`, without path. What cannot be parsed becomes `raw`.
// Throws Error(usage) for an unknown format; with is_strict Error for what is no model.
Manifest parse_file(const MappedFile& file, const ParseOptions& options);

}  // namespace mallorn::parse
