// The one interface of a model format: a name, a probe on the first bytes, and a parser
// that turns a file into labelled byte ranges. Adding a format is one .cpp and one line in
// registry.cpp.
#pragma once

#include <string>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/manifest.hpp"

namespace mallorn::parse {

// A tensor that a model keeps in another file.
struct ExternalTensor {
  std::string file;  // as in external_files
  Range range;       // of that file; it may not fit there
};

// What a format's parser finds. `ranges` need be neither sorted nor disjoint nor complete:
// tensor_map.hpp makes of them the tiling that a Manifest holds. Digests are left empty.
struct ParsedModel {
  bool is_big_endian = false;
  std::vector<Range> ranges;
  std::vector<std::string> external_files;
  std::vector<ExternalTensor> external_tensors;
};

struct ModelFormat {
  const char* name;  // as in the manifest and for --format

  // True if `file` looks like this format. Cheap: may read the whole view but looks at
  // little.
  bool (*probe)(ByteView file);

  // Labels the ranges of `file`. Throws Error (message: byte offset and reason, without the
  // file's name) if the structure cannot be trusted; the caller then falls back to `raw`.
  // Work is near-linear in the bytes looked at, memory bounded by the number of labelled
  // ranges.
  ParsedModel (*read)(ByteView file);
};

}  // namespace mallorn::parse
