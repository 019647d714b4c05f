// The SHA-256 digests of a model: of every tensor, and of the whole file.
#pragma once

#include <future>

#include "libcommon/file.hpp"
#include "libcommon/manifest.hpp"

namespace mallorn::parse {

// Fills in the digest of every tensor of `ranges`, with `threads` threads.
void digest_tensors(const MappedFile& file, std::vector<Range>* ranges, unsigned threads);

// Begins to hash the whole file in the background; it must outlive the future.
std::future<Digest> digest_file(const MappedFile& file);

}  // namespace mallorn::parse
