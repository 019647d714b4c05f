// What compressed files begin with.
#pragma once

#include "libcommon/core/bytes.hpp"

namespace mallorn::parse {

// "gzip", "zstd", …: what `file` seems to be compressed with; nullptr where it is not, as
// in archives that only store.
// After a change a compressed file has hardly anything in common with the one before.
const char* compression_of(ByteView file);

}  // namespace mallorn::parse
