#include "mallorn-sign/arguments.hpp"

#include <fcntl.h>

#include <algorithm>
#include <string_view>

#include "libcommon/command_line.hpp"
#include "libcommon/error.hpp"

namespace mallorn::sign {
namespace {

constexpr const char* kHint = "see mallorn-sign --help";

// What each command is called, takes, and may be given.
struct CommandForm {
  std::string_view name;
  Command command;
  size_t least_operands;
  size_t most_operands;
  const char* takes;
  std::string_view options;  // each between spaces
};

constexpr CommandForm kCommands[] = {
    {"keygen", Command::keygen, 1, 1, "takes one NAME", " encrypt force passphrase-fd "},
    {"sign", Command::sign, 0, 1, "takes at most one PATCH",
     " key output force passphrase-fd print-message signature "},
    {"verify", Command::verify, 0, 1, "takes at most one PATCH",
     " key output force check-only model-id min-release state "},
    {"id", Command::id, 1, 1, "takes one KEY", " "},
};
constexpr std::string_view kCommonOptions = " help version quiet verbose threads ";

constexpr Option kOptions[] = {
    {"key", true},      {"o,output", true},    {"passphrase-fd", true}, {"signature", true},
    {"model-id", true}, {"min-release", true}, {"state", true},         {"force"},
    {"encrypt"},        {"print-message"},     {"check-only"}};

[[noreturn]] void refuse(const std::string& reason) {
  throw Error(Status::usage, reason, kHint);
}

const CommandForm& form_of(const std::vector<std::string>& words) {
  if (words.empty()) refuse("no command");
  const auto* found = std::ranges::find(kCommands, words.front(), &CommandForm::name);
  if (found == std::end(kCommands)) refuse("no such command: " + words.front());
  return *found;
}

void require_fitting_options(const CommandLine& line, const CommandForm& form) {
  for (const CommandLine::Given& given : line.options) {
    const std::string word = " " + given.name + " ";
    if (kCommonOptions.find(word) == word.npos && form.options.find(word) == word.npos) {
      refuse(std::string(form.name) + " has no option --" + given.name);
    }
  }
}

std::string word_of(const CommandLine& line, const std::string& option) {
  const std::string text = line.value(option);
  if (text.empty()) refuse("--" + option + " takes a value");  // as of an unset variable
  return text;
}

int open_descriptor(const std::string& text) {
  const auto fd = static_cast<int>(parse_number(text, "--passphrase-fd", 0, 1'000'000));
  // One that is closed would become that of a file which is opened later.
  if (::fcntl(fd, F_GETFD) == -1)
    refuse("--passphrase-fd: descriptor " + text + " is not open");
  return fd;
}

void read_values(const CommandLine& line, Arguments* arguments) {
  const auto has = [&](const char* option) { return line.has(option); };
  for (const CommandLine::Given& given : line.options) {
    if (given.name == "key") arguments->keys.push_back(given.value);
  }
  if (has("output")) arguments->output = output_option(line);
  arguments->is_forced = has("force");
  arguments->is_encrypted = has("encrypt") || has("passphrase-fd");
  if (has("passphrase-fd")) {
    arguments->passphrase_fd = open_descriptor(word_of(line, "passphrase-fd"));
  }
  arguments->prints_message = has("print-message");
  if (has("signature")) arguments->signature = word_of(line, "signature");
  arguments->only_checks = has("check-only");
  if (has("model-id")) arguments->model_id = word_of(line, "model-id");
  if (has("min-release")) {
    arguments->min_release = static_cast<uint32_t>(
        parse_number(word_of(line, "min-release"), "--min-release", 1, UINT32_MAX));
  }
  if (has("state")) arguments->state = word_of(line, "state");
}

void require_sense(const Arguments& arguments) {
  const size_t keys = arguments.keys.size();
  if (arguments.command == Command::verify && keys == 0) refuse("verify takes --key KEY");
  if (arguments.command == Command::sign && keys != (arguments.prints_message ? 0 : 1)) {
    refuse(arguments.prints_message ? "--print-message takes no key"
                                    : "sign takes one --key KEY");
  }
  if (arguments.prints_message && !arguments.signature.empty()) {
    refuse("--print-message and --signature do not go together");
  }
  if (arguments.prints_message && arguments.passphrase_fd >= 0) {
    refuse("--print-message and --passphrase-fd do not go together");
  }
  if (arguments.only_checks && !arguments.output.empty()) {
    refuse("--check-only and --output do not go together");
  }
  if (arguments.command == Command::sign && arguments.passphrase_fd == 0 &&
      arguments.patch() == "-") {
    refuse("PATCH and the passphrase cannot both be standard input");
  }
}

}  // namespace

bool read_arguments(const Program& program, int argc, char** argv, Arguments* arguments) {
  CommandLine line;
  if (!parse_command_line(program, kOptions, argc, argv, &arguments->common, &line)) {
    return false;
  }
  const CommandForm& form = form_of(line.operands);
  require_fitting_options(line, form);
  arguments->command = form.command;
  arguments->operands.assign(line.operands.begin() + 1, line.operands.end());
  if (arguments->operands.size() < form.least_operands ||
      arguments->operands.size() > form.most_operands) {
    refuse(std::string(form.name) + " " + form.takes);
  }
  read_values(line, arguments);
  require_sense(*arguments);
  return true;
}

}  // namespace mallorn::sign
