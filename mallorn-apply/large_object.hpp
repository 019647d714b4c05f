// LargeObject: memory for an object of several megabytes. Where all of it will be used, it
// is in few pages, if the system has large ones: touching it for the first time then costs
// a tenth. But large pages are made zero as a whole, which a few bytes here and there are
// not worth.
#pragma once

#include <sys/mman.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace mallorn::apply {

struct FreeLargeObject {
  template <typename T>
  void operator()(T* object) const {
    object->~T();
    std::free(object);
  }
};

// What an object of so many bytes takes.
constexpr size_t large_object_bytes(size_t size) {
  constexpr size_t kPage = 2u << 20;
  return (size + kPage - 1) / kPage * kPage;
}

template <typename T>
using LargeObject = std::unique_ptr<T, FreeLargeObject>;

// Throws std::bad_alloc.
template <typename T, typename... Arguments>
LargeObject<T> make_large_object(bool uses_all, Arguments&&... arguments) {
  constexpr size_t kBytes = large_object_bytes(sizeof(T));
  void* memory = std::aligned_alloc(large_object_bytes(1), kBytes);
  if (memory == nullptr) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  // A hint, which comes too late when a page has been touched.
  if (uses_all) (void)::madvise(memory, kBytes, MADV_HUGEPAGE);
#endif
  return LargeObject<T>(new (memory) T(std::forward<Arguments>(arguments)...));
}

}  // namespace mallorn::apply
