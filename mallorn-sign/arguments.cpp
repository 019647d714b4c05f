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

[[noreturn]] void refuse(const std::string& reason) {
  throw Error(Status::usage, reason, kHint);
}

const CommandForm& form_of(const std::vector<std::string>& words) {
  if (words.empty()) refuse("no command");
  const auto* found = std::ranges::find(kCommands, words.front(), &CommandForm::name);
  if (found == std::end(kCommands)) refuse("no such command: " + words.front());
  return *found;
}

void require_fitting_options(const cxxopts::ParseResult& result, const CommandForm& form) {
  for (const cxxopts::KeyValue& given : result.arguments()) {
    const std::string word = " " + given.key() + " ";
    if (kCommonOptions.find(word) == word.npos && form.options.find(word) == word.npos) {
      refuse(std::string(form.name) + " has no option --" + given.key());
    }
  }
}

std::string text_of(const cxxopts::ParseResult& result, const std::string& option) {
  const std::string text = result[option].as<std::string>();
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

void read_values(const cxxopts::ParseResult& result, Arguments* arguments) {
  const auto has = [&](const char* option) { return result.count(option) != 0; };
  // Not as a vector, which cxxopts would cut at commas.
  for (const cxxopts::KeyValue& given : result.arguments()) {
    if (given.key() == "key") arguments->keys.push_back(given.value());
  }
  if (has("output")) arguments->output = output_option(result);
  arguments->is_forced = has("force");
  arguments->is_encrypted = has("encrypt") || has("passphrase-fd");
  if (has("passphrase-fd")) {
    arguments->passphrase_fd = open_descriptor(text_of(result, "passphrase-fd"));
  }
  arguments->prints_message = has("print-message");
  if (has("signature")) arguments->signature = text_of(result, "signature");
  arguments->only_checks = has("check-only");
  if (has("model-id")) arguments->model_id = text_of(result, "model-id");
  if (has("min-release")) {
    arguments->min_release = static_cast<uint32_t>(
        parse_number(text_of(result, "min-release"), "--min-release", 1, UINT32_MAX));
  }
  if (has("state")) arguments->state = text_of(result, "state");
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
  cxxopts::Options options(program.name);
  add_common_options(options);
  for (const char* name : {"key", "o,output", "passphrase-fd", "signature", "model-id",
                           "min-release", "state"}) {
    options.add_options()(name, "", cxxopts::value<std::string>());
  }
  for (const char* name : {"force", "encrypt", "print-message", "check-only"}) {
    options.add_options()(name, "");
  }
  cxxopts::ParseResult result;
  if (!parse_command_line(program, options, argc, argv, &arguments->common, &result)) {
    return false;
  }
  const CommandForm& form = form_of(result.unmatched());
  require_fitting_options(result, form);
  arguments->command = form.command;
  arguments->operands.assign(result.unmatched().begin() + 1, result.unmatched().end());
  if (arguments->operands.size() < form.least_operands ||
      arguments->operands.size() > form.most_operands) {
    refuse(std::string(form.name) + " " + form.takes);
  }
  read_values(result, arguments);
  require_sense(*arguments);
  return true;
}

}  // namespace mallorn::sign
