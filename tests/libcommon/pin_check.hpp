// Compares what models write with their pins.
#pragma once

#include <doctest/doctest.h>

#include <cstdio>
#include <string>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/crc32c.hpp"
#include "tests/libcommon/model_pins.hpp"

namespace mallorn::test {

// Gathers what a list of inputs is coded to; then fails, if a pin is wrong, with the lines
// that would be right.
class PinCheck {
 public:
  void add(const ModelPin& pin, ByteView coded) {
    const uint32_t check = crc32c(0, coded);
    char line[100];
    std::snprintf(line, sizeof(line), "    {\"%s\", %zu, 0x%08X},\n", pin.input,
                  coded.size(), check);
    now_ += line;
    is_changed_ = is_changed_ || coded.size() != pin.coded_bytes || check != pin.crc32c;
  }

  void finish() const {
    CHECK_MESSAGE(!is_changed_,
                  "the format has changed; tests/libcommon/model_pins.hpp would be\n",
                  now_);
  }

 private:
  bool is_changed_ = false;
  std::string now_;
};

}  // namespace mallorn::test
