#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <deque>
#include <new>
#include <vector>

#include "libcommon/command_line.hpp"
#include "libcommon/error.hpp"
#include "tests/support/files.hpp"

using namespace mallorn;

namespace {

constexpr Program kProgram = {"mallorn-test", "usage: mallorn-test\n"};

struct Outcome {
  int code = -1;
  std::string messages;
};

// What run_main() returns and says: in a process of its own, as it changes this one's
// signals.
Outcome outcome_of(const std::function<int()>& body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 2);
    ::close(ends[0]);
    ::close(ends[1]);
    const int code = run_main(kProgram, body);
    std::fflush(stderr);
    ::_exit(code);
  }
  ::close(ends[1]);
  Outcome outcome;
  char text[512];
  for (ssize_t count = 0; (count = ::read(ends[0], text, sizeof(text))) > 0;) {
    outcome.messages.append(text, static_cast<size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return outcome;
}

}  // namespace

TEST_CASE("cli: run_main returns what its body returns, in silence") {
  for (const int code : {0, 1, 76}) {
    const Outcome outcome = outcome_of([code] { return code; });
    CHECK(outcome.code == code);
    CHECK(outcome.messages.empty());
  }
}

TEST_CASE("cli: run_main turns an Error into one line, a hint and its exit code") {
  const Outcome outcome =
      outcome_of([]() -> int { throw Error(Status::base_mismatch, "a\nb", "try\tthat"); });
  CHECK(outcome.code == 76);
  CHECK(outcome.messages ==
        "mallorn-test: error: a\\x0ab [base_mismatch]\nmallorn-test: hint: try\\x09that\n");
  CHECK(outcome_of([]() -> int { throw Error(Status::truncated, "x"); }).messages ==
        "mallorn-test: error: x [truncated]\n");
}

TEST_CASE("cli: run_main knows no memory and faults of its own") {
  const Outcome memory = outcome_of([]() -> int { throw std::bad_alloc(); });
  CHECK(memory.code == 74);
  CHECK(memory.messages == "mallorn-test: error: out of memory [out_of_memory]\n");
  const Outcome fault = outcome_of([]() -> int { throw std::logic_error("oops"); });
  CHECK(fault.code == 70);
  CHECK(fault.messages == "mallorn-test: error: oops [internal]\n");
}

TEST_CASE("cli: what cannot be written to standard output is an error") {
  const Outcome outcome = outcome_of([] {
    if (std::freopen("/dev/full", "w", stdout) == nullptr) return 1;
    std::puts("text");
    return 0;
  });
  CHECK(outcome.code == 74);
  CHECK(outcome.messages ==
        "mallorn-test: error: standard output: No space left on device [io]\n");
}

TEST_CASE("cli: a mapped file that shrinks ends the program with a message and code 74") {
  // qemu-user does not tell the address of a SIGBUS: which file it was, nobody knows there.
  const bool is_emulated = std::getenv("MALLORN_EMULATOR") != nullptr;
  const std::string reason = "became shorter while it was read [io]\n";
  const test::TemporaryFolder folder;
  const std::string path = folder / "file\x1B\n";
  test::write_file(path, std::vector<uint8_t>(1 << 16, 1));
  test::write_file(folder / "other", std::vector<uint8_t>(1 << 16, 1));
  const auto shrink_with_others = [&](size_t others, bool is_first) {
    return outcome_of([&] {
      std::deque<MappedFile> files;
      if (is_first) files.emplace_back(path);
      for (size_t i = 0; i < others; ++i) files.emplace_back(folder / "other");
      if (!is_first) files.emplace_back(path);
      std::filesystem::resize_file(path, 0);
      return static_cast<int>((is_first ? files.front() : files.back()).bytes()[40000]);
    });
  };
  for (const size_t others : {0, 5, 100}) {
    for (const bool is_first : {false, true}) {
      CAPTURE(others);
      CAPTURE(is_first);
      test::write_file(path, std::vector<uint8_t>(1 << 16, 1));
      const Outcome outcome = shrink_with_others(others, is_first);
      const bool is_known = is_first || others < 10;  // there are names for some files
      CHECK(outcome.code == 74);
      if (is_emulated) {
        CHECK(outcome.messages.ends_with(reason));
        continue;
      }
      CHECK(outcome.messages ==
            "mallorn-test: error: " + (is_known ? printable(path) + ": " : "a file ") +
                reason);
    }
  }
}

TEST_CASE("cli: files that are mapped no longer make room for the names of others") {
  const test::TemporaryFolder folder;
  test::write_file(folder / "file", std::vector<uint8_t>(100, 1));
  for (int i = 0; i < 100; ++i) {
    const MappedFile file(folder / "file");
    const char* name = mapped_file_at(file.bytes().data() + 99);
    REQUIRE(name != nullptr);
    REQUIRE(name == printable(folder / "file"));
    REQUIRE(mapped_file_at(file.bytes().data() + 100) == nullptr);
    REQUIRE(mapped_file_at(file.bytes().data() - 1) == nullptr);
  }
  CHECK(mapped_file_at(nullptr) == nullptr);
}

TEST_CASE("cli: numbers are whole, in range, and nothing else") {
  CHECK(parse_number("1", "--n", 1, 256) == 1);
  CHECK(parse_number("256", "--n", 1, 256) == 256);
  CHECK(parse_number("007", "--n", 1, 256) == 7);
  CHECK(parse_number("18446744073709551615", "--n", 0, UINT64_MAX) == UINT64_MAX);
  for (const char* wrong : {"", " 1", "1 ", "+1", "-1", "1x", "0x1", "1.0", "1e2", "0",
                            "257", "18446744073709551616", "99999999999999999999999999"}) {
    CHECK_MESSAGE(
        test::status_of([&] { (void)parse_number(wrong, "--n", 1, 256); }) == Status::usage,
        wrong);
  }
}

TEST_CASE("cli: the common options") {
  const auto parse = [](std::vector<const char*> words, CommonOptions* common) {
    words.insert(words.begin(), "mallorn-test");
    CommandLine line;
    return parse_command_line(kProgram, {}, static_cast<int>(words.size()), words.data(),
                              common, &line);
  };
  CommonOptions common;
  CHECK(parse({}, &common));
  CHECK(common.threads >= 1);
  CHECK_FALSE(common.is_quiet);
  CHECK(parse({"-q", "-v", "--threads", "8"}, &common));
  CHECK(common.is_quiet);
  CHECK(common.is_verbose);
  CHECK(common.threads == 8);
  for (const std::vector<const char*>& wrong : {std::vector<const char*>{"--nonsense"},
                                                {"--threads", "0"},
                                                {"--threads", "257"},
                                                {"--threads", "-1"},
                                                {"--threads=x"},
                                                {"--threads"},
                                                {"-z"}}) {
    CHECK(test::status_of([&] { (void)parse(wrong, &common); }) == Status::usage);
  }
}

TEST_CASE("cli: options of a program") {
  constexpr Option kOptions[] = {{"o,output", true}, {"force"}};
  const auto parse = [&](std::vector<const char*> words) {
    words.insert(words.begin(), "mallorn-test");
    CommonOptions common;
    CommandLine line;
    (void)parse_command_line(kProgram, kOptions, static_cast<int>(words.size()),
                             words.data(), &common, &line);
    return line;
  };
  CHECK_FALSE(parse({}).has("output"));
  CHECK(parse({}).value("output").empty());
  CHECK(parse({"-o", "a,b"}).value("output") == "a,b");
  CHECK(parse({"--output=a", "-ob", "--force"}).value("output") == "b");
  CHECK(parse({"--output="}).has("output"));
  CHECK(parse({"--force"}).has("force"));
  CHECK(parse({"a", "--", "--force", "-"}).operands ==
        std::vector<std::string>{"a", "--force", "-"});
  for (const std::string wrong : {"--force=false", "--force=x", "--forc", "-f", "--o",
                                  "---force", "--output", "--=", "-o"}) {
    CHECK_MESSAGE(test::status_of([&] { parse({wrong.c_str()}); }) == Status::usage, wrong);
  }
}

TEST_CASE("cli: printable text keeps what a terminal can show and escapes the rest") {
  CHECK(printable("") == "");
  CHECK(printable("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80") ==
        "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
  CHECK(printable("a\x1B[31mb") == "a\\x1b[31mb");
  CHECK(printable(std::string_view("\0\t\r\n\x7F", 5)) == "\\x00\\x09\\x0d\\x0a\\x7f");
  CHECK(printable("\xC2\x9B") == "\\xc2\\x9b");                    // C1 control
  CHECK(printable("\xC0\xAF") == "\\xc0\\xaf");                    // overlong
  CHECK(printable("\xE0\x80\xAF") == "\\xe0\\x80\\xaf");           // overlong
  CHECK(printable("\xED\xA0\x80") == "\\xed\\xa0\\x80");           // surrogate
  CHECK(printable("\xE2\x80\xAE") == "\\xe2\\x80\\xae");           // right-to-left override
  CHECK(printable("\xE2\x81\xA6") == "\\xe2\\x81\\xa6");           // isolate
  CHECK(printable("\xC2\xAD") == "\\xc2\\xad");                    // soft hyphen
  CHECK(printable("\xD8\x9C") == "\\xd8\\x9c");                    // Arabic letter mark
  CHECK(printable("\xE3\x85\xA4") == "\\xe3\\x85\\xa4");           // Hangul filler
  CHECK(printable("\xEF\xBB\xBF") == "\\xef\\xbb\\xbf");           // byte order mark
  CHECK(printable("\xF3\xA0\x81\x81") == "\\xf3\\xa0\\x81\\x81");  // tag
  CHECK(printable("\xD8\x9B \xE2\x81\xA0") == "\xD8\x9B \\xe2\\x81\\xa0");
  CHECK(printable("\xF4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
  CHECK(printable("\xF5") == "\\xf5");
  CHECK(printable("\xE2\x82") == "\\xe2\\x82");
  CHECK(printable("\xE2") == "\\xe2");
  CHECK(printable("\x80z") == "\\x80z");
  CHECK(printable("\xE2\x82z") == "\\xe2\\x82z");
}

TEST_CASE("cli: numbers with commas") {
  CHECK(with_commas(0) == "0");
  CHECK(with_commas(999) == "999");
  CHECK(with_commas(1000) == "1,000");
  CHECK(with_commas(1234567) == "1,234,567");
  CHECK(with_commas(UINT64_MAX) == "18,446,744,073,709,551,615");
}

TEST_CASE("cli: sizes count in 1,024s, however the unit is written") {
  CHECK(parse_size("1", "--memory") == 1);
  CHECK(parse_size("3K", "--memory") == 3072);
  CHECK(parse_size("64M", "--memory") == 64u << 20);
  CHECK(parse_size("2G", "--memory") == 2ull << 30);
  for (const char* text : {"64m", "64MB", "64mb", "64MiB", "64Mi", "64mib", "65536K",
                           "65536kib", "67108864B", "67108864b"}) {
    CHECK_MESSAGE(parse_size(text, "--memory") == 64u << 20, text);
  }
  CHECK(parse_size("16777215T", "--memory") == 16777215ull << 40);
  CHECK(parse_size("18446744073709551615", "--memory") == UINT64_MAX);
  for (const char* text :
       {"",     "0",     "0K",  "K",    "B",     "1KK",       "1iB",
        "1i",   "1Mi B", "1BM", "1MBB", "1KiBi", "1.5M",      "1E",
        "0x1M", "-1",    "+1",  " 1",   "1 ",    "16777216T", "18446744073709551616"}) {
    CHECK_MESSAGE(
        test::status_of([&] { (void)parse_size(text, "--memory"); }) == Status::usage,
        text);
  }
}
