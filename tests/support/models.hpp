// Models made up for tests: random bytes under a random manifest that tiles them.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "libcommon/digest.hpp"
#include "libcommon/model_source.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

namespace mallorn::test {

inline Model model_of(ByteView bytes, Manifest manifest) {
  const Fd file = file_of(bytes);
  Model model;
  manifest.length_bytes = bytes.size();
  model.manifest = std::move(manifest);
  model.file = std::make_unique<MappedFile>(file, "model");
  model.digest = sha256(bytes);
  return model;
}

// Tensors of any dtype (whole blocks or not), gaps, shared names.
inline Manifest random_manifest(Random& random, uint64_t length) {
  const DtypeTable table = dtype_table();
  Manifest manifest;
  manifest.format = random.chance(5) ? "raw" : "gguf";
  for (uint64_t at = 0; at < length;) {
    Range range;
    range.offset_bytes = at;
    range.length_bytes = std::min<uint64_t>(length - at, 1 + random.length(20000));
    if (!random.chance(3)) {
      range.kind = RangeKind::tensor;
      range.dtype = table.entries[random.below(table.count)].dtype;
      range.names = {"t" + std::to_string(random.below(12))};
      const uint64_t block = dtype_layout(range.dtype).block_bytes;
      if (range.length_bytes > block && !random.chance(4)) {
        range.length_bytes -= range.length_bytes % block;
      }
      range.shape = {range.length_bytes};
    } else if (random.chance(2)) {  // perhaps a vector of scales
      range.dtype = Dtype::f32;
      range.role = random.chance(2) ? "scale" : "max";
      range.names = {"t" + std::to_string(random.below(12))};
    }
    at += range.length_bytes;
    manifest.ranges.push_back(std::move(range));
  }
  return manifest;
}

struct ModelPair {
  Model base;
  Model result;
};

// Two models: related, unrelated, empty, in every mixture.
inline ModelPair random_pair(Random& random, size_t most) {
  const Bytes base = random.chance(2) ? random.text(random.length(most))
                                      : random.bytes(random.length(most));
  Bytes result = random.chance(6) ? random.bytes(random.length(most))
                                  : random.changed(base, 1 + random.below(3000));
  if (!result.empty() && random.chance(2)) {
    const Bytes more = random.text(random.below(900));
    result.insert(result.begin() + static_cast<ptrdiff_t>(random.below(result.size())),
                  more.begin(), more.end());
  }
  if (random.chance(4)) result.resize(random.length(result.size()));
  Manifest of_base = random_manifest(random, base.size());
  const bool is_same_layout = result.size() == base.size() && random.chance(2);
  Manifest of_result = is_same_layout ? of_base : random_manifest(random, result.size());
  return {model_of(base, std::move(of_base)), model_of(result, std::move(of_result))};
}

}  // namespace mallorn::test
