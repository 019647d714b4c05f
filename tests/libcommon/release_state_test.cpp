#include "libcommon/release_state.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

namespace fs = std::filesystem;

namespace {

const std::string kFirst = "mallorn releases 0\n";

ByteView bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Status status_of(const std::string& text) {
  return test::status_of([&] { (void)ReleaseState::parse(text, "state"); });
}

void raise_release(const std::string& path, ByteView model_id, uint32_t release) {
  ReleaseUpdate update(path);
  update.allow(model_id, release, "patch");
  update.prepare(model_id, release, "patch");
  update.commit();
}

std::string text_of(const std::string& path) {
  const Bytes bytes = test::read_file(path);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("release state: what is raised is there, and never lowered") {
  ReleaseState state;
  const Bytes odd = {0, 0xFF, '%', ' ', '\n'};
  CHECK(state.release_of(bytes_of("kws")) == 0);
  CHECK(state.raise(bytes_of("kws"), 7));
  CHECK_FALSE(state.raise(bytes_of("kws"), 7));
  CHECK_FALSE(state.raise(bytes_of("kws"), 3));
  CHECK_FALSE(state.raise(bytes_of("kw"), 0));
  CHECK(state.raise(odd, UINT32_MAX));
  CHECK(state.raise({}, 1));
  CHECK(state.text() == kFirst + "1 \n4294967295 %00%ff%25 %0a\n7 kws\n");
  const ReleaseState read = ReleaseState::parse(state.text(), "state");
  CHECK(read.release_of(bytes_of("kws")) == 7);
  CHECK(read.release_of(odd) == UINT32_MAX);
  CHECK(read.release_of({}) == 1);
  CHECK(read.release_of(bytes_of("kws ")) == 0);
}

TEST_CASE("release state: what is not as written is refused") {
  CHECK(status_of(kFirst) == Status::ok);
  CHECK(status_of(kFirst + "7 kws\n8 kw\n") == Status::ok);
  for (const char* bad : {"", "mallorn releases 0", "mallorn releases 1\n", "7 kws\n"}) {
    CHECK(status_of(bad) == Status::malformed);
  }
  for (const char* bad : {"\n",
                          "7",
                          "7 kws",
                          "7\n",
                          "7kws\n",
                          " 7 kws\n",
                          "+7 kws\n",
                          "-7 kws\n",
                          "0 kws\n",
                          "07 kws\n",
                          "7.5 kws\n",
                          "4294967296 kws\n",
                          "99999999999999999999 kws\n",
                          "x kws\n",
                          "7\tkws\n",
                          "7 kws\r\n",
                          "7 k\x7Fws\n",
                          "7 k\xC3\xA9\n",
                          "7 kws\n8 kws\n",
                          "7 kws\n\n",
                          "7 kws \n",
                          "7  kws\n",
                          "7  \n",
                          "7 %6bws\n",
                          "7 caf%C3%A9\n",
                          "7 k%20ws\n",
                          "7 %\n",
                          "7 kws%2\n",
                          "7 kws%zz\n"}) {
    CAPTURE(bad);
    CHECK(status_of(kFirst + bad) == Status::malformed);
  }
}

TEST_CASE("release state: a model id has one way to be written, and a limit") {
  const Bytes blank = {' ', 'k', ' ', ' ', 's', ' '};
  for (const Bytes& id : {blank, Bytes{' '}, Bytes{' ', ' '}, Bytes(64, 0xFF), Bytes{}}) {
    ReleaseState state;
    CHECK(state.raise(id, 7));
    CHECK(ReleaseState::parse(state.text(), "state").release_of(id) == 7);
  }
  ReleaseState state;
  CHECK(state.raise(blank, 7));
  CHECK(state.text() == kFirst + "7 %20k  s%20\n");
  CHECK(status_of(kFirst + "7 " + std::string(65, 'k') + "\n") == Status::malformed);
}

TEST_CASE("release state: a file that is missing allows all, one that is broken nothing") {
  const test::TemporaryFolder folder;
  CHECK(ReleaseState::read(folder / "state").release_of(bytes_of("kws")) == 0);
  CHECK(test::status_of([&] { (void)ReleaseState::read(folder.path()); }) ==
        Status::cannot_open);
  test::write_file(folder / "state", Bytes((1 << 20) + 1, ' '));
  CHECK(test::status_of([&] { (void)ReleaseState::read(folder / "state"); }) ==
        Status::malformed);
  CHECK(test::status_of([&] { raise_release(folder / "state", bytes_of("kws"), 2); }) ==
        Status::malformed);
}

TEST_CASE("release state: the file is made, raised, and else left alone") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "state";
  const std::pair<std::string, uint32_t> uncounted[] = {{"kws", 0}, {"", 2}, {"", 0}};
  for (const auto& patch : uncounted) {
    CHECK(test::status_of([&] {
            raise_release(path, bytes_of(patch.first), patch.second);
          }) == Status::bad_signature);
  }
  CHECK(folder.count() == 0);
  raise_release(path, bytes_of("kws"), 2);
  CHECK(text_of(path) == kFirst + "2 kws\n");
  raise_release(path, bytes_of("asr"), 9);
  CHECK(test::status_of([&] { raise_release(path, bytes_of("kws"), 1); }) ==
        Status::bad_signature);
  raise_release(path, bytes_of("kws"), 2);
  CHECK(text_of(path) == kFirst + "9 asr\n2 kws\n");
  CHECK(folder.count() == 2);  // and its lock
  CHECK(test::status_of([&] { raise_release(folder / "no/state", bytes_of("kws"), 2); }) ==
        Status::cannot_create);
}

TEST_CASE("release state: of many that raise it at a time none undoes another's work") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "state";
  std::vector<std::thread> threads;
  for (uint32_t i = 1; i <= 8; ++i) {
    threads.emplace_back([&, i] {
      for (uint32_t k = 1; k <= 10; ++k)
        raise_release(path, bytes_of(std::to_string(i)), k);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const ReleaseState state = ReleaseState::read(path);
  for (uint32_t i = 1; i <= 8; ++i) {
    CHECK(state.release_of(bytes_of(std::to_string(i))) == 10);
  }
}

TEST_CASE("release state: what is no regular file, or a link to nowhere, allows nothing") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "state";
  SUBCASE("link to nowhere") { fs::create_symlink("nowhere", path); }
  SUBCASE("link to itself") { fs::create_symlink("state", path); }
  SUBCASE("link to a device") { fs::create_symlink("/dev/null", path); }
  SUBCASE("pipe") { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }
  CHECK(test::status_of([&] { (void)ReleaseState::read(path); }) == Status::cannot_open);
  CHECK(test::status_of([&] { ReleaseUpdate update(path); }) == Status::cannot_open);
}

TEST_CASE("release state: a link is followed, and the file keeps its mode") {
  const test::TemporaryFolder folder;
  fs::create_directory(folder / "there");
  const std::string target = folder / "there/target";
  raise_release(target, bytes_of("kws"), 2);
  fs::permissions(target, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("there/target", folder / "state");
  raise_release(folder / "state", bytes_of("kws"), 3);
  CHECK(fs::is_symlink(folder / "state"));
  CHECK(text_of(target) == kFirst + "3 kws\n");
  CHECK(fs::status(target).permissions() ==
        (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(fs::exists(target + ".lock"));
  CHECK_FALSE(fs::exists(folder / "state.lock"));
}

TEST_CASE("release state: who may only read keeps nobody from raising it") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "state";
  raise_release(path, bytes_of("kws"), 2);
  const Fd others[] = {Fd(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY)),
                       Fd(::open(path.c_str(), O_RDONLY))};
  for (const Fd& fd : others) REQUIRE(::flock(fd.get(), LOCK_EX | LOCK_NB) == 0);
  raise_release(path, bytes_of("kws"), 3);
  const auto readers = fs::perms::group_read | fs::perms::others_read;
  CHECK((fs::status(path + ".lock").permissions() & readers) == fs::perms::none);
  CHECK(fs::is_empty(path + ".lock"));
}

TEST_CASE("release state: the lock is waited for, and is a file") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "state";
  SUBCASE("held") {
    std::optional<Fd> held(::open((path + ".lock").c_str(), O_WRONLY | O_CREAT, 0600));
    REQUIRE(::flock(held->get(), LOCK_EX | LOCK_NB) == 0);
    std::thread other([&] { raise_release(path, bytes_of("kws"), 3); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK_FALSE(fs::exists(path));
    held.reset();
    other.join();
    CHECK(text_of(path) == kFirst + "3 kws\n");
    return;
  }
  SUBCASE("link") { fs::create_symlink("nowhere", path + ".lock"); }
  SUBCASE("folder") { fs::create_directory(path + ".lock"); }
  SUBCASE("pipe") { REQUIRE(::mkfifo((path + ".lock").c_str(), 0600) == 0); }
  CHECK(test::status_of([&] { raise_release(path, bytes_of("kws"), 3); }) ==
        Status::cannot_create);
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("release state: of two at a time the lower one fails before it is in use") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "state";
  ReleaseUpdate lower(path);
  lower.allow(bytes_of("kws"), 2, "patch");
  raise_release(path, bytes_of("kws"), 3);
  CHECK(test::status_of([&] { lower.prepare(bytes_of("kws"), 2, "patch"); }) ==
        Status::bad_signature);
  CHECK(text_of(path) == kFirst + "3 kws\n");
}

TEST_CASE("release state: until it is committed the file is as it was") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "state";
  {
    ReleaseUpdate update(path);
    update.prepare(bytes_of("kws"), 2, "patch");
    CHECK_FALSE(fs::exists(path));
  }
  CHECK_FALSE(fs::exists(path));
  CHECK(folder.count() == 1);  // the lock
  raise_release(path, bytes_of("kws"), 1);
}
