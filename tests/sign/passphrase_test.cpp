#include "mallorn-sign/passphrase.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using namespace mallorn::sign;
using test::Bytes;

namespace {

Bytes passphrase_in(const Bytes& input) {
  const Fd file = test::file_of(input);
  const Secret read = read_passphrase(file.get(), "test");
  return {read.bytes().begin(), read.bytes().end()};
}

Status status_of(const Bytes& input) {
  return test::status_of([&] { (void)passphrase_in(input); });
}

}  // namespace

TEST_CASE("passphrase: the first line, and nothing is taken of what follows") {
  CHECK(passphrase_in({'a', ' ', 'b', '\n', 'c'}) == Bytes{'a', ' ', 'b'});
  CHECK(passphrase_in({'a', ' ', 'b'}) == Bytes{'a', ' ', 'b'});
  CHECK(passphrase_in({' ', '\r', '\n'}) == Bytes{' ', '\r'});
  const Fd file = test::file_of(Bytes{'a', '\n', 'b'});
  (void)read_passphrase(file.get(), "test");
  CHECK(::lseek(file.get(), 0, SEEK_CUR) == 2);
}

TEST_CASE("passphrase: none is refused, and so is one without end") {
  CHECK(status_of({}) == Status::cannot_open);
  CHECK(status_of({'\n', 'a'}) == Status::cannot_open);
  CHECK(passphrase_in(Bytes(kMaxPassphraseBytes, 'a')).size() == kMaxPassphraseBytes);
  CHECK(status_of(Bytes(kMaxPassphraseBytes + 1, 'a')) == Status::cannot_open);
  CHECK(status_of(Bytes(1 << 20, 'a')) == Status::cannot_open);
}

TEST_CASE("secret: can only shrink") {
  Secret secret(5);
  secret.shrink(3);
  CHECK(secret.bytes().size() == 3);
  secret.shrink(9);
  CHECK(secret.bytes().size() == 3);
  const Secret moved = std::move(secret);
  CHECK(moved.bytes().size() == 3);
}
