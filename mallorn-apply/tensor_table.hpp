// What a patch makes of each tensor, for who has the base as well.
#pragma once

#include <string>
#include <vector>

#include "libcommon/explanation.hpp"
#include "libcommon/file.hpp"
#include "mallorn-apply/rebuild.hpp"

namespace mallorn::apply {

// Makes the result of `patch`, a regular file at its beginning, in an unnamed temporary
// file, has mallorn-parse say where the tensors of both models are, and decodes the patch
// once more to see how each is made: match, predictor, codec, bytes and bits. Of a patch
// without chunks, which has no steps, one line that says so. Throws as rebuild() does, and
// ParseFailed.
std::string tensor_table(const Fd& patch, const std::string& patch_name,
                         const std::string& base_path, const RebuildOptions& options);

// The steps of a decoded chunk, whose traces were kept.
std::vector<StepReport> report_steps(const DecodedChunk& chunk);

}  // namespace mallorn::apply
