// Names of results and errors, for logs. Linked only where they are asked for.
#include "firmware/include/mallorn.h"

namespace {

constexpr const char* kResults[] = {"MALLORN_DONE", "MALLORN_MORE", "MALLORN_WANT_INPUT"};
constexpr int kResultCount = sizeof kResults / sizeof kResults[0];

// From -1 downwards.
constexpr const char* kErrors[] = {
    "MALLORN_E_ARGUMENT",    "MALLORN_E_STATE",         "MALLORN_E_FLASH_READ",
    "MALLORN_E_FLASH_ERASE", "MALLORN_E_FLASH_PROGRAM", "MALLORN_E_PATCH_READ",
    "MALLORN_E_PATCH_SEEK",  "MALLORN_E_COUNTER",       "MALLORN_E_MAGIC",
    "MALLORN_E_VERSION",     "MALLORN_E_HEADER",        "MALLORN_E_PROFILE",
    "MALLORN_E_FEATURE",     "MALLORN_E_KEY",           "MALLORN_E_SIGNATURE",
    "MALLORN_E_MODEL",       "MALLORN_E_RELEASE",       "MALLORN_E_SIZE",
    "MALLORN_E_BASE",        "MALLORN_E_BODY",          "MALLORN_E_CODED",
    "MALLORN_E_RESULT",      "MALLORN_E_TRIAL",         "MALLORN_E_NO_TRIAL",
    "MALLORN_E_NO_SLOT",     "MALLORN_E_SLOT",          "MALLORN_E_CHECKPOINT",
    "MALLORN_E_IN_PLACE",    "MALLORN_E_UNFINISHED",    "MALLORN_E_JOURNAL"};
constexpr int kErrorCount = sizeof kErrors / sizeof kErrors[0];
static_assert(kErrorCount == -MALLORN_E_JOURNAL, "one for each");

}  // namespace

const char* mallorn_status_name(int status) {
  if (status >= 0 && status < kResultCount) return kResults[status];
  if (status < 0 && -status <= kErrorCount) return kErrors[-status - 1];
  return "?";
}
