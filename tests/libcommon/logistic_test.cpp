#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>

#include "libcommon/core/byte_model.hpp"

using namespace mallorn;

TEST_CASE("logistic: squash rises, stays a probability, and is clamped at both ends") {
  int32_t before = 0;
  for (int32_t x = -kMaxStretch; x <= kMaxStretch; ++x) {
    REQUIRE(squash(x) >= before);
    REQUIRE(squash(x) > 0);
    REQUIRE(squash(x) < 65536);
    before = squash(x);
  }
  CHECK(squash(INT32_MIN) == squash(-kMaxStretch));
  CHECK(squash(INT32_MAX) == squash(kMaxStretch));
}

TEST_CASE("logistic: squash is symmetric around one half") {
  CHECK(squash(0) == 32768);
  for (int32_t x = 1; x <= kMaxStretch; ++x) {
    REQUIRE(std::abs(squash(x) + squash(-x) - 65536) <= 1);  // 1: rounding
  }
}

TEST_CASE("logistic: the knots are those of the function they stand for") {
  for (int i = 0; i <= 32; ++i) {
    const double exact = 65536.0 / (1.0 + std::exp(-(i - 16) * 0.5));
    CHECK(std::abs(logistic::kKnots[static_cast<size_t>(i)] - exact) <= 0.5);
  }
}

TEST_CASE("logistic: stretch is the inverse of squash, within a step of its table") {
  int32_t before = -kMaxStretch;
  for (uint32_t p = 0; p < 65536; p += 16) {
    const int32_t x = stretch(p);
    REQUIRE(x >= before);
    REQUIRE((x >= -kMaxStretch && x <= kMaxStretch));
    const auto middle = static_cast<int32_t>(p) + 8;
    REQUIRE((squash(x) >= middle || x == kMaxStretch));
    if (x > -kMaxStretch) REQUIRE(squash(x - 1) < middle);
    before = x;
  }
}

TEST_CASE("logistic: golden numbers, which patches depend on") {
  CHECK(squash(-2047) == 22);
  CHECK(squash(-1000) == 1318);
  CHECK(squash(-1) == 32705);
  CHECK(squash(100) == 39038);
  CHECK(squash(2047) == 65514);
  CHECK(stretch(0) == -2047);
  CHECK(stretch(4096) == -699);
  CHECK(stretch(32768) == 1);
  CHECK(stretch(60000) == 615);
  CHECK(stretch(65535) == 2047);
}
