#include "mallorn-sign/key_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using namespace mallorn::sign;
using test::Bytes;

namespace {

constexpr KeyOptions kQuiet = {-1, true};

struct Pair {
  SecretKey key = SecretKey::generate();
  Bytes secret_pem = [this] {
    const Secret pem = key.to_pem(std::nullopt);
    return Bytes(pem.bytes().begin(), pem.bytes().end());
  }();
  Bytes public_pem = [this] {
    const std::string pem = public_key_to_pem(key.public_key());
    return Bytes(pem.begin(), pem.end());
  }();
};

Bytes joined(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE("key file: each half is read from its file, and not from the other's") {
  const test::TemporaryFolder folder;
  const Pair pair;
  test::write_file(folder / "k.key", pair.secret_pem);
  test::write_file(folder / "k.pub", pair.public_pem);
  CHECK(read_secret_key(folder / "k.key", kQuiet).public_key() == pair.key.public_key());
  CHECK(read_public_key(folder / "k.pub") == pair.key.public_key());
  CHECK(test::status_of([&] { (void)read_secret_key(folder / "k.pub", kQuiet); }) ==
        Status::malformed);
  CHECK(test::status_of([&] { (void)read_public_key(folder / "k.key"); }) ==
        Status::malformed);
}

TEST_CASE("key file: missing, a folder, too long, or with two keys") {
  const test::TemporaryFolder folder;
  const Pair pair;
  const auto status = [&](const Bytes& content) {
    test::write_file(folder / "k", content);
    return test::status_of([&] { (void)read_public_key(folder / "k"); });
  };
  CHECK(test::status_of([&] { (void)read_public_key(folder / "none"); }) ==
        Status::cannot_open);
  CHECK(test::status_of([&] { (void)read_public_key(folder.path()); }) ==
        Status::cannot_open);
  CHECK(status(pair.public_pem) == Status::ok);
  CHECK(status(joined(Bytes(16384 - pair.public_pem.size(), '\n'), pair.public_pem)) ==
        Status::ok);
  CHECK(status(joined(Bytes(16385 - pair.public_pem.size(), '\n'), pair.public_pem)) ==
        Status::limit_exceeded);
  CHECK(status(joined(pair.public_pem, pair.public_pem)) == Status::malformed);
  CHECK(status(joined(pair.public_pem, pair.secret_pem)) == Status::malformed);
}

TEST_CASE("key file: a passphrase comes from the descriptor that is named") {
  const test::TemporaryFolder folder;
  const Pair pair;
  Secret passphrase(4);
  passphrase.bytes()[0] = 'x';
  const Secret pem = pair.key.to_pem(std::move(passphrase));
  test::write_file(folder / "k", pem.bytes());
  const Fd right = test::file_of(Bytes{'x', 0, 0, 0, '\n', '?'});
  CHECK(read_secret_key(folder / "k", {right.get(), true}).public_key() ==
        pair.key.public_key());
  const Fd wrong = test::file_of(Bytes{'y', '\n'});
  CHECK(test::status_of([&] {
          (void)read_secret_key(folder / "k", {wrong.get(), true});
        }) == Status::cannot_open);
}
