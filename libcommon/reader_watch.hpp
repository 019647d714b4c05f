// Ends a program whose output nobody reads any more.
#pragma once

#include <thread>

#include "libcommon/file.hpp"

namespace mallorn {

// While it lives, the program ends by SIGPIPE as soon as the reader of its standard output
// has left, if that is a pipe: as it would at its next write, which may be minutes away.
// Does nothing where the system has no thread or no descriptor to give.
class ReaderWatch {
 public:
  ReaderWatch();
  ~ReaderWatch();
  ReaderWatch(const ReaderWatch&) = delete;
  ReaderWatch& operator=(const ReaderWatch&) = delete;

 private:
  Fd watched_;  // what the watch ends with when `end_` is closed
  Fd end_;
  std::thread thread_;
};

}  // namespace mallorn
