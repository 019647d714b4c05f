#include "mallorn-sign/passphrase.hpp"

#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "libcommon/cli.hpp"
#include "libcommon/error.hpp"
#include "libcommon/file.hpp"
#include "libcommon/text.hpp"

namespace mallorn::sign {
namespace {

constexpr const char* kTerminal = "/dev/tty";

// What the handler of signals puts right: a program that dies at its prompt must not leave
// a terminal behind that shows nothing. One prompt at a time.
int prompting_fd = -1;
termios as_it_was;

extern "C" void restore_and_die(int number) {
  ::tcsetattr(prompting_fd, TCSANOW, &as_it_was);
  ::raise(number);  // SA_RESETHAND: ends the program
}

// While it lives, the terminal does not show what is typed.
class HiddenTyping {
 public:
  explicit HiddenTyping(int fd) {
    if (::tcgetattr(fd, &as_it_was) != 0) {
      throw Error(Status::cannot_open, std::string(kTerminal) + ": not a terminal");
    }
    prompting_fd = fd;
    struct sigaction action {};
    action.sa_handler = restore_and_die;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    for (size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &action, &before_[i]);
      // What was to be ignored still is.
      if (before_[i].sa_handler == SIG_IGN) ::sigaction(kSignals[i], &before_[i], nullptr);
    }
    termios hidden = as_it_was;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(fd, TCSAFLUSH, &hidden);
  }
  ~HiddenTyping() {
    ::tcsetattr(prompting_fd, TCSANOW, &as_it_was);
    for (size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &before_[i], nullptr);
    }
  }
  HiddenTyping(const HiddenTyping&) = delete;
  HiddenTyping& operator=(const HiddenTyping&) = delete;

 private:
  static constexpr std::array<int, 4> kSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace

Secret read_passphrase(int fd, const std::string& name) {
  Secret line(kMaxPassphraseBytes + 1);  // room for its end
  size_t length = 0;
  // One byte at a time: what follows the line is not ours.
  while (length < line.bytes().size() &&
         read_full(fd, line.bytes().subspan(length, 1), name) == 1 &&
         line.bytes()[length] != '\n') {
    ++length;
  }
  if (length == 0 || length > kMaxPassphraseBytes) {
    throw Error(Status::cannot_open,
                name + (length == 0 ? ": no passphrase" : ": passphrase is too long"));
  }
  line.shrink(length);
  return line;
}

Secret ask_passphrase(const std::string& prompt) {
  const Fd terminal(::open(kTerminal, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (terminal.get() < 0) {
    throw Error(Status::cannot_open, "a passphrase is needed, and there is no terminal",
                "give it with --passphrase-fd N");
  }
  const HiddenTyping hidden(terminal.get());
  write_full(terminal.get(), bytes_of(printable(prompt) + ": "), kTerminal);
  Secret line = read_passphrase(terminal.get(), kTerminal);
  write_full(terminal.get(), bytes_of("\n"), kTerminal);
  return line;
}

Secret ask_new_passphrase(const std::string& name) {
  Secret first = ask_passphrase("passphrase for " + name);
  const Secret second = ask_passphrase("the same again");
  if (!std::ranges::equal(first.bytes(), second.bytes())) {
    throw Error(Status::cannot_open, "these are two different passphrases");
  }
  return first;
}

}  // namespace mallorn::sign
