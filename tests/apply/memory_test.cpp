#include "mallorn-apply/memory.hpp"

#include <doctest/doctest.h>

#include "tests/support/files.hpp"

using namespace mallorn;

namespace {

constexpr uint64_t kMiB = 1u << 20;

PatchHeader host_header() {
  PatchHeader header;
  header.memory_kib = kHostMemoryKib;
  return header;
}

Status status_within(uint64_t limit, const PatchHeader& header) {
  return test::status_of([&] { (void)apply::threads_within(limit, header, 8, "patch"); });
}

}  // namespace

TEST_CASE("memory: as many threads as fit, one at the least") {
  const PatchHeader header = host_header();
  for (unsigned threads = 1; threads <= 16; ++threads) {
    const uint64_t needed = apply::needed_memory(header, threads);
    CHECK(apply::threads_within(needed, header, 16, "patch") == threads);
    CHECK(apply::threads_within(needed, header, 3, "patch") == std::min(threads, 3u));
    CHECK(apply::needed_memory(header, threads + 1) > needed);
  }
  CHECK(apply::threads_within(UINT64_MAX, header, 256, "patch") == 256);
  CHECK(status_within(apply::needed_memory(header, 1) - 1, header) ==
        Status::out_of_memory);
  CHECK(status_within(1, header) == Status::out_of_memory);
}

TEST_CASE(
    "memory: a header that declares too little is not believed, one that declares more "
    "is") {
  PatchHeader header = host_header();
  const uint64_t honest = apply::needed_memory(header, 1);
  CHECK(honest >= 20 * kMiB);
  CHECK(honest <= 24 * kMiB);  // as the documents have it
  header.memory_kib = 0;
  CHECK(apply::needed_memory(header, 1) > 15 * kMiB);
  CHECK(status_within(8 * kMiB, header) == Status::out_of_memory);
  header.memory_kib = UINT32_MAX;
  CHECK(status_within(1024 * kMiB, header) == Status::out_of_memory);
  CHECK(apply::needed_memory(header, 256) > uint64_t{UINT32_MAX} * 1024 * 256);
}

TEST_CASE("memory: an update in place takes more, for the way back and for its plan") {
  PatchHeader header = host_header();
  header.result_bytes = 1024 * kMiB;
  const uint64_t extra = apply::needed_for_undo() + apply::needed_for_plan(header);
  CHECK(extra == (4 + 1 + 4) * kMiB);  // as the documents have it
  const uint64_t needed = apply::needed_memory(header, 2) + extra;
  CHECK(apply::threads_within(needed, header, 8, "patch", extra) == 2);
  CHECK(apply::threads_within(needed - 1, header, 8, "patch", extra) == 1);
  header.result_bytes = UINT64_MAX;
  CHECK(apply::needed_for_plan(header) < UINT64_MAX / 4);
}

TEST_CASE("memory: a patch of profile lite takes what its result does") {
  PatchHeader header;
  header.profile = Profile::lite;
  header.features = kFeatureLite;
  header.memory_kib = kLiteMemoryKib;
  header.base_bytes = header.result_bytes = 100 * kMiB;
  CHECK(status_within(100 * kMiB, header) == Status::out_of_memory);
  CHECK(status_within(110 * kMiB, header) == Status::ok);
  header.base_bytes = 1;
  CHECK(status_within(110 * kMiB, header) == Status::out_of_memory);
  header.result_bytes = UINT64_MAX;
  CHECK(status_within(UINT64_MAX / 4, header) == Status::out_of_memory);
}
