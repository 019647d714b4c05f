#include "libcommon/cli.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <new>
#include <system_error>

#include "libcommon/error.hpp"
#include "libcommon/file.hpp"
#include "libcommon/utf8.hpp"

namespace mallorn {
namespace {

const char* program_name = "mallorn";  // set once in run_main, before any thread starts

uint64_t now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// Ends the program with a message, when nothing can be allocated and no lock be taken.
[[noreturn]] void end_at_once(std::initializer_list<const char*> text) {
  static std::atomic_flag is_told;
  while (is_told.test_and_set()) ::pause();  // another thread came upon it, and ends all
  constexpr size_t kMaxPieces = 8;
  iovec pieces[kMaxPieces];
  size_t count = 0;
  const auto add = [&](const char* part) {
    pieces[count++] = {const_cast<char*>(part), std::strlen(part)};
  };
  add(program_name);
  add(": error: ");
  for (const char* part : text) add(part);
  (void)!::writev(STDERR_FILENO, pieces, static_cast<int>(count));
  ::_exit(74);
}

// A mapped file that shrinks under us raises SIGBUS on the next touch of the lost pages.
extern "C" void on_bus_error(int, siginfo_t* info, void*) {
  const char* name = mapped_file_at(info->si_addr);
  end_at_once({name != nullptr ? name : "a file", name != nullptr ? ": " : " ",
               "became shorter while it was read [io]\n"});
}

// The library gives up where there is no memory for an exception to tell of that.
[[noreturn]] void on_terminate() {
  if (!std::current_exception()) end_at_once({"out of memory [out_of_memory]\n"});
  std::abort();
}

// Before all else: there are libraries that allocate before main() is called.
[[gnu::constructor(101)]] void set_terminate() { std::set_terminate(on_terminate); }

// A closed standard stream would be given to the next file that is opened.
void ensure_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) == -1)
      (void)!::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
  }
}

// The front end ends its stages when it is interrupted, unless it dies before it can: of
// SIGKILL, or of what its shell does not catch. Nothing that is lost has a name yet. What a
// stage starts is not its child, and ends with its pipe. A stage that has not come here yet
// when that happens is not reached.
void end_with_front_end() {
  const char* front = std::getenv("MALLORN_FRONT_END");
  if (front != nullptr && front == std::to_string(::getppid())) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  }
}

}  // namespace

int run_main(const Program& program, const std::function<int()>& body) {
  program_name = program.name;
  ensure_standard_streams();
  end_with_front_end();
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
  ::signal(SIGPIPE,
           SIG_DFL);  // whatever was inherited: a stage whose reader has left just ends
  ::signal(SIGXFSZ, SIG_IGN);  // a limit on file size is an error of write(2), told as such
  Status status = Status::internal;
  try {
    const int code = body();
    print_text("");
    return code;
  } catch (const Error& error) {
    status = error.status();
    print_message("error", std::string(error.what()) + " [" + status_name(status) + "]");
    if (!error.hint().empty()) print_message("hint", error.hint());
  } catch (const std::bad_alloc&) {
    status = Status::out_of_memory;
    print_message("error", "out of memory [out_of_memory]");
  } catch (const std::system_error& error) {
    status = Status::out_of_memory;  // thrown by threads alone: the system has none to give
    print_message("error", std::string(error.what()) + " [out_of_memory]");
  } catch (const std::exception& error) {
    print_message("error", std::string(error.what()) + " [internal]");
  }
  return exit_code(status);
}

int exit_code(Status status) {
  switch (status) {
    case Status::ok:
      return 0;
    case Status::usage:
      return 64;
    case Status::truncated:
    case Status::trailing_bytes:
    case Status::bad_magic:
    case Status::malformed:
    case Status::limit_exceeded:
    case Status::overlap:
    case Status::corrupt_data:
    case Status::check_mismatch:
    case Status::result_mismatch:
    case Status::unknown_codec:
      return 65;
    case Status::cannot_open:
      return 66;
    case Status::unsupported_version:
    case Status::unsupported_feature:
      return 69;
    case Status::internal:
      return 70;
    case Status::cannot_create:
      return 73;
    case Status::io:
    case Status::no_space:
    case Status::out_of_memory:
      return 74;
    case Status::interrupted:
      return 75;
    case Status::base_mismatch:
      return 76;
    case Status::bad_signature:
      return 77;
  }
  return 70;
}

void print_message(const char* severity, const std::string& text) {
  std::fprintf(stderr, "%s: %s: %s\n", program_name, severity, printable(text).c_str());
}

uint64_t parse_number(const std::string& text, const std::string& option, uint64_t least,
                      uint64_t most) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, fault] = std::from_chars(text.data(), end, value);
  if (fault != std::errc() || at != end || value < least || value > most) {
    throw Error(Status::usage, option + " takes a whole number from " +
                                   std::to_string(least) + " to " + std::to_string(most) +
                                   ", not '" + text + "'");
  }
  return value;
}

uint64_t parse_size(const std::string& text, const std::string& option) {
  constexpr std::string_view kUnits = "KMGT";
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [after, fault] = std::from_chars(text.data(), end, value);
  std::string unit(after, end);
  for (char& c : unit) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  if (unit.ends_with('B')) unit.pop_back();
  if (unit.size() == 2 && unit[1] == 'I') unit.pop_back();
  const size_t at = unit.size() == 1 ? kUnits.find(unit) : kUnits.npos;
  const size_t shift = at == kUnits.npos ? 0 : 10 * (at + 1);
  const bool is_unit = unit.empty() || at != kUnits.npos;
  if (fault != std::errc() || !is_unit || value == 0 || value > UINT64_MAX >> shift) {
    throw Error(
        Status::usage,
        option + " takes a whole number of bytes, as 512K, 64M or 2G, not '" + text + "'");
  }
  return value << shift;
}

namespace {

// Code points that nobody sees, or that turn the direction of the text around them:
// Unicode's controls and format characters, and what it lets be left out where it cannot be
// shown.
constexpr std::array<std::pair<uint32_t, uint32_t>, 21> kUnseen = {{
    {0x00, 0x1F},       {0x7F, 0x9F},       {0xAD, 0xAD},       {0x34F, 0x34F},
    {0x61C, 0x61C},     {0x115F, 0x1160},   {0x17B4, 0x17B5},   {0x180B, 0x180F},
    {0x200B, 0x200F},   {0x2028, 0x202E},   {0x2060, 0x206F},   {0x3164, 0x3164},
    {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},
    {0x110BD, 0x110BD}, {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},
    {0xE0000, 0xE0FFF},
}};

// Length of the well-formed, visible UTF-8 sequence at the start of `text`; 0 if there is
// none.
size_t printable_sequence(std::string_view text) {
  const CodePoint point = first_code_point(text);
  const bool is_unseen = std::ranges::any_of(kUnseen, [&](const auto& range) {
    return point.value >= range.first && point.value <= range.second;
  });
  return is_unseen ? 0 : point.length;
}

}  // namespace

void print_text(std::string_view text) {
  const size_t written = std::fwrite(text.data(), 1, text.size(), stdout);
  if (written == text.size() && std::fflush(stdout) == 0) return;
  throw Error(Status::io, "standard output: " + std::string(std::strerror(errno)));
}

std::string printable(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string shown;
  while (!text.empty()) {
    const size_t length = printable_sequence(text);
    if (length > 0) {
      shown.append(text.substr(0, length));
      text.remove_prefix(length);
      continue;
    }
    const auto byte = static_cast<uint8_t>(text.front());
    shown += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    text.remove_prefix(1);
  }
  return shown;
}

std::string with_commas(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

Progress::Progress(bool is_wanted, std::string what, uint64_t total)
    : is_wanted_(is_wanted && ::isatty(STDERR_FILENO) == 1),
      what_(std::move(what)),
      total_(std::max<uint64_t>(total, 1)),
      started_ms_(now_ms()) {}

void Progress::advance_to(uint64_t done) {
  if (!is_wanted_) return;
  const uint64_t now = now_ms();
  if (now - started_ms_ < 1000 || now - shown_ms_ < 200) return;  // short work stays silent
  shown_ms_ = now;
  is_shown_ = true;
  const uint64_t percent = std::min<uint64_t>(100, done / (total_ / 100 + 1));
  std::fprintf(stderr, "\r%s: %s: %3u %%", program_name, what_.c_str(),
               static_cast<unsigned>(percent));
}

Progress::~Progress() {
  if (is_shown_) std::fputs("\r\033[K", stderr);
}

}  // namespace mallorn
