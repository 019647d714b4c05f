// The whole result as one zstd stream: for results that have nothing to do with their base.
#pragma once

#include <optional>

#include "libcommon/file.hpp"

namespace mallorn::pack {

// Compresses `file` to an unnamed temporary file of less than `limit` bytes, or gives up as
// soon as it is clear that it cannot: above kFastLevel first by a fast pass, whose size
// tells whether a thorough one has any chance. One thread, so that the bytes do not depend
// on how many there are.
std::optional<Fd> compress_whole(const MappedFile& file, int level, uint64_t limit);

}  // namespace mallorn::pack
