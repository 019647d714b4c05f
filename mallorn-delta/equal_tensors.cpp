#include "mallorn-delta/equal_tensors.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <tuple>

#include "libcommon/digest.hpp"
#include "libcommon/fast_crc32c.hpp"
#include "libcommon/passed_pages.hpp"
#include "mallorn-delta/range_facts.hpp"
#include "mallorn-delta/same_bytes.hpp"

namespace mallorn::delta {
namespace {

// A tensor of one of the models, with what differs between most that are different.
struct Tensor {
  uint64_t length = 0;
  uint32_t print = 0;
  const Model* model = nullptr;
  uint64_t offset = 0;
  size_t* content = nullptr;
};

// CRC-32C of a few places of a range, all of it if it is short.
uint32_t print_of(const Model& model, const Range& range) {
  constexpr uint64_t kPlaces = 4;
  constexpr uint64_t kPlaceBytes = 64;
  const ByteView bytes = bytes_of(model, range);
  if (bytes.size() <= kPlaces * kPlaceBytes) return fast_crc32c(0, bytes);
  const size_t pitch = (bytes.size() - kPlaceBytes) / (kPlaces - 1);
  uint32_t print = 0;
  for (size_t i = 0; i < kPlaces; ++i) {
    print = fast_crc32c(print, bytes.subspan(i * pitch, kPlaceBytes));
  }
  return print;
}

void add_tensors(const Model& model, std::vector<size_t>* contents,
                 std::vector<Tensor>* tensors) {
  const std::vector<Range>& ranges = model.manifest.ranges;
  contents->resize(ranges.size());
  PassedPages passed(model.bytes(), 0);
  for (size_t i = 0; i < ranges.size(); ++i) {
    const Range& range = ranges[i];
    if (range.kind != RangeKind::tensor) continue;
    tensors->push_back({range.length_bytes, print_of(model, range), &model,
                        range.offset_bytes, &(*contents)[i]});
    passed.advance_to(range.offset_bytes + range.length_bytes);
  }
}

bool is_alike(const Tensor& one, const Tensor& other) {
  return one.length == other.length && one.print == other.print;
}

bool is_equal(const Tensor& one, const Tensor& other) {
  return has_same_bytes(*one.model, one.offset, *other.model, other.offset, one.length);
}

// Mostly those that are alike are equal, or two that differ somewhere. Among many that do,
// as a model made for it may have them, digests tell: comparing each with each would take
// too long.
void number_alike(std::span<Tensor> alike, size_t* next) {
  const size_t first = (*next)++;
  std::vector<Tensor> others;
  for (Tensor& tensor : alike) {
    *tensor.content = first;
    if (&tensor != &alike.front() && !is_equal(alike.front(), tensor)) {
      others.push_back(tensor);
    }
  }
  std::map<Digest, size_t> numbers;
  for (const Tensor& tensor : others) {
    const Digest digest = others.size() == 1
                              ? Digest{}
                              : sha256(*tensor.model->file, tensor.offset, tensor.length);
    const auto [found, is_new] = numbers.try_emplace(digest, *next);
    *tensor.content = found->second;
    if (is_new) ++*next;
  }
}

}  // namespace

Contents find_equal_tensors(const Model& base, const Model& result) {
  Contents contents;
  std::vector<Tensor> tensors;
  add_tensors(base, &contents.base, &tensors);
  add_tensors(result, &contents.result, &tensors);
  std::ranges::stable_sort(tensors, {}, [](const Tensor& tensor) {
    return std::tuple(tensor.length, tensor.print);
  });
  size_t next = 0;
  for (size_t begin = 0; begin < tensors.size();) {
    size_t end = begin + 1;
    while (end < tensors.size() && is_alike(tensors[begin], tensors[end])) ++end;
    number_alike(std::span(tensors).subspan(begin, end - begin), &next);
    begin = end;
  }
  return contents;
}

}  // namespace mallorn::delta
