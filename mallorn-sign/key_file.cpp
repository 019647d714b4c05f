#include "mallorn-sign/key_file.hpp"

#include <sys/stat.h>

#include <string_view>

#include "libcommon/cli.hpp"
#include "libcommon/error.hpp"
#include "libcommon/file.hpp"
#include "libcommon/text.hpp"
#include "mallorn-sign/passphrase.hpp"

namespace mallorn::sign {
namespace {

constexpr size_t kMaxKeyFileBytes = 16 * 1024;
constexpr std::string_view kBegin = "-----BEGIN ";

struct KeyFile {
  Secret text;
  bool is_open_to_others;
};

size_t count_blocks(std::string_view view) {
  size_t count = 0;
  for (size_t at = view.find(kBegin); at != view.npos; at = view.find(kBegin, at + 1))
    ++count;
  return count;
}

KeyFile read_key_file(const std::string& path) {
  const Fd file = open_input(path);
  struct stat info {};
  const bool is_known = ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode);
  KeyFile key{Secret(kMaxKeyFileBytes + 1), is_known && (info.st_mode & 077) != 0};
  key.text.shrink(read_full(file.get(), key.text.bytes(), path));
  if (key.text.bytes().size() > kMaxKeyFileBytes) {
    throw Error(Status::limit_exceeded, path + ": is too long for a key");
  }
  // Of several keys the first would count, whatever the user has in mind.
  if (count_blocks(text_of(key.text.bytes())) > 1) {
    throw Error(Status::malformed, path + ": has more than one key",
                "give each its own file");
  }
  return key;
}

}  // namespace

SecretKey read_secret_key(const std::string& path, const KeyOptions& options) {
  const KeyFile file = read_key_file(path);
  if (text_of(file.text.bytes()).find("-----BEGIN PUBLIC KEY-----") !=
      std::string_view::npos) {
    throw Error(Status::malformed, path + ": is a public key",
                "signing takes the secret key");
  }
  const bool is_secret =
      text_of(file.text.bytes()).find("PRIVATE KEY-----") != std::string_view::npos;
  if (is_secret && file.is_open_to_others && !options.is_quiet) {
    print_message("warning", path + ": is a secret key, and not for you alone to read");
  }
  return SecretKey::from_pem(file.text.bytes(), path, [&] {
    return options.passphrase_fd < 0
               ? ask_passphrase("passphrase for " + path)
               : read_passphrase(options.passphrase_fd, "--passphrase-fd");
  });
}

PublicKey read_public_key(const std::string& path) {
  const KeyFile file = read_key_file(path);
  if (text_of(file.text.bytes()).find("PRIVATE KEY-----") != std::string_view::npos) {
    throw Error(Status::malformed, path + ": is a secret key",
                "the public key is wanted; keep this one where patches are signed");
  }
  return public_key_from_pem(file.text.bytes(), path);
}

}  // namespace mallorn::sign
