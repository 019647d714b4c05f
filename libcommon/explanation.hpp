// What became of each tensor, as a table for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libcommon/delta_stream.hpp"

namespace mallorn {

// What has become of a step: for people.
struct StepReport {
  uint64_t result_bytes = 0;
  uint64_t coded_bytes = 0;  // of the record, roughly
  bool is_copy = false;
  const char* codec = "";  // of its section; or "copy", "bytes"
  std::string predictor;
};

class Explanation {
 public:
  // Any ranges of the result; of those that overlap, the first in the file gets the bytes.
  explicit Explanation(std::vector<TensorNote> notes);

  // Chunks come in the order of the result.
  void add(uint64_t result_offset, const std::vector<StepReport>& steps);

  // One line for each note: what it was matched to, what predicted most of it, which codec,
  // bytes and bits for each element; then what lies between, and the sum.
  std::string table() const;

 private:
  struct Sum {
    uint64_t result_bytes = 0;
    uint64_t coded_bytes = 0;
    uint64_t most_bytes = 0;  // of the result, in the step that `codec` is about
    const char* codec = "-";
    std::string predictor = "-";

    void add(const StepReport& step, uint64_t bytes, uint64_t coded);
  };

  std::vector<TensorNote> notes_;  // by offset
  std::vector<Sum> sums_;          // by note
  Sum rest_;
  size_t first_ = 0;  // note that may reach beyond what has been added
};

}  // namespace mallorn
