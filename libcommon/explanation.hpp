// What became of each tensor, as a table for people.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "libcommon/core/value_model.hpp"
#include "libcommon/delta_stream.hpp"
#include "libcommon/manifest.hpp"

namespace mallorn {

// What has become of a step: for people.
struct StepReport {
  uint64_t result_bytes = 0;
  uint64_t coded_bytes = 0;  // of the record, roughly
  bool is_copy = false;
  const char* codec = "";  // of its section; or "copy", "bytes"
  std::string predictor;
  // What of the base it is made from; no bytes where nothing is, or nobody asks.
  uint64_t base_offset = 0;
  uint64_t base_bytes = 0;
};

// In place of the codec, for steps of a chunk that has been made before.
constexpr const char* kCodecAgain = "again";

// From where in the base a range of the result comes: the part that made most of it.
struct Origin {
  bool is_known = false;
  bool is_one_copy = false;  // all of the range is one copy, of what begins here
  uint64_t base_offset = 0;
};

// As tables show them, fit for a terminal: the first name, else the role; 2x3x4.
std::string shown_name(const Range& range);
std::string shown_shape(const Range& range);

// What predicts a piece of codec `values`; how many ranks add to it, behind a comma.
std::string shown_predictor(const Piece& piece);
std::string shown_ranks(uint32_t ranks);
// Which axes of the base those of the result are, neighbours that stay so as one.
std::string shown_permutation(const Permutation& permutation);

class Explanation {
 public:
  // Any ranges of the result; of those that overlap, the first in the file gets the bytes.
  explicit Explanation(std::vector<TensorNote> notes);

  // Chunks come in the order of the result.
  void add(uint64_t result_offset, const std::vector<StepReport>& steps);

  // One line for each note: what it was matched to, what predicted most of it, which codec,
  // bytes and bits for each element; then what lies between, and the sum. `name`, if given,
  // completes notes by where they come from.
  using NameOrigin = std::function<void(const Origin& origin, TensorNote* note)>;
  std::string table(const NameOrigin& name = {}) const;

 private:
  struct Sum {
    uint64_t result_bytes = 0;
    uint64_t coded_bytes = 0;
    uint64_t most_bytes = 0;  // of the result, in the step that `codec` is about
    const char* codec = "-";
    std::string predictor = "-";
    Origin origin;

    // `done` bytes of the step belong to others.
    void add(const StepReport& step, uint64_t done, uint64_t bytes, uint64_t coded);
  };

  std::vector<TensorNote> notes_;  // by offset
  std::vector<Sum> sums_;          // by note
  Sum rest_;
  size_t first_ = 0;  // note that may reach beyond what has been added
};

}  // namespace mallorn
