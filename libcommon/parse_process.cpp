#include "libcommon/parse_process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "libcommon/error.hpp"

extern char** environ;

namespace mallorn {
namespace {

namespace fs = std::filesystem;

constexpr char kProgramName[] = "mallorn-parse";

std::string find_program() {
  std::vector<fs::path> places;
  if (const char* folder = std::getenv("MALLORN_BIN");
      folder != nullptr && *folder != '\0') {
    places = {fs::path(folder) / kProgramName,
              fs::path(folder) / kProgramName / kProgramName};
  }
  std::error_code ignored;
  const fs::path here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  if (!here.empty()) {  // never what happens to be in the current folder
    places.push_back(here / kProgramName);
    places.push_back(here.parent_path() / kProgramName / kProgramName);
  }
  for (const fs::path& place : places) {
    if (fs::is_regular_file(place, ignored) && ::access(place.c_str(), X_OK) == 0) {
      return place.string();
    }
  }
  throw Error(Status::unsupported_feature, "mallorn-parse is not beside this program",
              "install the programs together, or set MALLORN_BIN to their folder");
}

}  // namespace

ParseProcess::ParseProcess(const std::string& path, bool is_quiet, bool is_strict) {
  const std::string program = find_program();
  std::vector<std::string> words = {kProgramName, "--by-reference"};
  if (is_quiet) words.push_back("--quiet");
  if (is_strict) words.push_back("--strict");
  words.insert(words.end(), {"--", path});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error(Status::io, std::strerror(errno));
  output_ = Fd(ends[0]);
  const Fd write_end(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  const int error =
      ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw Error(Status::internal, program + ": " + std::strerror(error));
}

ParseProcess::~ParseProcess() {
  output_ = Fd();  // a writer that is still at it dies of SIGPIPE
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

void ParseProcess::require_success() {
  output_ = Fd();
  int status = 0;
  while (pid_ > 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  // Killed by SIGPIPE: it was this program that stopped reading; the cause is told
  // elsewhere.
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE) return;
  if (WIFEXITED(status)) throw ParseFailed{WEXITSTATUS(status)};
  throw Error(Status::internal, "mallorn-parse was killed");
}

}  // namespace mallorn
