// Work beside the calling thread, or later on it where the system has no thread to give.
#pragma once

#include <future>
#include <system_error>
#include <utility>

namespace mallorn {

template <typename Work>
auto start_in_background(Work work) -> std::future<decltype(work())> {
  try {
    return std::async(std::launch::async, work);
  } catch (const std::system_error&) {
    return std::async(std::launch::deferred, std::move(work));
  }
}

}  // namespace mallorn
