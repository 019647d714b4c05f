// Decodes a result that comes whole, as one zstd stream cut into records.
#pragma once

#include <functional>
#include <memory>

#include "libcommon/core/bytes.hpp"
#include "libcommon/core/status.hpp"

namespace mallorn::apply {

class ZstdRun {
 public:
  ZstdRun();
  ~ZstdRun();
  ZstdRun(const ZstdRun&) = delete;
  ZstdRun& operator=(const ZstdRun&) = delete;

  // Decodes the next piece and hands out what it yields. corrupt_data for anything but the
  // format below, bytes after the end of the stream included.
  Status feed(ByteView coded, const std::function<void(ByteView)>& take);

  // True once the stream has ended.
  bool is_finished() const;

 private:
  struct State;
  Status decode(ByteView coded, const std::function<void(ByteView)>& take);

  std::unique_ptr<State> state_;
};

}  // namespace mallorn::apply
