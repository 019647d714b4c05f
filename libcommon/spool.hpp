// Bytes that are held back until it is known whether, or behind what, they may go out.
#pragma once

#include <vector>

#include "libcommon/output.hpp"

namespace mallorn {

// Few stay in memory, more go to an unnamed temporary file.
class Spool {
 public:
  void write(ByteView bytes);
  uint64_t length_bytes() const { return length_; }
  void copy_to(Output& output) const;

 private:
  std::vector<uint8_t> memory_;  // what is not in the file yet
  Fd file_;
  uint64_t length_ = 0;
};

}  // namespace mallorn
