#include "mallorn-pack/lite_patch.hpp"

#include <algorithm>
#include <bit>

#include "libcommon/error.hpp"
#include "mallorn-pack/lite_encoder.hpp"
#include "mallorn-pack/lite_lag.hpp"
#include "mallorn-pack/patch_writer.hpp"

namespace mallorn::pack {
namespace {

// What models have learned is lost at every restart point: where the device's blocks are
// shorter than this, one block in many is one.
constexpr uint32_t kLeastRestart = 64 * 1024;

// What a journal would save, where none has been spoken of.
void tell_of_journal(const LitePlanner& planner, uint32_t restart_log2, uint32_t page_bytes,
                     size_t body_bytes) {
  const uint32_t most = std::min(kMostInPlaceLag, (kMaxLiteBytes - 1) / page_bytes);
  const LaggedBody with = encode_in_place(planner, restart_log2, page_bytes, most);
  if (with.body.size() + with.body.size() / 3 >= body_bytes) return;
  print_message("note", "bytes have moved to later pages: with --journal " +
                            std::to_string((with.lag + 1) * page_bytes) + ", " +
                            with_commas(with.body.size()) + " bytes of body in place of " +
                            with_commas(body_bytes));
}

}  // namespace

void write_lite_patch(DeltaSource& source, const Arguments& arguments, PatchHeader header,
                      Output& output) {
  const uint32_t page_bytes = arguments.page_bytes;
  const uint32_t restart_bytes = std::max(page_bytes, kLeastRestart);
  const auto restart_log2 = static_cast<uint32_t>(std::countr_zero(restart_bytes));
  const LitePlanner planner(source, arguments.has_floats);
  PatchWriter patch;
  header.profile = Profile::lite;
  header.features = kFeatureLite;
  if (arguments.is_in_place) {
    const auto log2 = static_cast<uint32_t>(std::countr_zero(page_bytes));
    const LaggedBody made =
        encode_in_place(planner, restart_log2, page_bytes, arguments.most_lag);
    header.features |= in_place_features(log2, made.lag);
    patch.set_lite_body(made.body);
    if (!arguments.has_journal && !arguments.common.is_quiet) {
      tell_of_journal(planner, restart_log2, page_bytes, made.body.size());
    }
  } else {
    patch.set_lite_body(encode_lite(planner.plan(restart_bytes, {}), restart_log2));
  }
  header.memory_kib = kLiteMemoryKib;
  source.require_unchanged();
  patch.write(header, output);
  output.commit();
}

}  // namespace mallorn::pack
