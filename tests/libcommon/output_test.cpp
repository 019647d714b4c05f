#include "libcommon/output.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
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
  for (const auto leftovers : {Output::Leftovers::remove, Output::Leftovers::adopt}) {
    const TemporaryFolder folder;
    {
      Output output(folder / "out", false, 0666, leftovers);
      output.write(Bytes{1});
      test::write_file(folder / "out", Bytes{9});
      std::string hint;
      try {
        output.commit();
      } catch (const Error& error) {
        CHECK(error.status() == Status::cannot_create);
        CHECK(std::string(error.what()).ends_with("out: exists"));
        hint = error.hint();
      }
      CHECK(hint == "use --force to replace it");  // as before the work
    }
    CHECK(test::read_file(folder / "out") == Bytes{9});
    CHECK(folder.count() == 1);
  }
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

TEST_CASE("output: what is replaced keeps its mode, and a secret is never opened") {
  const TemporaryFolder folder;
  const mode_t before = ::umask(0022);
  struct Case {
    unsigned old_mode, mode, expected;
  };
  const Case cases[] = {{0600, 0666, 0600}, {0640, 0666, 0640}, {0666, 0666, 0666},
                        {0400, 0666, 0400}, {0755, 0666, 0755}, {0644, 0600, 0600},
                        {0700, 0600, 0700}};
  for (const Case& each : cases) {
    for (const auto leftovers : {Output::Leftovers::remove, Output::Leftovers::adopt}) {
      CAPTURE(each.old_mode);
      test::write_file(folder / "out", Bytes{9});
      fs::permissions(folder / "out", static_cast<fs::perms>(each.old_mode));
      Output output(folder / "out", true, each.mode, leftovers);
      output.write(Bytes{1});
      output.commit();
      CHECK(fs::status(folder / "out").permissions() ==
            static_cast<fs::perms>(each.expected));
      fs::remove(folder / "out");
    }
  }
  ::umask(before);
}

TEST_CASE("output: links to what is no file, or to a descriptor, are refused, forced too") {
  const TemporaryFolder folder;
  test::write_file(folder / "file", Bytes{1});
  const Fd file(::open((folder / "file").c_str(), O_RDONLY));
  const std::string targets[] = {"/dev/null", folder.path(),
                                 "/proc/self/fd/" + std::to_string(file.get())};
  for (const std::string& target : targets) {
    fs::create_symlink(target, folder / "link");
    for (const bool force : {false, true}) {
      try {
        Output output(folder / "link", force);
        FAIL(target);
      } catch (const Error& error) {
        CHECK(error.status() == Status::cannot_create);
        CHECK(error.hint() == "");
      }
    }
    fs::remove(folder / "link");
  }
}

TEST_CASE("output: a name that is too long is refused at once") {
  const TemporaryFolder folder;
  for (const bool force : {false, true}) {
    CHECK(test::status_of([&] { Output output(folder / std::string(300, 'a'), force); }) ==
          Status::cannot_create);
  }
}
