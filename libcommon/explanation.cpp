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
  std::snprintf(line, sizeof(line), "%-11s %-16s %-8s %-24s %-7s %13s %12s %8.3f  ",
                dtype_layout(note.dtype).name, printable(note.shape).substr(0, 16).c_str(),
                printable(note.match).substr(0, 8).c_str(), predictor, codec,
                with_commas(result_bytes).c_str(), with_commas(coded_bytes).c_str(),
                bits_each(note, result_bytes, coded_bytes));
  *text += line + printable(note.name) + "\n";
}

}  // namespace

std::string shown_name(const Range& range) {
  if (!range.names.empty()) return printable(range.names.front());
  return range.role.empty() ? "-" : range.role;
}

std::string shown_shape(const Range& range) {
  std::string text;
  for (const uint64_t dim : range.shape)
    text += (text.empty() ? "" : "x") + std::to_string(dim);
  return text.empty() ? "-" : text;
}

std::string shown_ranks(uint32_t ranks) {
  if (ranks == 0) return {};
  return ", " + std::to_string(ranks) + (ranks == 1 ? " rank" : " ranks");
}

std::string shown_predictor(const Piece& piece) {
  if (piece.method == PieceMethod::sparse) return "none, sparse";
  if (piece.method != PieceMethod::predicted) return "none";
  const char* const name = piece.axis == GainAxis::none     ? "same value"
                           : piece.axis == GainAxis::column ? "gain by column"
                           : piece.columns < piece.elements ? "gain by row"
                                                            : "gain";
  return name + shown_ranks(piece.ranks);
}

std::string shown_permutation(const Permutation& permutation) {
  std::string text = "permuted ";
  std::string picked;
  for (uint32_t i = 0; i < permutation.axes; ++i) {
    text += (i > 0 ? "," : "") + std::to_string(permutation.order[i]);
    if (permutation.picked[i] == 0) continue;
    picked += (picked.empty() ? "picked " : ", ") + std::to_string(permutation.picked[i]) +
              " of " + std::to_string(permutation.lengths[i]);
  }
  return picked.empty() ? text : picked;
}

Explanation::Explanation(std::vector<TensorNote> notes)
    : notes_(std::move(notes)), sums_(notes_.size()) {
  std::stable_sort(notes_.begin(), notes_.end(),
                   [](const TensorNote& a, const TensorNote& b) {
                     return a.offset_bytes < b.offset_bytes;
                   });
}

void Explanation::Sum::add(const StepReport& step, uint64_t done, uint64_t bytes,
                           uint64_t coded) {
  const auto scaled = [&](uint64_t made) {  // steps have at most 2^30 bytes
    return step.base_bytes == step.result_bytes
               ? made
               : made * step.base_bytes / step.result_bytes;
  };
  const uint64_t base_offset = step.base_offset + scaled(done);
  const uint64_t began_at = base_offset - result_bytes;  // if it is all one copy
  origin.is_one_copy =
      step.is_copy &&
      (result_bytes == 0 || (origin.is_one_copy && origin.base_offset == began_at));
  result_bytes += bytes;
  coded_bytes += coded;
  // A copy has the word only where there is nothing else.
  const uint64_t weight = step.is_copy ? 1 : bytes + 1;
  if (weight < most_bytes) return;
  most_bytes = weight;
  codec = step.codec;
  predictor = step.predictor;
  origin.is_known = step.base_bytes > 0;
  origin.base_offset = origin.is_one_copy ? began_at : base_offset;
}

// A step may hold several ranges, and a range be made by several steps: the bytes of a
// step are dealt out by length.
void Explanation::add(uint64_t result_offset, const std::vector<StepReport>& steps) {
  uint64_t at = result_offset;
  for (const StepReport& step : steps) {
    const uint64_t begin = at;
    const uint64_t end = at + step.result_bytes;
    uint64_t coded_left = step.coded_bytes;
    const auto give = [&](Sum* sum, uint64_t to) {
      const uint64_t bytes = to - at;
      const uint64_t coded = to == end ? coded_left : coded_left * bytes / (end - at);
      sum->add(step, at - begin, bytes, coded);
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

std::string Explanation::table(const NameOrigin& name) const {
  char line[256];
  std::snprintf(line, sizeof(line), "%-11s %-16s %-8s %-24s %-7s %13s %12s %8s  %s\n",
                "dtype", "shape", "match", "predictor", "codec", "bytes", "patch", "bits",
                "tensor");
  std::string text = line;
  Sum all = rest_;
  for (size_t i = 0; i < notes_.size(); ++i) {
    const Sum& sum = sums_[i];
    all.result_bytes += sum.result_bytes;
    all.coded_bytes += sum.coded_bytes;
    TensorNote note = notes_[i];
    if (name) name(sum.origin, &note);
    add_cells(note, sum.predictor.c_str(), sum.codec, sum.result_bytes, sum.coded_bytes,
              &text);
  }
  const TensorNote between{0, 0, Dtype::opaque, "-", "-", "between tensors"};
  add_cells(between, "bytes", "bytes", rest_.result_bytes, rest_.coded_bytes, &text);
  const TensorNote sum{0, 0, Dtype::opaque, "-", "-", "together, but for headers"};
  add_cells(sum, "-", "-", all.result_bytes, all.coded_bytes, &text);
  return text;
}

}  // namespace mallorn
