#include "libcommon/reader_watch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace mallorn {
namespace {

void watch(int end) {
  // Of no events but those that are always told: POLLERR, of a pipe that has no reader, and
  // POLLHUP, of one that has no writer.
  pollfd watched[] = {{STDOUT_FILENO, 0, 0}, {end, 0, 0}};
  while (::poll(watched, 2, -1) < 0 && errno == EINTR) {
  }
  if (watched[1].revents == 0 && (watched[0].revents & POLLERR) != 0) {
    ::kill(::getpid(), SIGPIPE);
  }
}

}  // namespace

ReaderWatch::ReaderWatch() {
  struct stat info {};
  int ends[2];
  if (::fstat(STDOUT_FILENO, &info) != 0 || !S_ISFIFO(info.st_mode) ||
      ::pipe2(ends, O_CLOEXEC) != 0) {
    return;
  }
  watched_ = Fd(ends[0]);
  end_ = Fd(ends[1]);
  try {
    thread_ = std::thread(watch, watched_.get());
  } catch (const std::system_error&) {
  }
}

ReaderWatch::~ReaderWatch() {
  end_ = Fd();
  if (thread_.joinable()) thread_.join();
}

}  // namespace mallorn
