#include "libcommon/core/bytes.hpp"

#include <doctest/doctest.h>

using namespace mallorn;

TEST_CASE("bytes: loads and stores at any alignment, in both orders") {
  const uint8_t bytes[] = {0xFF, 0x01, 0x02, 0x03, 0x84, 0x05, 0x06, 0x07, 0x88, 0xFF};
  CHECK(load_le<uint8_t>(bytes + 1) == 0x01);
  CHECK(load_le<uint16_t>(bytes + 1) == 0x0201);
  CHECK(load_le<uint32_t>(bytes + 1) == 0x84030201u);
  CHECK(load_le<uint64_t>(bytes + 1) == 0x8807060584030201ull);
  CHECK(load_be<uint8_t>(bytes + 4) == 0x84);
  CHECK(load_be<uint16_t>(bytes + 4) == 0x8405);
  CHECK(load_be<uint32_t>(bytes + 4) == 0x84050607u);
  CHECK(load_be<uint64_t>(bytes + 1) == 0x0102038405060788ull);
  uint8_t stored[10] = {};
  store_le<uint64_t>(stored + 1, 0x8807060584030201ull);
  CHECK(stored[0] == 0);
  CHECK(stored[9] == 0);
  CHECK(memcmp(stored + 1, bytes + 1, 8) == 0);
  store_le<uint16_t>(stored, 0xA1B2);
  CHECK(stored[0] == 0xB2);
  CHECK(stored[1] == 0xA1);
  CHECK(stored[2] == 0x02);
}

TEST_CASE(
    "bytes: checked arithmetic refuses what does not fit, and leaves the result alone") {
  uint64_t value = 7;
  CHECK(checked_add(UINT64_MAX - 1, 1, &value));
  CHECK(value == UINT64_MAX);
  value = 7;
  CHECK_FALSE(checked_add(UINT64_MAX, 1, &value));
  CHECK_FALSE(checked_add(1, UINT64_MAX, &value));
  CHECK_FALSE(checked_mul(1ull << 32, 1ull << 32, &value));
  CHECK_FALSE(checked_mul(UINT64_MAX, 2, &value));
  CHECK(value == 7);
  CHECK(checked_mul(UINT32_MAX, (1ull << 32) + 1, &value));
  CHECK(value == UINT64_MAX);
  CHECK(checked_mul(0, UINT64_MAX, &value));
  CHECK(value == 0);
}

TEST_CASE("bytes: a range fits only if it lies inside, wrapping included") {
  CHECK(range_fits(0, 0, 0));
  CHECK(range_fits(10, 0, 10));
  CHECK(range_fits(3, 7, 10));
  CHECK_FALSE(range_fits(3, 8, 10));
  CHECK_FALSE(range_fits(11, 0, 10));
  CHECK_FALSE(range_fits(UINT64_MAX, 2, 10));
  CHECK_FALSE(range_fits(2, UINT64_MAX, 10));
  CHECK_FALSE(range_fits(UINT64_MAX, UINT64_MAX, 10));
  CHECK(range_fits(0, UINT64_MAX, UINT64_MAX));
}
