// Error: the one exception of the host programs, and the bridge from the core's Status.
#pragma once

#include <stdexcept>
#include <string>

#include "libcommon/core/byte_reader.hpp"
#include "libcommon/core/status.hpp"

namespace mallorn {

// Thrown where a fault is found, caught once in run_main(). `message` names the file, the
// place and the reason, lower case, without a full stop; `hint` says what to do next, if
// that is known.
class Error : public std::runtime_error {
 public:
  Error(Status status, const std::string& message, std::string hint = {})
      : std::runtime_error(message), status_(status), hint_(std::move(hint)) {}

  Status status() const { return status_; }
  const std::string& hint() const { return hint_; }

 private:
  Status status_;
  std::string hint_;
};

// Throws Error(status, context) unless status is ok.
void require(Status status, const std::string& context);

// Throws unless `reader` is ok; the message gains the byte offset at which it failed.
void require(const ByteReader& reader, const std::string& context);

}  // namespace mallorn
