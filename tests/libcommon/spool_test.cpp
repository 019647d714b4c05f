#include "libcommon/spool.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;

TEST_CASE("spool: gives back what it was given, in memory and beyond") {
  const test::TemporaryFolder folder;
  for (const size_t length : {size_t{0}, size_t{1}, size_t{8} << 20, size_t{20} << 20}) {
    test::Random random(length + 1);
    const Bytes some = random.bytes(65'521);
    Bytes all(length);
    for (size_t at = 0; at < length; at += some.size()) {
      std::copy_n(some.begin(), std::min(some.size(), length - at), all.data() + at);
    }
    Spool spool;
    for (size_t at = 0; at < length; at += 3'000'001) {
      spool.write(ByteView(all).subspan(at, std::min(length - at, size_t{3'000'001})));
    }
    CHECK(spool.length_bytes() == length);
    for (int i = 0; i < 2; ++i) {
      Output output(folder / "out", true);
      spool.copy_to(output);
      output.commit();
      CHECK(test::read_file(folder / "out") == all);
    }
  }
}

TEST_CASE("spool: messages name the folder that has no room") {
  ::setenv("TMPDIR", "/some/folder", 1);
  CHECK(temporary_file_name().find("/some/folder (TMPDIR)") != std::string::npos);
  ::unsetenv("TMPDIR");
}
