#include "libcommon/core/dtype.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace mallorn;

TEST_CASE("dtype: the table is in order, names are unique words, layouts are whole") {
  const DtypeTable table = dtype_table();
  REQUIRE(table.count > 40);
  std::set<std::string> names;
  for (size_t i = 0; i < table.count; ++i) {
    const DtypeLayout& layout = table.entries[i];
    CAPTURE(i);
    if (i > 0) CHECK(layout.dtype > table.entries[i - 1].dtype);
    CHECK(names.insert(layout.name).second);
    CHECK(std::string(layout.name)
              .find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
          std::string::npos);
    CHECK(layout.block_elements > 0);
    CHECK(layout.block_bytes > 0);
    CHECK(&dtype_layout(layout.dtype) == &layout);
  }
}

TEST_CASE("dtype: frozen numbers") {
  CHECK(static_cast<int>(Dtype::opaque) == 0);
  CHECK(static_cast<int>(Dtype::i8) == 2);
  CHECK(static_cast<int>(Dtype::f16) == 9);
  CHECK(static_cast<int>(Dtype::f32) == 11);
  CHECK(static_cast<int>(Dtype::f4_e2m1) == 25);
  CHECK(static_cast<int>(Dtype::q4_0) == 32);
  CHECK(static_cast<int>(Dtype::q6_k) == 42);
  CHECK(static_cast<int>(Dtype::q2_0) == 58);
}

TEST_CASE("dtype: sizes that the GGUF specification states") {
  const auto block = [](Dtype dtype) { return dtype_layout(dtype).block_bytes; };
  CHECK(block(Dtype::q4_0) == 18);
  CHECK(block(Dtype::q8_0) == 34);
  CHECK(block(Dtype::q4_k) == 144);
  CHECK(block(Dtype::q6_k) == 210);
  CHECK(block(Dtype::iq1_m) == 56);
  CHECK(block(Dtype::nvfp4) == 36);
}

TEST_CASE("dtype: an unknown number has the layout of opaque bytes") {
  for (const int number : {26, 31, 59, 255}) {
    CHECK(dtype_layout(static_cast<Dtype>(number)).dtype == Dtype::opaque);
  }
}

TEST_CASE("dtype: bytes of so many elements") {
  uint64_t bytes = 7;
  CHECK(dtype_bytes(Dtype::f32, 3, &bytes));
  CHECK(bytes == 12);
  CHECK(dtype_bytes(Dtype::opaque, 5, &bytes));
  CHECK(bytes == 5);
  CHECK(dtype_bytes(Dtype::i4, 3, &bytes));
  CHECK(bytes == 2);
  CHECK(dtype_bytes(Dtype::u2, 5, &bytes));
  CHECK(bytes == 2);
  CHECK(dtype_bytes(Dtype::q4_k, 512, &bytes));
  CHECK(bytes == 288);
  CHECK(dtype_bytes(Dtype::c128, 0, &bytes));
  CHECK(bytes == 0);
  bytes = 7;
  CHECK_FALSE(dtype_bytes(Dtype::q4_k, 511, &bytes));
  CHECK_FALSE(dtype_bytes(Dtype::q4_0, 31, &bytes));
  CHECK_FALSE(dtype_bytes(Dtype::f64, 1ull << 61, &bytes));
  CHECK(bytes == 7);
  CHECK(dtype_bytes(Dtype::f64, (1ull << 61) - 1, &bytes));
  CHECK(dtype_bytes(Dtype::u4, UINT64_MAX, &bytes));
  CHECK(bytes == 1ull << 63);
}
