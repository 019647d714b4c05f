// UTF-8, of which nothing from outside is known to be.
#pragma once

#include <cstdint>
#include <string_view>

namespace mallorn {

struct CodePoint {
  uint32_t value = 0;
  size_t length = 0;  // bytes; 0: there is no well-formed sequence
};

// That at the start of `text`, which is not empty. Overlong forms, surrogates and what lies
// above U+10FFFF are ill-formed (RFC 3629).
CodePoint first_code_point(std::string_view text);

}  // namespace mallorn
