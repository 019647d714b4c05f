// Headers that most sources of the host programs include, compiled once for each library: a
// quarter of the time of a build. Sources still include what they use: one build of the
// tests (scripts/test tsan) has b_pch=false.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
