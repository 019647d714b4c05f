// Command-line manners shared by all programs: messages, exit codes, common options.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "libcommon/core/status.hpp"

namespace mallorn {

// Options every program has.
struct CommonOptions {
  bool is_quiet = false;    // -q: no warnings, no progress
  bool is_verbose = false;  // -v: say on stderr what is done
  unsigned threads = 0;     // --threads; never 0 after parsing
};

// What a program is, and says of itself.
struct Program {
  const char* name;  // "mallorn-parse"
  const char* help;  // whole text of --help: one screen, at most 80 columns, two examples
};

// Runs `body`, turns what it throws into one line on stderr (and a hint), returns the exit
// code.
int run_main(const Program& program, const std::function<int()>& body);

// The documented exit code of a status (docs/errors.md).
int exit_code(Status status);

// One line on stderr: "mallorn-parse: warning: …". Control characters are made visible.
void print_message(const char* severity, const std::string& text);

// A whole number between `least` and `most`; throws Error(usage) naming `option` otherwise.
uint64_t parse_number(const std::string& text, const std::string& option, uint64_t least,
                      uint64_t most);

// A number of bytes above 0: a whole number, or one followed by K, M, G or T, which count
// in 1,024s, also as KiB and KB, in any case. Throws Error(usage) naming `option`
// otherwise.
uint64_t parse_size(const std::string& text, const std::string& option);

// Writes to standard output. Throws Error(io).
void print_text(std::string_view text);

// `text` with control characters, what else is unseen, and ill-formed UTF-8 written as
// \xNN: safe on a terminal.
std::string printable(std::string_view text);

// "1,234,567"
std::string with_commas(uint64_t number);

// A line on stderr that says how far the work is, if stderr is a terminal and the work is
// long.
class Progress {
 public:
  Progress(bool is_wanted, std::string what, uint64_t total);
  ~Progress();
  void advance_to(uint64_t done);

 private:
  bool is_wanted_;
  bool is_shown_ = false;
  std::string what_;
  uint64_t total_;
  uint64_t started_ms_;
  uint64_t shown_ms_ = 0;
};

}  // namespace mallorn
