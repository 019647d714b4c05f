#include "libcommon/derivation.hpp"

#include <algorithm>

#include "libcommon/core/byte_reader.hpp"
#include "libcommon/core/byte_writer.hpp"

namespace mallorn {

bool is_derived(const Step& step) {
  return step.kind == StepKind::predict && step.predictor == Predictor::derived;
}

std::vector<uint8_t> derivation_to_bytes(const Derivation& derivation) {
  std::vector<uint8_t> bytes(sizeof(uint32_t) + 1 + kMaxVarintBytes);
  ByteWriter writer(bytes);
  writer.u32(derivation.factor);
  writer.u8(derivation.source_is_ahead ? 1 : 0);
  writer.varint(derivation.source_distance);
  bytes.resize(writer.size());
  return bytes;
}

bool derivation_from_bytes(ByteView bytes, Derivation* derivation) {
  ByteReader reader(bytes);
  Derivation read;
  read.factor = reader.u32();
  const uint8_t direction = reader.u8();
  read.source_is_ahead = direction == 1;
  read.source_distance = reader.varint();
  if (!reader.ok() || !reader.at_end() || direction > 1) return false;
  *derivation = read;
  return true;
}

std::vector<uint64_t> step_begins(const std::vector<Step>& steps) {
  std::vector<uint64_t> begins = {0};
  for (const Step& step : steps) begins.push_back(begins.back() + step.result_bytes);
  return begins;
}

bool has_source(const std::vector<Step>& steps, const std::vector<uint64_t>& begins,
                size_t i) {
  Derivation derivation;
  if (!derivation_from_bytes(steps[i].parameters, &derivation)) return false;
  const uint64_t room = derivation.source_is_ahead ? begins.back() - begins[i] : begins[i];
  if (derivation.source_distance > room) return false;
  const uint64_t source = derivation.source_is_ahead
                              ? begins[i] + derivation.source_distance
                              : begins[i] - derivation.source_distance;
  if (!range_fits(source, steps[i].result_bytes, begins.back())) return false;
  const auto after = std::upper_bound(begins.begin(), begins.end(), source);
  for (auto k = static_cast<size_t>(after - begins.begin()) - 1;
       begins[k] < source + steps[i].result_bytes; ++k) {
    if (k >= i && is_derived(steps[k])) return false;
  }
  return true;
}

}  // namespace mallorn
