#include "mallorn-apply/interruption.hpp"

#include <signal.h>
#include <unistd.h>

#include "libcommon/cli.hpp"

namespace mallorn::apply {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

std::string last_words;  // set before the handler is there, and never again

extern "C" void on_signal(int) {
  (void)!::write(STDERR_FILENO, last_words.data(), last_words.size());
  ::_exit(75);  // exit_code(Status::interrupted)
}

}  // namespace

bool may_pass(Status status) {
  return status == Status::io || status == Status::no_space ||
         status == Status::out_of_memory;
}

void end_resumably_on_signals(const std::string& what) {
  last_words = "mallorn-apply: error: " + printable(what) +
               ": stopped by a signal [interrupted]\nmallorn-apply: hint: " + kGoOn + "\n";
  for (const int number : kSignals) {
    struct sigaction before {};
    ::sigaction(number, nullptr, &before);
    if (before.sa_handler == SIG_IGN) continue;  // as nohup(1) wants it
    struct sigaction action {};
    action.sa_handler = on_signal;
    ::sigaction(number, &action, nullptr);
  }
}

void ignore_signals() {
  for (const int number : kSignals) {
    struct sigaction action {};
    action.sa_handler = SIG_IGN;
    ::sigaction(number, &action, nullptr);
  }
}

}  // namespace mallorn::apply
