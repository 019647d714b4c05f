#include "mallorn-apply/spent_time.hpp"

#include <array>
#include <cstdio>

#include "libcommon/cli.hpp"

namespace mallorn::apply {

std::string to_text(const SpentOn& each) {
  const double seconds = static_cast<double>(each.spent.nanoseconds) / 1e9;
  std::array<char, 64> time{};
  std::snprintf(time.data(), time.size(), " bytes in %.6f s of a processor", seconds);
  std::string text = each.what + ": " + with_commas(each.spent.bytes) + time.data();
  if (seconds <= 0) return text;
  const double speed = static_cast<double>(each.spent.bytes) / 1e6 / seconds;
  return text + ", " + with_commas(static_cast<uint64_t>(speed)) + " MB/s";
}

}  // namespace mallorn::apply
