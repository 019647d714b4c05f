// A model as it is compared: its manifest, its bytes (mapped), its digest.
#pragma once

#include <memory>
#include <string>

#include "libcommon/file.hpp"
#include "libcommon/manifest.hpp"
#include "libcommon/stream.hpp"

namespace mallorn {

struct Model {
  Manifest manifest;
  std::unique_ptr<MappedFile> file;  // the model's own file, or a temporary one
  Digest digest{};

  ByteView bytes() const { return file->bytes(); }
};

// Reads a model stream to its end. Bytes carried inline go to an unnamed temporary file, so
// that memory does not grow with the model; their digest is checked. By reference the named
// file is mapped, and has to be the one that was parsed, as far as require_parsed() tells.
Model read_model(int fd, const std::string& name);

// The model in `path`: a file that holds a model stream, or a model file, on which
// mallorn-parse is run (by reference; it is looked for beside this program). Its messages
// go to stderr.
Model open_model(const std::string& path, bool is_quiet, bool is_strict);

}  // namespace mallorn
