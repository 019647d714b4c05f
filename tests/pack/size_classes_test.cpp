#include "mallorn-pack/size_classes.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace mallorn;

namespace {

template <typename T>
void check_size_classes(const std::vector<T>& numbers) {
  std::vector<uint8_t> classes(numbers.size());
  pack::find_size_classes(numbers.data(), numbers.size(), classes.data());
  for (size_t i = 0; i < numbers.size(); ++i) {
    const int32_t number = static_cast<std::make_signed_t<T>>(numbers[i]);
    CAPTURE(number);
    REQUIRE(classes[i] == size_class_of(magnitude_of(number)));
    REQUIRE(pack::integer_symbol(classes[i], number < 0) == integer_token(number).symbol);
  }
}

template <typename T>
std::vector<T> all_numbers() {
  std::vector<T> numbers;
  for (uint32_t bits = 0; bits < 1u << (8 * sizeof(T)); ++bits) {
    numbers.push_back(static_cast<T>(bits));
  }
  return numbers;
}

}  // namespace

TEST_CASE("size classes: those of all short numbers") {
  check_size_classes(all_numbers<uint8_t>());
  check_size_classes(all_numbers<uint16_t>());
}

TEST_CASE("size classes: those of long numbers, which floats round") {
  std::vector<uint32_t> numbers;
  for (uint32_t top = 1; top < 16; ++top) {
    for (uint32_t shift = 0; shift < 32; ++shift) {
      for (uint32_t more = 0; more < 3; ++more) {
        const uint32_t number = (top << shift) - 1 + more;
        numbers.push_back(number);
        numbers.push_back(0u - number);
        numbers.push_back(number ^ number >> 9);
      }
    }
  }
  check_size_classes(numbers);
}
