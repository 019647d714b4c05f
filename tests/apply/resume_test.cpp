// Applying goes on where a run before has stopped; whatever that has left, the result is
// right.
#include "mallorn-apply/resume.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <set>

#include "tests/apply/patches.hpp"
#include "tests/support/files.hpp"
#include "tests/support/random.hpp"

using namespace mallorn;
using test::Bytes;
using test::MadePatch;
using test::TemporaryFolder;

namespace {

// As if a process had died and left it.
void leave(const TemporaryFolder& folder, const Bytes& bytes) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  test::write_file(folder / ("out.mallorn-part." + std::to_string(child)), bytes);
}

// Applies; the byte at which decoding began.
uint64_t resume(const TemporaryFolder& folder, const Bytes& patch, const Bytes& base) {
  const Fd base_file = test::file_of(base);
  const MappedFile mapped(base_file, "base");
  const Fd patch_file = test::file_of(patch);
  apply::PatchReader reader(patch_file.get(), "patch");
  Output output(folder / "out", true, 0666, Output::Leftovers::adopt);
  return rebuild_resumably(reader, mapped, output, {2, false}).resumed_at;
}

// Where the chunks of the result end.
std::vector<uint64_t> chunk_ends(const MadePatch& patch) {
  std::vector<uint64_t> ends = {0};
  for (const Bytes& record : patch.records) {
    ByteReader reader(ByteView(record).subspan(1));
    ends.push_back(ends.back() + reader.varint());
  }
  return ends;
}

MadePatch several_chunks() {
  test::Random random(61);
  return test::make_patch(random, 3000, 4, 8);
}

}  // namespace

TEST_CASE("resume: goes on behind the last complete chunk that is there") {
  const MadePatch patch = several_chunks();
  const std::vector<uint64_t> ends = chunk_ends(patch);
  REQUIRE(ends.back() == patch.result.size());
  std::set<size_t> lengths;
  for (size_t length = 0; length < patch.result.size();
       length += test::kIsSanitized ? 997 : 97)
    lengths.insert(length);
  for (const uint64_t end : ends) {
    for (const uint64_t length : {end - 1, end, end + 1}) {
      if (length <= patch.result.size()) lengths.insert(static_cast<size_t>(length));
    }
  }
  for (const size_t length : lengths) {
    const TemporaryFolder folder;
    leave(folder, Bytes(patch.result.begin(),
                        patch.result.begin() + static_cast<ptrdiff_t>(length)));
    const uint64_t expected = *(std::upper_bound(ends.begin(), ends.end(), length) - 1);
    REQUIRE(resume(folder, patch.bytes(), patch.base) == expected);
    REQUIRE(test::read_file(folder / "out") == patch.result);
    REQUIRE(folder.count() == 1);
  }
}

TEST_CASE(
    "resume: a leftover that is damaged, foreign or too long costs nothing but time") {
  const MadePatch patch = several_chunks();
  const std::vector<uint64_t> ends = chunk_ends(patch);
  Bytes damaged = patch.result;
  damaged[static_cast<size_t>(ends[2]) + 3] ^= 1;
  Bytes longer = patch.result;
  longer.resize(longer.size() + 5000, 8);
  const std::pair<Bytes, uint64_t> leftovers[] = {{damaged, ends[2]},
                                                  {longer, patch.result.size()},
                                                  {patch.base, 0},
                                                  {Bytes(9000, 0), 0}};
  for (const auto& [bytes, expected] : leftovers) {
    const TemporaryFolder folder;
    leave(folder, bytes);
    CHECK(resume(folder, patch.bytes(), patch.base) == expected);
    CHECK(test::read_file(folder / "out") == patch.result);
    CHECK(folder.count() == 1);
  }
}

TEST_CASE(
    "resume: where the checks of all chunks hold, the digest still has the last word") {
  const MadePatch patch = several_chunks();
  PatchHeader header = patch.header();
  header.result_digest[0] ^= 1;
  const TemporaryFolder folder;
  leave(folder, patch.result);
  CHECK(test::status_of([&] {
          resume(folder, test::patch_bytes(header, patch.records), patch.base);
        }) == Status::result_mismatch);
  CHECK(folder.count() == 0);
}

TEST_CASE("resume: a wrong base does not cost what is there; a damaged patch does") {
  const MadePatch patch = several_chunks();
  Bytes other = patch.base;
  other[7] ^= 1;
  const TemporaryFolder folder;
  leave(folder, patch.result);
  CHECK(test::status_of([&] { resume(folder, patch.bytes(), other); }) ==
        Status::base_mismatch);
  CHECK(folder.count() == 1);
  leave(folder, patch.result);
  Bytes damaged = patch.bytes();
  damaged.back() ^= 1;
  CHECK(test::status_of([&] { resume(folder, damaged, patch.base); }) != Status::ok);
  CHECK(folder.count() == 0);
}

TEST_CASE(
    "resume: a patch that is cut short leaves what it has made only if it came by a pipe") {
  const MadePatch patch = several_chunks();
  Bytes bytes = patch.bytes();
  bytes.resize(bytes.size() - 2);
  const TemporaryFolder folder;
  CHECK(test::status_of([&] { resume(folder, bytes, patch.base); }) == Status::truncated);
  CHECK(folder.count() == 0);
}
