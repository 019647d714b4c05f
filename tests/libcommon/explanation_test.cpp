#include "libcommon/explanation.hpp"

#include <doctest/doctest.h>

#include <sstream>

using namespace mallorn;

namespace {

std::vector<std::string> lines_of(const std::string& table) {
  std::istringstream text(table);
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

// The words of a line, joined by single spaces.
std::string words_of(const std::string& line) {
  std::istringstream text(line);
  std::string joined;
  for (std::string word; text >> word;) joined += (joined.empty() ? "" : " ") + word;
  return joined;
}

const TensorNote kFirst = {10, 100, Dtype::i8, "name", "10x10", "first"};
const TensorNote kSecond = {150, 80, Dtype::f16, "equal", "40", "second"};

}  // namespace

TEST_CASE("explanation: bytes go to the tensors that they make") {
  Explanation explanation({kSecond, kFirst});  // in any order
  explanation.add(0, {{10, 4, false, "bytes", "bytes"},
                      {60, 30, false, "values", "gain"},
                      {40, 20, false, "values", "same value"}});
  explanation.add(110,
                  {{120, 0, true, "copy", "same bytes"}, {7, 3, false, "bytes", "none"}});
  const std::vector<std::string> lines = lines_of(explanation.table());
  REQUIRE(lines.size() == 5);
  CHECK(words_of(lines[1]) == "i8 10x10 name gain values 100 50 4.000 first");
  CHECK(words_of(lines[2]) == "f16 40 equal same bytes copy 80 0 0.000 second");
  CHECK(words_of(lines[3]) == "opaque - - bytes bytes 57 7 0.982 between tensors");
  CHECK(words_of(lines[4]) == "opaque - - - - 237 57 1.924 together, but for headers");
}

TEST_CASE("explanation: a step over several tensors is dealt out, and nothing is lost") {
  Explanation explanation({kFirst, kSecond});
  explanation.add(0, {{300, 100, false, "bytes", "none"}});
  const std::vector<std::string> lines = lines_of(explanation.table());
  REQUIRE(lines.size() == 5);
  CHECK(words_of(lines[1]) == "i8 10x10 name none bytes 100 33 2.640 first");
  CHECK(words_of(lines[4]) == "opaque - - - - 300 100 2.667 together, but for headers");
}

TEST_CASE("explanation: notes that overlap or lie nowhere do no harm") {
  const TensorNote inner = {20, 10, Dtype::i8, "", "", "inner"};
  const TensorNote empty = {30, 0, Dtype::i8, "", "", "empty\x1b[31m"};
  const TensorNote far = {UINT64_MAX - 1, 1, Dtype::i8, "", "", "far"};
  Explanation explanation({far, empty, inner, kFirst});
  explanation.add(0, {{200, 50, false, "bytes", "none"}});
  const std::string table = explanation.table();
  CHECK(table.find('\x1b') == std::string::npos);
  CHECK(words_of(lines_of(table).back()) ==
        "opaque - - - - 200 50 2.000 together, but for headers");
}

TEST_CASE("explanation: tensors are named by where most of them comes from") {
  Explanation explanation({kFirst, kSecond});
  explanation.add(0, {{60, 0, true, "copy", "same bytes", 1000, 60}});
  explanation.add(60, {{60, 0, true, "copy", "same bytes", 1060, 60},
                       {40, 9, false, "values", "same value", 400, 80},
                       {70, 30, false, "values", "same value", 600, 140}});
  std::vector<Origin> origins;
  (void)explanation.table(
      [&](const Origin& origin, TensorNote*) { origins.push_back(origin); });
  REQUIRE(origins.size() == 2);
  CHECK(origins[0].is_one_copy);  // over two steps
  CHECK(origins[0].base_offset == 1010);
  CHECK_FALSE(origins[1].is_one_copy);
  CHECK(origins[1].base_offset == 600);  // of bytes that are twice as many in the base
  Explanation moved({kFirst});
  moved.add(0, {{60, 0, true, "copy", "same bytes", 1000, 60},
                {60, 0, true, "copy", "same bytes", 1061, 60}});
  (void)moved.table([](const Origin& origin, TensorNote*) {
    CHECK(origin.is_known);
    CHECK_FALSE(origin.is_one_copy);
  });
}
