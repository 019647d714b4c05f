#include "libcommon/file_state.hpp"

#include <doctest/doctest.h>

#include "libcommon/error.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace {

struct stat some_file() {
  struct stat info {};
  info.st_dev = 2049;
  info.st_ino = 1234;
  info.st_mtim = {1796000000, 1};
  info.st_ctim = {1796000000, 123456789};
  return info;
}

const timespec kLater = {1796000100, 0};

}  // namespace

TEST_CASE("file state: all that tells files from each other, and one from its past") {
  const std::string state = file_state(some_file(), kLater);
  CHECK(state == "2049:1234:1796000000.000000001:1796000000.123456789");
  CHECK(is_same_state(state, file_state(some_file(), {1796000200, 0})));
  struct stat info = some_file();
  info.st_ino = 1235;
  CHECK_FALSE(is_same_state(state, file_state(info, kLater)));
  info = some_file();
  info.st_mtim.tv_nsec = 2;
  CHECK_FALSE(is_same_state(state, file_state(info, kLater)));
  info = some_file();
  info.st_ctim.tv_nsec += 1;
  CHECK_FALSE(is_same_state(state, file_state(info, kLater)));
}

TEST_CASE("file state: what was changed just now, or in times to come, has none") {
  for (const time_t seconds : {-100, 0, 1, 2}) {
    CHECK(file_state(some_file(), {1796000000 + seconds, 999999999}).empty());
  }
  CHECK_FALSE(file_state(some_file(), {1796000003, 0}).empty());
  CHECK_FALSE(is_same_state("", ""));
  const test::TemporaryFolder folder;
  CHECK(file_state(folder / "none").empty());
  test::write_file(folder / "new", Bytes(3));
  CHECK(file_state(folder / "new").empty());
}

TEST_CASE("file state: a file that is in another state than it was") {
  const test::TemporaryFolder folder;
  const Bytes bytes = {1, 2, 3};
  test::write_file(folder / "file", bytes);
  const MappedFile file(folder / "file");
  const std::string other = file_state(some_file(), kLater);
  const auto status = [&](uint64_t length, const Bytes& parsed, const std::string& state) {
    return test::status_of([&] {
      const bool is_known = require_parsed(file, length, sha256(ByteView(parsed)), state);
      CHECK(is_known == !state.empty());
    });
  };
  CHECK(status(3, bytes, other) == Status::ok);
  CHECK(status(3, {1, 2, 4}, other) == Status::malformed);
  CHECK(status(3, {1, 2, 4}, "") == Status::ok);  // nothing is known
  CHECK(status(4, bytes, other) == Status::malformed);
  CHECK(status(4, bytes, "") == Status::malformed);
}
