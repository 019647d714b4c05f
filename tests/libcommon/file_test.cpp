#include "libcommon/file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;
using test::TemporaryFolder;

namespace fs = std::filesystem;

TEST_CASE("mapped file: shows the bytes of a regular file, none of an empty one") {
  const TemporaryFolder folder;
  const Bytes bytes = test::Random(1).bytes(20000);
  test::write_file(folder / "file", bytes);
  test::write_file(folder / "empty", {});
  const MappedFile file(folder / "file");
  CHECK(Bytes(file.bytes().begin(), file.bytes().end()) == bytes);
  CHECK(file.path() == folder / "file");
  file.release(1, 19000);
  file.release(0, UINT32_MAX);
  CHECK(Bytes(file.bytes().begin(), file.bytes().end()) == bytes);
  CHECK(MappedFile(folder / "empty").bytes().empty());
  fs::create_symlink("file", folder / "link");
  CHECK(MappedFile(folder / "link").bytes().size() == bytes.size());
}

TEST_CASE("mapped file: refuses what is no regular file, without waiting") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  fs::create_symlink("nowhere", folder / "dangling");
  for (const std::string& path :
       {folder / "missing", folder.path(), folder / "fifo", folder / "dangling",
        std::string("/dev/zero"), std::string()}) {
    CHECK_MESSAGE(test::status_of([&] { MappedFile file(path); }) == Status::cannot_open,
                  path);
  }
}

TEST_CASE("input: opens files and pipes, refuses folders and what is missing") {
  const TemporaryFolder folder;
  test::write_file(folder / "file", Bytes{1});
  CHECK(open_input(folder / "file").get() >= 0);
  CHECK(open_input("/dev/null").get() >= 0);
  CHECK(test::status_of([&] { (void)open_input(folder / "missing"); }) ==
        Status::cannot_open);
  CHECK(test::status_of([&] { (void)open_input(folder.path()); }) == Status::cannot_open);
}

TEST_CASE("file: a read gathers all pieces, and says how many came") {
  const Bytes bytes = test::Random(2).bytes(1000);
  const test::Drip drip(bytes, 3);
  Bytes read(1500);
  CHECK(read_full(drip.fd(), read, "x") == 1000);
  read.resize(1000);
  CHECK(read == bytes);
  CHECK(test::status_of([] {
          Bytes space(1);
          (void)read_full(-1, space, "x");
        }) == Status::io);
  CHECK(test::status_of([] { write_full(-1, Bytes{1}, "x"); }) == Status::io);
}

TEST_CASE("file: a full disk has its own status") {
  const Fd full(::open("/dev/full", O_WRONLY));
  REQUIRE(full.get() >= 0);
  CHECK(test::status_of([&] { write_full(full.get(), Bytes{1}, "x"); }) ==
        Status::no_space);
}

TEST_CASE("file: a temporary file has no name") {
  const TemporaryFolder folder;
  ::setenv("TMPDIR", folder.path().c_str(), 1);
  const Fd file = make_temporary_file();
  ::unsetenv("TMPDIR");
  write_full(file.get(), Bytes{1, 2, 3}, "x");
  CHECK(test::contents_of(file) == Bytes{1, 2, 3});
  CHECK(folder.count() == 0);
  ::setenv("TMPDIR", (folder / "missing").c_str(), 1);
  CHECK(test::status_of([] { (void)make_temporary_file(); }) == Status::cannot_create);
  ::unsetenv("TMPDIR");
}

TEST_CASE("input: a dash is standard input, and nothing else is") {
  const TemporaryFolder folder;
  test::write_file(folder / "-", Bytes{1});
  const Input none("-");
  CHECK_FALSE(none.is_named());
  CHECK(none.fd() == 0);
  CHECK(none.name() == "standard input");
  ::setenv("MALLORN_STDIN_NAME", "update.mlp", 1);
  CHECK(Input("-").name() == "update.mlp");
  CHECK_FALSE(Input("-").is_named());
  ::unsetenv("MALLORN_STDIN_NAME");
  const Input named(folder / "-");
  CHECK(named.is_named());
  CHECK(named.fd() > 2);
  CHECK(test::status_of([] { (void)Input(""); }) == Status::cannot_open);
}

TEST_CASE("file: two names of one file are noticed") {
  const TemporaryFolder folder;
  test::write_file(folder / "a", Bytes{1});
  test::write_file(folder / "b", Bytes{1});
  fs::create_symlink("a", folder / "link");
  fs::create_hard_link(folder / "a", folder / "hard");
  CHECK(is_same_file(folder / "a", folder / "link"));
  CHECK(is_same_file(folder / "a", folder / "hard"));
  CHECK_FALSE(is_same_file(folder / "a", folder / "b"));
  CHECK_FALSE(is_same_file(folder / "a", folder / "missing"));
}

TEST_CASE("fd: moves, closes itself, and can be let go") {
  Fd first(::open("/dev/null", O_RDONLY));
  const int number = first.get();
  Fd second(std::move(first));
  CHECK(first.get() == -1);
  CHECK(second.get() == number);
  first = std::move(second);
  CHECK(first.get() == number);
  first = Fd();
  CHECK(::fcntl(number, F_GETFD) == -1);
}
