// Headers that most sources of the host programs include, compiled once for each library: a quarter
// of the time of a build. Sources include what they use all the same; `-Db_pch=false` shows it.

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
