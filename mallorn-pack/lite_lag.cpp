#include "mallorn-pack/lite_lag.hpp"

#include "mallorn-pack/lite_encoder.hpp"
#include "mallorn-pack/lite_in_place.hpp"

namespace mallorn::pack {
namespace {

// A larger journal is worth it that saves more than one byte in so many.
constexpr size_t kWorth = 64;

}  // namespace

LaggedBody encode_in_place(const LitePlanner& planner, uint32_t restart_log2,
                           uint32_t block_bytes, uint32_t most) {
  const auto encode = [&](uint32_t lag) {
    const LitePlan plan =
        planner.plan(1u << restart_log2, {block_bytes, lag * block_bytes});
    return LaggedBody{encode_lite(plan, restart_log2), lag_of(plan.pieces, block_bytes)};
  };
  LaggedBody with_all = encode(most);
  for (uint32_t lag = 0; lag < with_all.lag; lag = lag == 0 ? 1 : 2 * lag) {
    LaggedBody with_less = encode(lag);
    if (with_less.body.size() <= with_all.body.size() + with_all.body.size() / kWorth) {
      return with_less;
    }
  }
  return with_all;
}

}  // namespace mallorn::pack
