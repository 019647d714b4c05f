// The manifest as a table for people.
#pragma once

#include <string>

#include "libcommon/manifest.hpp"

namespace mallorn::parse {

// One line per range: offset, length, dtype, shape, quantization, names.
std::string list_ranges(const Manifest& manifest);

}  // namespace mallorn::parse
