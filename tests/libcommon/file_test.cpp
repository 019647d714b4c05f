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

namespace {

void write_output(const std::string& path, bool force, const Bytes& bytes) {
  Output output(path, force);
  output.write(bytes);
  output.commit();
}

}  // namespace

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

TEST_CASE("output: appears when committed, complete, and not before") {
  const TemporaryFolder folder;
  {
    Output output(folder / "out", false);
    CHECK_FALSE(output.is_stdout());
    output.reserve(6);
    output.write(Bytes{1, 2, 3});
    CHECK_FALSE(fs::exists(folder / "out"));
    output.write(Bytes{4, 5, 6});
    output.commit();
  }
  CHECK(test::read_file(folder / "out") == Bytes{1, 2, 3, 4, 5, 6});
  CHECK(folder.count() == 1);
  const fs::perms mode = fs::status(folder / "out").permissions();
  CHECK((mode & fs::perms::owner_read) != fs::perms::none);
  CHECK((mode & fs::perms::owner_exec) == fs::perms::none);
}

TEST_CASE("output: a new file has the mode that is asked for, but for the umask") {
  const TemporaryFolder folder;
  const mode_t before = ::umask(0022);
  for (const unsigned mode : {0666u, 0600u}) {
    Output output(folder / "out", true, mode);
    output.commit();
    CHECK((fs::status(folder / "out").permissions() & fs::perms::mask) ==
          static_cast<fs::perms>(mode & ~0022u));
  }
  ::umask(before);
}

TEST_CASE("input: a dash is standard input, and nothing else is") {
  const TemporaryFolder folder;
  test::write_file(folder / "-", Bytes{1});
  const Input none("-");
  CHECK_FALSE(none.is_named());
  CHECK(none.fd() == 0);
  CHECK(none.name() == "standard input");
  const Input named(folder / "-");
  CHECK(named.is_named());
  CHECK(named.fd() > 2);
  CHECK(test::status_of([] { (void)Input(""); }) == Status::cannot_open);
}

TEST_CASE("output: a reservation does not lengthen the file") {
  const TemporaryFolder folder;
  {
    Output output(folder / "out", false);
    output.reserve(1 << 20);
    output.write(Bytes{1});
    output.commit();
  }
  CHECK(fs::file_size(folder / "out") == 1);
}

TEST_CASE("output: without commit nothing is left behind") {
  const TemporaryFolder folder;
  for (const bool force : {false, true}) {
    Output output(folder / "out", force);
    output.write(Bytes(300000, 7));
  }
  CHECK(folder.count() == 0);
}

TEST_CASE("output: what killed processes have left of this file goes, and nothing else") {
  const TemporaryFolder folder;
  const std::string kept[] = {"out.mallorn-part.", "out.mallorn-part.7x",
                              "out.mallorn-part.-7", "other.mallorn-part.7", "out.part.7"};
  for (const std::string& name : kept) test::write_file(folder / name, Bytes{1});
  test::write_file(folder / "out.mallorn-part.7", Bytes{1});
  { const Output output(folder / "out", false); }
  CHECK(folder.count() == std::size(kept));
  for (const std::string& name : kept) CHECK(fs::exists(folder / name));
}

TEST_CASE("output: an existing file is refused, and survives even a forced failure") {
  const TemporaryFolder folder;
  test::write_file(folder / "out", Bytes{9});
  CHECK(test::status_of([&] { Output output(folder / "out", false); }) ==
        Status::cannot_create);
  {
    Output output(folder / "out", true);
    output.write(Bytes{1, 2, 3});
  }
  CHECK(test::read_file(folder / "out") == Bytes{9});
  write_output(folder / "out", true, {1, 2});
  CHECK(test::read_file(folder / "out") == Bytes{1, 2});
  CHECK(folder.count() == 1);
}

TEST_CASE("output: whoever takes the name meanwhile keeps it") {
  const TemporaryFolder folder;
  Output output(folder / "out", false);
  output.write(Bytes{1});
  test::write_file(folder / "out", Bytes{9});
  CHECK(test::status_of([&] { output.commit(); }) == Status::cannot_create);
  CHECK(test::read_file(folder / "out") == Bytes{9});
  CHECK(folder.count() == 1);
}

TEST_CASE("output: a symbolic link is replaced, never written through") {
  const TemporaryFolder folder;
  test::write_file(folder / "target", Bytes{9});
  fs::create_symlink("target", folder / "link");
  fs::create_symlink("nowhere", folder / "dangling");
  CHECK(test::status_of([&] { Output output(folder / "link", false); }) ==
        Status::cannot_create);
  CHECK(test::status_of([&] { Output output(folder / "dangling", false); }) ==
        Status::cannot_create);
  write_output(folder / "link", true, {1});
  CHECK_FALSE(fs::is_symlink(folder / "link"));
  CHECK(test::read_file(folder / "link") == Bytes{1});
  CHECK(test::read_file(folder / "target") == Bytes{9});
}

TEST_CASE(
    "output: folders, devices, pipes and missing folders are refused, forced or not") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  for (const std::string& path :
       {folder.path(), std::string("/dev/null"), folder / "fifo", folder / "missing/out"}) {
    for (const bool force : {false, true}) {
      CHECK_MESSAGE(
          test::status_of([&] { Output output(path, force); }) == Status::cannot_create,
          path);
    }
  }
}

TEST_CASE("output: no name or a dash is standard output") {
  for (const char* name : {"", "-"}) {
    if (::isatty(STDOUT_FILENO) == 1) {
      CHECK(test::status_of([&] { Output output(name, false); }) == Status::usage);
    } else {
      Output output(name, false);
      CHECK(output.is_stdout());
      output.commit();
    }
  }
  CHECK(::fcntl(STDOUT_FILENO, F_GETFD) != -1);  // not closed
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
