#include "mallorn-sign/commands.hpp"

#include <sys/stat.h>

#include <cstdio>

#include "libcommon/error.hpp"
#include "libcommon/output.hpp"
#include "libcommon/text.hpp"
#include "mallorn-sign/key_file.hpp"
#include "mallorn-sign/passphrase.hpp"
#include "mallorn-sign/patch_body.hpp"
#include "mallorn-sign/signing.hpp"
#include "mallorn-sign/verify.hpp"

namespace mallorn::sign {
namespace {

void write(Output& output, ByteView bytes) {
  output.write(bytes);
  output.commit();
}

void note_key(const Arguments& arguments, const char* what, const PublicKey& key) {
  if (!arguments.common.is_verbose) return;
  print_message("note", std::string(what) + " key " + to_hex(key_id_of(key)));
}

std::optional<Secret> new_passphrase(const Arguments& arguments, const std::string& name) {
  if (!arguments.is_encrypted) return std::nullopt;
  if (arguments.passphrase_fd < 0) return ask_new_passphrase(name);
  return read_passphrase(arguments.passphrase_fd, "--passphrase-fd");
}

// Throws Error(usage) if the output is to be one of the inputs.
void require_no_input(const Arguments& arguments) {
  std::vector<std::string> inputs = arguments.keys;
  inputs.insert(inputs.end(), {arguments.patch(), arguments.signature, arguments.state});
  for (const std::string& input : inputs) {
    if (input != "-" && is_same_name(input, arguments.output)) {
      throw Error(Status::usage, arguments.output + ": is an input as well as the output");
    }
  }
}

// Not a file to be replaced as any other.
void require_no_key(const Arguments& arguments, const std::string& path) {
  struct stat info {};
  if (arguments.is_forced || ::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return;
  }
  throw Error(Status::cannot_create, path + ": exists",
              "a secret key that is replaced is lost for good: take another name");
}

// Of a folder the keys would be hidden files: .key and .pub in it.
void require_name(const std::string& name) {
  const std::string last = name.substr(name.rfind('/') + 1);  // npos + 1 is 0
  if (!last.empty() && last != "." && last != "..") return;
  throw Error(Status::usage, "keygen takes a NAME, which '" + name + "' does not end with",
              "the keys are NAME.key and NAME.pub");
}

void print_message_to_sign(const Arguments& arguments) {
  const Input input(arguments.patch());
  require_no_input(arguments);
  Output output(arguments.output, arguments.is_forced);
  const PatchFront front = read_patch_front(input.fd(), input.name());
  read_patch_body(input.fd(), input.name(), front.header, nullptr);
  write(output, message_of(front));
}

}  // namespace

void make_keys(const Arguments& arguments) {
  const std::string& name = arguments.operands.front();
  require_name(name);
  require_no_key(arguments, name + ".key");
  Output secret_file(name + ".key", arguments.is_forced, 0600);
  Output public_file(name + ".pub", arguments.is_forced, 0644);
  const std::optional<Secret> passphrase = new_passphrase(arguments, name + ".key");
  const SecretKey key = SecretKey::generate();
  secret_file.write(key.to_pem(passphrase).bytes());
  public_file.write(bytes_of(public_key_to_pem(key.public_key())));
  // There is room for both, or neither appears.
  secret_file.sync();
  public_file.sync();
  secret_file.commit();
  public_file.commit();
  note_key(arguments, "made", key.public_key());
}

void sign_patch(const Arguments& arguments) {
  if (arguments.prints_message) return print_message_to_sign(arguments);
  // The key first: who mistypes a passphrase need not wait for the patch.
  const std::string& key = arguments.keys.front();
  const Signer signer = arguments.signature.empty()
                            ? signer_with_secret_key(
                                  key, {arguments.passphrase_fd, arguments.common.is_quiet})
                            : signer_with_signature(key, arguments.signature);
  const Input input(arguments.patch());
  require_no_input(arguments);
  Output output(arguments.output, arguments.is_forced);
  PatchFront front = read_patch_front(input.fd(), input.name());
  Spool body;
  read_patch_body(input.fd(), input.name(), front.header, &body);
  add_signature(signer, input.name(), &front);
  write_patch(front, body, output);
  note_key(arguments, "signed by", signer.key);
}

void verify_patch(const Arguments& arguments) {
  Requirements requirements{{}, arguments.model_id, arguments.min_release, {}};
  if (!arguments.state.empty()) requirements.state = ReleaseState::read(arguments.state);
  for (const std::string& path : arguments.keys) {
    requirements.keys.push_back(read_trusted_key(path));
  }
  const Input input(arguments.patch());
  std::optional<Output> output;
  if (!arguments.only_checks) {
    require_no_input(arguments);
    output.emplace(arguments.output, arguments.is_forced);
  }
  Spool body;
  const PatchFront front =
      read_trusted_patch(input.fd(), input.name(), requirements, output ? &body : nullptr);
  if (output) write_patch(front, body, *output);
}

void print_key_id(const Arguments& arguments) {
  const TrustedKey key = read_trusted_key(arguments.operands.front());
  print_text(to_hex(key.id) + "\n");
}

}  // namespace mallorn::sign
