#include "libcommon/error.hpp"

namespace mallorn {

void require(Status status, const std::string& context) {
  if (status != Status::ok) throw Error(status, context);
}

void require(const ByteReader& reader, const std::string& context) {
  if (reader.ok()) return;
  throw Error(reader.status(), context + ": byte " + std::to_string(reader.failed_at()));
}

}  // namespace mallorn
