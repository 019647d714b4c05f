// Names of Status values; the only strings in the core.
#include "libcommon/core/status.hpp"

namespace mallorn {

const char* status_name(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::truncated:
      return "truncated";
    case Status::trailing_bytes:
      return "trailing_bytes";
    case Status::bad_magic:
      return "bad_magic";
    case Status::unsupported_version:
      return "unsupported_version";
    case Status::unsupported_feature:
      return "unsupported_feature";
    case Status::malformed:
      return "malformed";
    case Status::limit_exceeded:
      return "limit_exceeded";
    case Status::overlap:
      return "overlap";
    case Status::unknown_codec:
      return "unknown_codec";
    case Status::corrupt_data:
      return "corrupt_data";
    case Status::check_mismatch:
      return "check_mismatch";
    case Status::base_mismatch:
      return "base_mismatch";
    case Status::result_mismatch:
      return "result_mismatch";
    case Status::bad_signature:
      return "bad_signature";
    case Status::io:
      return "io";
    case Status::no_space:
      return "no_space";
    case Status::out_of_memory:
      return "out_of_memory";
    case Status::internal:
      return "internal";
    case Status::usage:
      return "usage";
    case Status::cannot_open:
      return "cannot_open";
    case Status::cannot_create:
      return "cannot_create";
    case Status::interrupted:
      return "interrupted";
  }
  return "unknown_status";
}

}  // namespace mallorn
