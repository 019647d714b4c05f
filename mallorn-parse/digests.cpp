#include "mallorn-parse/digests.hpp"

#include <atomic>
#include <system_error>
#include <thread>

#include "libcommon/background.hpp"
#include "libcommon/digest.hpp"

namespace mallorn::parse {
void digest_tensors(const MappedFile& file, std::vector<Range>* ranges, unsigned threads) {
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < ranges->size(); i = next++) {
      Range& range = (*ranges)[i];
      if (range.kind != RangeKind::tensor) continue;
      range.digest = sha256(file, range.offset_bytes, range.length_bytes);
    }
  };
  std::vector<std::thread> helpers;
  const bool is_large =
      file.bytes().size() > (1u << 20);  // threads cost more than small files
  try {
    for (unsigned i = 1; is_large && i < threads; ++i) helpers.emplace_back(work);
  } catch (const std::system_error&) {
    // no more threads to be had: those there are do the work
  }
  work();
  for (std::thread& helper : helpers) helper.join();
}

std::future<Digest> digest_file(const MappedFile& file) {
  return start_in_background([&file] { return sha256(file); });
}

}  // namespace mallorn::parse
