// Models of tensors made up for tests, and what happens to their elements.
#pragma once

#include <string>
#include <vector>

#include "tests/support/models.hpp"

namespace mallorn::test {

using Shape = std::vector<uint64_t>;

struct Tensor {
  std::string name;
  Shape shape;
  Bytes bytes;
  Dtype dtype = Dtype::f32;
};

// Tensors, one after the other.
inline Model model_of(const std::vector<Tensor>& tensors) {
  Manifest manifest;
  manifest.format = "onnx";
  Bytes all;
  for (const Tensor& tensor : tensors) {
    Range range;
    range.kind = RangeKind::tensor;
    range.offset_bytes = all.size();
    range.length_bytes = tensor.bytes.size();
    range.dtype = tensor.dtype;
    range.names = {tensor.name};
    range.shape = tensor.shape;
    manifest.ranges.push_back(range);
    all.insert(all.end(), tensor.bytes.begin(), tensor.bytes.end());
  }
  return model_of(all, manifest);
}

// Weights of about one size, of either sign.
inline Bytes weights(Random& random, uint64_t elements, size_t width = 4) {
  Bytes bytes = random.bytes(elements * width);
  for (size_t i = width - 1; width > 1 && i < bytes.size(); i += width) {
    bytes[i] = static_cast<uint8_t>(random.chance(2) ? 0x3C : 0xBC);
  }
  return bytes;
}

// A little different: the lowest bit of each element, or two.
inline Bytes tuned(Random& random, Bytes bytes, size_t width) {
  for (size_t i = 0; i < bytes.size(); i += width)
    bytes[i] = static_cast<uint8_t>(bytes[i] ^ random.below(width > 1 ? 4 : 2));
  return bytes;
}

}  // namespace mallorn::test
