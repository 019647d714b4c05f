// Any bytes as a patch, as they are and with digests and checks put right, applied to a
// fixed base: an Error, or a result that is the one the header promises. What it holds can
// be told.
#include <cstdint>
#include <cstdlib>

#include "libcommon/error.hpp"
#include "mallorn-apply/info.hpp"
#include "mallorn-apply/rebuild.hpp"
#include "tests/fuzz/inputs.hpp"

namespace {

using namespace mallorn;

const std::vector<uint8_t>& base_bytes() {
  static const std::vector<uint8_t> base = fuzz::fixed_base();
  return base;
}

// True if the chunks of `patch` code so much that they would take long. One that is made
// again may begin anywhere.
bool is_slow(ByteView patch, size_t body_offset) {
  ByteReader body(patch.subspan(std::min(body_offset, patch.size())));
  uint64_t again = 0;
  while (body.ok() && !body.at_end()) {
    ByteReader record(body.bytes(body.varint()));
    const uint8_t kind = record.u8();
    again += kind == static_cast<uint8_t>(RecordKind::again) ? 1 : 0;
    if (kind != static_cast<uint8_t>(RecordKind::chunk)) continue;
    (void)record.varint();
    if (record.varint() > 65536) return true;
  }
  return again > 2;
}

void apply_patch(ByteView patch, const MappedFile& base) {
  try {
    const Fd file = fuzz::file_of(patch);
    apply::PatchReader reader(file.get(), "input");
    if (is_slow(patch, static_cast<size_t>(reader.front().length_bytes()))) return;
    apply::rebuild(reader, base, nullptr, {1, false});
  } catch (const Error& error) {
    if (error.status() == Status::internal) std::abort();
  }
  try {
    const Fd file = fuzz::file_of(patch);
    apply::PatchReader reader(file.get(), "input");
    const apply::PatchInfo info = apply::read_info(reader);
    if (apply::info_to_json(info).empty() || apply::info_to_text(info).empty())
      std::abort();
  } catch (const Error&) {
  }
}

// `bytes` as a header and the body that it binds.
std::vector<uint8_t> with_digests(ByteView bytes) {
  PatchHeader header;
  header.features = kKnownFeatures;
  header.base_bytes = base_bytes().size();
  header.base_digest = sha256(base_bytes());
  ByteReader reader(bytes);
  header.result_bytes = reader.varint();
  const ByteView body = reader.bytes(reader.remaining());
  header.body_bytes = body.size() + 1;
  std::vector<uint8_t> patch(body.begin(), body.end());
  patch.push_back(0);
  header.body_digest = sha256(patch);
  std::vector<uint8_t> head(kMaxPatchHeaderBytes);
  head.resize(write_patch_header(header, head));
  patch.insert(patch.begin(), head.begin(), head.end());
  return patch;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Fd base_file = fuzz::file_of(base_bytes());
  static const MappedFile base(base_file, "base");
  apply_patch({data, size}, base);
  apply_patch(with_digests({data, size}), base);
  return 0;
}
