#include "libcommon/core/status.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "libcommon/cli.hpp"
#include "libcommon/error.hpp"
#include "tests/support/files.hpp"

using namespace mallorn;

TEST_CASE("status: every number has its own name and a documented exit code") {
  std::set<std::string> names;
  const std::set<int> codes = {0, 64, 65, 66, 69, 70, 73, 74, 75, 76, 77};
  for (int number = 0; number <= 22; ++number) {
    const auto status = static_cast<Status>(number);
    CAPTURE(number);
    CHECK(std::string(status_name(status)) != "unknown_status");
    CHECK(names.insert(status_name(status)).second);
    CHECK(codes.count(exit_code(status)) == 1);
    CHECK((exit_code(status) == 0) == (status == Status::ok));
  }
  CHECK(std::string(status_name(static_cast<Status>(23))) == "unknown_status");
  CHECK(std::string(status_name(static_cast<Status>(255))) == "unknown_status");
  CHECK(exit_code(static_cast<Status>(255)) == 70);
}

TEST_CASE("status: a wrong base, a damaged patch and a refused signature differ") {
  CHECK(exit_code(Status::base_mismatch) == 76);
  CHECK(exit_code(Status::corrupt_data) == 65);
  CHECK(exit_code(Status::bad_signature) == 77);
  CHECK(exit_code(Status::unsupported_version) == 69);
  CHECK(exit_code(Status::cannot_open) == 66);
  CHECK(exit_code(Status::cannot_create) == 73);
  CHECK(exit_code(Status::no_space) == 74);
  CHECK(exit_code(Status::interrupted) == 75);
}

TEST_CASE("error: require passes ok on and turns a fault into an Error with its place") {
  require(Status::ok, "x");
  CHECK(test::status_of([] { require(Status::overlap, "x"); }) == Status::overlap);
  const std::vector<uint8_t> bytes = {1, 2};
  ByteReader reader(bytes, 40);
  require(reader, "x");
  reader.skip(1);
  (void)reader.u32();
  try {
    require(reader, "some file");
    FAIL("not thrown");
  } catch (const Error& error) {
    CHECK(error.status() == Status::truncated);
    CHECK(std::string(error.what()) == "some file: byte 41");
    CHECK(error.hint().empty());
  }
}
