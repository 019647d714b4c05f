#include "libcommon/explanation.hpp"

#include <algorithm>
#include <cstdio>

#include "libcommon/cli.hpp"

namespace mallorn {
namespace {

double bits_each(const TensorNote& note, uint64_t result_bytes, uint64_t coded_bytes) {
  const DtypeLayout& layout = dtype_layout(note.dtype);
  const double elements =
      static_cast<double>(result_bytes) / layout.block_bytes * layout.block_elements;
  return elements == 0 ? 0.0 : 8.0 * static_cast<double>(coded_bytes) / elements;
}

void add_cells(const TensorNote& note, const char* predictor, const char* codec,
               uint64_t result_bytes, uint64_t coded_bytes, std::string* text) {
  char line[256];
  std::snprintf(line, sizeof(line), "%-8s %-16s %-8s %-24s %-7s %13s %12s %8.3f  ",
                dtype_layout(note.dtype).name, printable(note.shape).substr(0, 16).c_str(),
                printable(note.match).substr(0, 8).c_str(), predictor, codec,
                with_commas(result_bytes).c_str(), with_commas(coded_bytes).c_str(),
                bits_each(note, result_bytes, coded_bytes));
  *text += line + printable(note.name) + "\n";
}

}  // namespace

Explanation::Explanation(std::vector<TensorNote> notes)
    : notes_(std::move(notes)), sums_(notes_.size()) {
  std::stable_sort(notes_.begin(), notes_.end(),
                   [](const TensorNote& a, const TensorNote& b) {
                     return a.offset_bytes < b.offset_bytes;
                   });
}

void Explanation::Sum::add(const StepReport& step, uint64_t bytes, uint64_t coded) {
  result_bytes += bytes;
  coded_bytes += coded;
  // A copy has the word only where there is nothing else.
  const uint64_t weight = step.is_copy ? 1 : bytes + 1;
  if (weight < most_bytes) return;
  most_bytes = weight;
  codec = step.codec;
  predictor = step.predictor;
}

// A step may hold several ranges, and a range be made by several steps: the bytes of a
// step are dealt out by length.
void Explanation::add(uint64_t result_offset, const std::vector<StepReport>& steps) {
  uint64_t at = result_offset;
  for (const StepReport& step : steps) {
    const uint64_t end = at + step.result_bytes;
    uint64_t coded_left = step.coded_bytes;
    const auto give = [&](Sum* sum, uint64_t to) {
      const uint64_t bytes = to - at;
      const uint64_t coded = to == end ? coded_left : coded_left * bytes / (end - at);
      sum->add(step, bytes, coded);
      coded_left -= coded;
      at = to;
    };
    while (at < end) {
      while (first_ < notes_.size() &&
             notes_[first_].offset_bytes + notes_[first_].length_bytes <= at) {
        ++first_;
      }
      const bool is_last = first_ == notes_.size();
      const TensorNote* note = is_last ? nullptr : &notes_[first_];
      if (is_last || note->offset_bytes > at) {
        give(&rest_, is_last ? end : std::min(end, note->offset_bytes));
      } else {
        give(&sums_[first_], std::min(end, note->offset_bytes + note->length_bytes));
      }
    }
  }
}

std::string Explanation::table() const {
  char line[256];
  std::snprintf(line, sizeof(line), "%-8s %-16s %-8s %-24s %-7s %13s %12s %8s  %s\n",
                "dtype", "shape", "match", "predictor", "codec", "bytes", "patch", "bits",
                "tensor");
  std::string text = line;
  Sum all = rest_;
  for (size_t i = 0; i < notes_.size(); ++i) {
    const Sum& sum = sums_[i];
    all.result_bytes += sum.result_bytes;
    all.coded_bytes += sum.coded_bytes;
    add_cells(notes_[i], sum.predictor.c_str(), sum.codec, sum.result_bytes,
              sum.coded_bytes, &text);
  }
  const TensorNote between{0, 0, Dtype::opaque, "-", "-", "between tensors"};
  add_cells(between, "bytes", "bytes", rest_.result_bytes, rest_.coded_bytes, &text);
  const TensorNote sum{0, 0, Dtype::opaque, "-", "-", "together, but for headers"};
  add_cells(sum, "-", "-", all.result_bytes, all.coded_bytes, &text);
  return text;
}

}  // namespace mallorn
