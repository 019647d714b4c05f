// Headers that most sources of the host programs include, compiled once for each library where
// -Db_pch=true asks for it, as the builds of scripts/test with sanitizers do: a quarter of their
// time. Others have it not: GCC 12 forgets what are headers of the system, and warns of them. And
// they show that each source includes what it uses.

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
