// A number or pointer of which compilers do not know any more how it was made. What is
// behind a pointer is then reached from there by short instructions, and not from where an
// object begins, each field by an address of its own.
#pragma once

namespace mallorn {

template <typename T>
[[gnu::always_inline]] inline T anchor(T value) {
  asm("" : "+r"(value));
  return value;
}

}  // namespace mallorn
