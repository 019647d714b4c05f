#include "libcommon/part_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "libcommon/output.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;
using test::TemporaryFolder;

namespace fs = std::filesystem;

namespace {

// The number of a process that has ended.
pid_t dead_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return child;
}

std::string part_of(pid_t process) { return "out.mallorn-part." + std::to_string(process); }

std::string own_part() { return part_of(::getpid()); }

}  // namespace

TEST_CASE("part file: the longest leftover of a dead process is adopted") {
  const TemporaryFolder folder;
  const pid_t dead = dead_process();
  test::write_file(folder / own_part(), Bytes(10, 1));  // of an earlier process
  test::write_file(folder / part_of(dead), Bytes(20, 2));
  const Part part = adopt_leftover(folder.path(), folder / "out");
  REQUIRE(part.fd.get() >= 0);
  CHECK(test::contents_of(part.fd) == Bytes(20, 2));
  CHECK(part.path == folder / part_of(dead));
}

TEST_CASE(
    "part file: what a process works on is let alone, as is what is called otherwise") {
  const TemporaryFolder folder;
  const std::string names[] = {part_of(1),
                               "out.mallorn-part.01",
                               "out.mallorn-part.x",
                               "out.mallorn-part.",
                               "out.mallorn-part.1x",
                               "other.mallorn-part.1",
                               "out.mallorn-part.-1",
                               "out.part.1",
                               "out"};
  for (const std::string& name : names) test::write_file(folder / name, Bytes(10, 1));
  const Fd held(::open((folder / part_of(1)).c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(hold_part(held.get()));
  CHECK(adopt_leftover(folder.path(), folder / "out").fd.get() < 0);
  remove_leftovers(folder.path(), folder / "out");
  CHECK(folder.count() == std::size(names));
}

TEST_CASE("part file: what is adopted is held, by one alone") {
  const TemporaryFolder folder;
  test::write_file(folder / part_of(1), Bytes(10, 1));
  const Part first = adopt_leftover(folder.path(), folder / "out");
  REQUIRE(first.fd.get() >= 0);
  CHECK(adopt_leftover(folder.path(), folder / "out").fd.get() < 0);
  remove_leftovers(folder.path(), folder / "out");
  CHECK(fs::exists(first.path));
}

TEST_CASE("part file: what may be someone else's is not adopted, and not written through") {
  const TemporaryFolder folder;
  const std::string part = folder / part_of(dead_process());
  test::write_file(folder / "target", Bytes(5, 7));
  SUBCASE("symbolic link") { fs::create_symlink("target", part); }
  SUBCASE("second name") { fs::create_hard_link(folder / "target", part); }
  SUBCASE("pipe") { REQUIRE(::mkfifo(part.c_str(), 0600) == 0); }
  SUBCASE("folder") { fs::create_directory(part); }
  SUBCASE("empty") { test::write_file(part, {}); }
  CHECK(adopt_leftover(folder.path(), folder / "out").fd.get() < 0);
  CHECK(test::read_file(folder / "target") == Bytes(5, 7));
}

TEST_CASE("part file: an output goes on with what it has adopted") {
  const TemporaryFolder folder;
  test::write_file(folder / part_of(dead_process()), Bytes{1, 2, 3, 4});
  {
    Output output(folder / "out", false, 0666, Output::Leftovers::adopt);
    REQUIRE(output.is_resumable());
    REQUIRE(output.held_bytes() == 4);
    Bytes held(2);
    CHECK(output.read_held(1, held) == 2);
    CHECK(held == Bytes{2, 3});
    output.go_on_at(3);
    output.write(Bytes{9, 9});
    output.commit();
  }
  CHECK(test::read_file(folder / "out") == Bytes{1, 2, 3, 9, 9});
  CHECK(folder.count() == 1);
}

TEST_CASE(
    "part file: an output leaves what it has written if it is told to, and only then") {
  const TemporaryFolder folder;
  for (const bool is_kept : {true, false}) {
    {
      Output output(folder / "out", false, 0666, Output::Leftovers::adopt);
      output.go_on_at(0);
      output.write(Bytes{1, 2});
      if (is_kept) CHECK(output.keep());
    }
    CHECK(folder.count() == (is_kept ? 1 : 0));
  }
  {
    Output output(folder / "out", false, 0666, Output::Leftovers::adopt);
    CHECK_FALSE(output.keep());  // empty
  }
  {
    Output output(folder / "out", false);
    output.write(Bytes{1, 2});
    CHECK_FALSE(output.keep());
  }
  CHECK(folder.count() == 0);
}

TEST_CASE("part file: an output has no name as long as there is nothing in it") {
  const TemporaryFolder folder;
  Output output(folder / "out", false, 0666, Output::Leftovers::adopt);
  output.go_on_at(0);
  output.write({});
  CHECK(folder.count() == 0);
  output.write(Bytes{1});
  CHECK(folder.count() == 1);
}

TEST_CASE("part file: new ones have names of their own, and are held") {
  const TemporaryFolder folder;
  test::write_file(folder / own_part(), Bytes(10, 1));
  const Fd held(::open((folder / own_part()).c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(hold_part(held.get()));  // by a process that has our number elsewhere
  {
    Output output(folder / "out", false, 0666, Output::Leftovers::adopt);
    output.write(Bytes{1, 2});
    CHECK(folder.count() == 2);
    Output other(folder / "out", true, 0666, Output::Leftovers::adopt);
    other.write(Bytes{3});
    output.commit();
    other.commit();
  }
  CHECK(test::read_file(folder / "out") == Bytes{3});
  CHECK(test::read_file(folder / own_part()) == Bytes(10, 1));
}

TEST_CASE("part file: an output whose file was removed or replaced does not appear") {
  for (const bool is_replaced : {false, true}) {
    const TemporaryFolder folder;
    Output output(folder / "out", true, 0666, Output::Leftovers::adopt);
    output.write(Bytes{1, 2});
    const std::string part = fs::directory_iterator(folder.path())->path().string();
    fs::remove(part);
    if (is_replaced) test::write_file(part, Bytes{9});
    CHECK(test::status_of([&] { output.commit(); }) == Status::cannot_create);
    CHECK_FALSE(fs::exists(folder / "out"));
    CHECK(folder.count() == (is_replaced ? 1 : 0));
  }
}

TEST_CASE("part file: another run that removes leftovers does not get in the way") {
  const TemporaryFolder folder;
  std::atomic<bool> is_done = false;
  std::thread remover([&] {
    while (!is_done) remove_leftovers(folder.path(), folder / "out");
  });
  for (int i = 0; i < 300; ++i) {
    const Part part = make_part(folder / "out", 0600);
    CHECK(is_file(part.fd.get(), part.path));
    ::unlink(part.path.c_str());
  }
  is_done = true;
  remover.join();
}

TEST_CASE("part file: a name that leaves no room for more is shortened, and found again") {
  const TemporaryFolder folder;
  for (const size_t length : {229u, 230u, 231u, 250u, 255u}) {
    std::string name(length - 3, 'n');
    for (const char* end : {"aaa", "aab", "\xE2\x82\xAC"}) {
      CAPTURE(length);
      const std::string path = folder / (name + end);
      {
        Output output(path, true, 0666, Output::Leftovers::adopt);
        output.write(Bytes{1, 2});
        REQUIRE(output.keep());
      }
      CHECK(adopt_leftover(folder.path(), folder / (name + "aac")).fd.get() < 0);
      Output output(path, true, 0666, Output::Leftovers::adopt);
      CHECK(output.held_bytes() == 2);
      output.commit();
      CHECK(test::read_file(path) == Bytes{1, 2});
    }
  }
}

TEST_CASE("part file: what can be gone on with reserves nothing") {
  const TemporaryFolder folder;
  Output output(folder / "out", false, 0666, Output::Leftovers::adopt);
  output.write(Bytes{1});
  output.reserve(1 << 20);
  struct stat info {};
  const std::string part = fs::directory_iterator(folder.path())->path().string();
  REQUIRE(::stat(part.c_str(), &info) == 0);
  CHECK(info.st_blocks * 512 < 1 << 20);
}
