// Passphrases: asked for at the terminal, or read from a descriptor that a script names.
#pragma once

#include <string>

#include "mallorn-sign/secret.hpp"

namespace mallorn::sign {

constexpr size_t kMaxPassphraseBytes = 1023;  // what OpenSSL has room for

// The first line that can be read from `fd`, without its end; that of the file if it has
// none. Throws Error(cannot_open) if it is empty or too long, Error(io).
Secret read_passphrase(int fd, const std::string& name);

// Writes `prompt` to the terminal and reads a line that is not shown while it is typed.
// Throws Error(cannot_open) if the program has no terminal.
Secret ask_passphrase(const std::string& prompt);

// Asks twice for a new one. Throws Error(cannot_open) if the answers differ.
Secret ask_new_passphrase(const std::string& name);

}  // namespace mallorn::sign
