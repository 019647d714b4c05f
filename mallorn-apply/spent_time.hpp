// What work took: processor time of the thread that does it, so that what else the machine
// does is not counted.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace mallorn::apply {

struct Spent {
  uint64_t bytes = 0;
  int64_t nanoseconds = 0;

  Spent& operator+=(const Spent& other) {
    bytes += other.bytes;
    nanoseconds += other.nanoseconds;
    return *this;
  }
};

// A kind of work: "decoded by tokens".
struct SpentOn {
  std::string what;
  Spent spent;
};

// "decoded by tokens: 1,048,576 bytes in 0.001000 s of a processor, 1,048 MB/s"
std::string to_text(const SpentOn& each);

inline int64_t thread_nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Adds to `*spent` what passes until its end.
class SpentTimer {
 public:
  SpentTimer(Spent* spent, uint64_t bytes) : spent_(spent), begin_(thread_nanoseconds()) {
    spent_->bytes += bytes;
  }
  ~SpentTimer() { spent_->nanoseconds += thread_nanoseconds() - begin_; }
  SpentTimer(const SpentTimer&) = delete;
  SpentTimer& operator=(const SpentTimer&) = delete;

 private:
  Spent* spent_;
  int64_t begin_;
};

}  // namespace mallorn::apply
