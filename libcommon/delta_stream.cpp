#include "libcommon/delta_stream.hpp"

#include <algorithm>
#include <string_view>

#include "libcommon/core/block_fields.hpp"
#include "libcommon/core/byte_reader.hpp"
#include "libcommon/core/byte_writer.hpp"
#include "libcommon/core/lane_conversion.hpp"
#include "libcommon/core/patch_format.hpp"
#include "libcommon/derivation.hpp"
#include "libcommon/error.hpp"
#include "libcommon/text.hpp"

namespace mallorn {
namespace {

// kind, dtype, predictor, three numbers, what the predictor has, five numbers of the place
constexpr size_t kMaxPermutationBytes = 2 + (2 * kMaxAxes + 1) * kMaxVarintBytes;
constexpr size_t kMaxPickBytes = 5;
constexpr size_t kMaxStepBytes = 3 + 8 * kMaxVarintBytes + kMaxPermutationBytes;
constexpr uint64_t kMaxParameterBytes = 1u << 18;  // picks of long axes take 3 bytes each
constexpr size_t kMaxNoteText = 1024;

int32_t read_zero_point(ByteReader& reader) {
  const auto number = static_cast<int64_t>(unzigzag(reader.varint()));
  if (number < -128 || number > 255) reader.fail(Status::malformed);
  return static_cast<int32_t>(number);
}

bool read_place(ByteView parameters, TensorPlace* place) {
  ByteReader reader(parameters);
  place->first_element = reader.varint();
  place->row_elements = reader.varint();
  place->column_elements = reader.varint();
  place->base_zero = read_zero_point(reader);
  place->result_zero = read_zero_point(reader);
  return reader.ok() && reader.at_end();
}

std::vector<uint8_t> place_to_bytes(const TensorPlace& place) {
  if (place == TensorPlace{}) return {};
  std::vector<uint8_t> bytes(5 * kMaxVarintBytes);
  ByteWriter writer(bytes);
  writer.varint(place.first_element);
  writer.varint(place.row_elements);
  writer.varint(place.column_elements);
  writer.varint(zigzag(static_cast<uint64_t>(int64_t{place.base_zero})));
  writer.varint(zigzag(static_cast<uint64_t>(int64_t{place.result_zero})));
  bytes.resize(writer.size());
  return bytes;
}

// Each as far from the one behind the last of its axis.
void write_picks(const Permutation& permutation, Picks picks, ByteWriter& writer) {
  size_t at = 0;
  for (uint32_t axis = 0; axis < permutation.axes; ++axis) {
    uint64_t expected = 0;
    for (uint32_t i = 0; i < permutation.picked[axis]; ++i) {
      const uint64_t pick = picks[at++];
      writer.varint(zigzag(pick - expected));
      expected = pick + 1;
    }
  }
}

bool read_picks(ByteReader& reader, const Permutation& permutation,
                std::vector<uint32_t>* picks) {
  if (permutation.picks_before(permutation.axes) > reader.remaining()) return false;
  for (uint32_t axis = 0; axis < permutation.axes; ++axis) {
    uint64_t expected = 0;
    for (uint32_t i = 0; i < permutation.picked[axis]; ++i) {
      const uint64_t pick = expected + unzigzag(reader.varint());
      if (!reader.ok() || pick >= permutation.lengths[axis]) return false;
      picks->push_back(static_cast<uint32_t>(pick));
      expected = pick + 1;
    }
  }
  return true;
}

// Two bits of the second byte for each axis: which of the base it is.
std::vector<uint8_t> permutation_to_bytes(const Permutation& permutation, Picks picks) {
  std::vector<uint8_t> bytes(kMaxPermutationBytes + kMaxPickBytes * picks.size());
  ByteWriter writer(bytes);
  uint32_t order = 0;
  for (uint32_t i = 0; i < permutation.axes; ++i) order |= permutation.order[i] << (2 * i);
  writer.u8(static_cast<uint8_t>(permutation.axes));
  writer.u8(static_cast<uint8_t>(order));
  for (uint32_t i = 0; i < permutation.axes; ++i) writer.varint(permutation.lengths[i]);
  for (uint32_t i = 0; i < permutation.axes; ++i) writer.varint(permutation.picked[i]);
  writer.varint(permutation.first);
  write_picks(permutation, picks, writer);
  bytes.resize(writer.size());
  return bytes;
}

// False for what is no permutation, whatever the tensor; steps_from_bytes() sees to more.
bool read_permutation(ByteReader& reader, Permutation* permutation,
                      std::vector<uint32_t>* picks) {
  permutation->axes = reader.u8();
  const uint32_t order = reader.u8();
  if (permutation->axes > kMaxAxes || order >> (2 * permutation->axes) != 0) return false;
  for (uint32_t i = 0; i < permutation->axes; ++i) {
    const uint64_t length = reader.varint();
    if (length > UINT32_MAX) return false;
    permutation->order[i] = static_cast<uint8_t>(order >> (2 * i) & 3);
    permutation->lengths[i] = static_cast<uint32_t>(length);
  }
  for (uint32_t i = 0; i < permutation->axes; ++i) {
    const uint64_t picked = reader.varint();
    if (picked > UINT32_MAX) return false;
    permutation->picked[i] = static_cast<uint32_t>(picked);
  }
  const uint64_t first = reader.varint();
  permutation->first = static_cast<uint32_t>(first);
  return reader.ok() && first <= UINT32_MAX && read_picks(reader, *permutation, picks);
}

std::vector<uint8_t> parameters_of(const Step& step) {
  if (is_derived(step)) return step.parameters;
  std::vector<uint8_t> bytes;
  if (is_converted(step)) {
    bytes.push_back(conversion_to_byte(step.conversion));
    bytes.insert(bytes.end(), step.parameters.begin(), step.parameters.end());
  }
  if (is_permuted(step)) bytes = permutation_to_bytes(step.permutation, step.picks);
  const std::vector<uint8_t> place = place_to_bytes(step.place);
  bytes.insert(bytes.end(), place.begin(), place.end());
  return bytes;
}

// Of derived steps, how they are; of others that hold elements, where these lie. Ahead of
// that, of converted steps, from what, and of permuted ones, how.
void take_parameters(ByteView parameters, Step* step, ByteReader& reader) {
  if (!reader.ok()) return;
  if (is_derived(*step)) {
    Derivation derivation;
    step->parameters.assign(parameters.begin(), parameters.end());
    if (step->dtype != Dtype::f32 || step->result_bytes % sizeof(uint32_t) != 0 ||
        !derivation_from_bytes(step->parameters, &derivation)) {
      reader.fail(Status::malformed);
    }
    return;
  }
  if (is_converted(*step)) {
    if (parameters.empty() ||
        !conversion_from_byte(parameters[0], step->dtype, &step->conversion)) {
      reader.fail(Status::malformed);
      return;
    }
    parameters = parameters.subspan(1);
    if (has_lanes(step->conversion, step->dtype)) {
      ByteReader lanes(parameters);
      LaneGrid grid;
      if (!read_lane_grid(lanes, step->conversion, step->dtype, &grid)) {
        reader.fail(Status::malformed);
        return;
      }
      const auto length = static_cast<ptrdiff_t>(lanes.offset());
      step->parameters.assign(parameters.begin(), parameters.begin() + length);
      parameters = parameters.subspan(static_cast<size_t>(length));
    }
  }
  if (is_permuted(*step)) {
    ByteReader permuted(parameters);
    if (!read_permutation(permuted, &step->permutation, &step->picks)) {
      reader.fail(Status::malformed);
      return;
    }
    parameters = parameters.subspan(permuted.offset());
  }
  if (!parameters.empty()) {
    if (step->dtype == Dtype::opaque || step->kind == StepKind::copy) {
      reader.fail(Status::unsupported_feature);
    } else if (!read_place(parameters, &step->place)) {
      reader.fail(Status::malformed);
    }
  }
}

Step read_step(ByteReader& reader) {
  Step step;
  const uint8_t kind = reader.u8();
  const uint8_t dtype = reader.u8();
  const uint8_t predictor = reader.u8();
  step.result_bytes = reader.varint();
  step.base_offset = reader.varint();
  const uint64_t parameter_bytes = reader.varint();
  if (parameter_bytes > kMaxParameterBytes) reader.fail(Status::limit_exceeded);
  const ByteView parameters = reader.bytes(reader.ok() ? parameter_bytes : 0);
  step.kind = static_cast<StepKind>(kind);
  step.dtype = static_cast<Dtype>(dtype);
  step.predictor = static_cast<Predictor>(predictor);
  if (kind > static_cast<uint8_t>(StepKind::literal) || step.result_bytes == 0 ||
      dtype_layout(step.dtype).dtype != step.dtype) {
    reader.fail(Status::malformed);
  }
  if (predictor > static_cast<uint8_t>(Predictor::permuted)) {
    reader.fail(Status::unsupported_feature);
  }
  take_parameters(parameters, &step, reader);
  return step;
}

bool fits_base(const Step& step, uint64_t base_length) {
  if (step.kind == StepKind::literal) return step.base_offset == 0;
  if (may_end_early(step)) return step.base_offset <= base_length;
  uint64_t length = 0;
  return predicting_bytes(step, step.result_bytes, &length) &&
         range_fits(step.base_offset, length, base_length);
}

}  // namespace

bool may_end_early(const Step& step) {
  return step.kind == StepKind::predict &&
         (step.predictor == Predictor::bytes || step.predictor == Predictor::derived);
}

bool is_converted(const Step& step) {
  return step.kind == StepKind::predict && step.predictor == Predictor::converted;
}

bool is_permuted(const Step& step) {
  return step.kind == StepKind::predict && step.predictor == Predictor::permuted;
}

bool predicting_bytes(const Step& step, uint64_t result_bytes, uint64_t* base_bytes) {
  if (is_permuted(step))
    return permuted_from(step.permutation, step.dtype, result_bytes, base_bytes);
  *base_bytes = result_bytes;
  return !is_converted(step) ||
         converted_from(step.conversion, step.dtype, result_bytes, base_bytes);
}

uint64_t base_bytes_of(const Step& step, uint64_t base_length) {
  if (step.kind == StepKind::literal) return 0;
  // Coded byte by byte, the word that the last byte begins reaches three bytes further.
  const bool is_coded_so =
      step.kind == StepKind::predict && !is_converted(step) && !is_permuted(step);
  const uint64_t ahead = is_coded_so ? 3 : 0;
  uint64_t length = 0;
  (void)predicting_bytes(step, step.result_bytes, &length);
  return std::min(length + ahead, base_length - step.base_offset);
}

ByteView predicting_view(const Step& step, ByteView base, std::vector<uint8_t>* made) {
  if (step.kind == StepKind::literal) return {};
  const ByteView seen = base.subspan(static_cast<size_t>(step.base_offset),
                                     static_cast<size_t>(base_bytes_of(step, base.size())));
  if (!is_permuted(step)) return seen;
  made->resize(static_cast<size_t>(step.result_bytes));
  permute(step.permutation, step.picks, step.dtype, seen, *made);
  return *made;
}

uint64_t predicting_view_bytes(const Step& step, uint64_t base_length) {
  return is_permuted(step) ? step.result_bytes : base_bytes_of(step, base_length);
}

std::vector<uint8_t> steps_to_bytes(const std::vector<Step>& steps) {
  size_t most = kMaxVarintBytes + steps.size() * kMaxStepBytes;
  for (const Step& step : steps)
    most += step.parameters.size() + kMaxPickBytes * step.picks.size();
  std::vector<uint8_t> bytes(most);
  ByteWriter writer(bytes);
  writer.varint(steps.size());
  for (const Step& step : steps) {
    writer.u8(static_cast<uint8_t>(step.kind));
    writer.u8(static_cast<uint8_t>(step.dtype));
    writer.u8(static_cast<uint8_t>(step.predictor));
    writer.varint(step.result_bytes);
    writer.varint(step.base_offset);
    const std::vector<uint8_t> parameters = parameters_of(step);
    writer.varint(parameters.size());
    writer.bytes(parameters);
  }
  bytes.resize(writer.size());
  return bytes;
}

std::vector<uint8_t> note_to_bytes(const TensorNote& note) {
  const auto cut = [](const std::string& text) {
    return std::string_view(text).substr(0, kMaxNoteText);
  };
  std::vector<uint8_t> bytes(1 + 5 * kMaxVarintBytes + 3 * kMaxNoteText);
  ByteWriter writer(bytes);
  writer.varint(note.offset_bytes);
  writer.varint(note.length_bytes);
  writer.u8(static_cast<uint8_t>(note.dtype));
  for (const std::string_view text : {cut(note.match), cut(note.shape), cut(note.name)}) {
    writer.varint(text.size());
    writer.bytes(bytes_of(text));
  }
  bytes.resize(writer.size());
  return bytes;
}

TensorNote note_from_bytes(ByteView payload, const std::string& context) {
  ByteReader reader(payload);
  TensorNote note;
  note.offset_bytes = reader.varint();
  note.length_bytes = reader.varint();
  note.dtype = static_cast<Dtype>(reader.u8());
  if (dtype_layout(note.dtype).dtype != note.dtype) reader.fail(Status::malformed);
  for (std::string* text : {&note.match, &note.shape, &note.name}) {
    const uint64_t length = reader.varint();
    if (length > kMaxNoteText) reader.fail(Status::limit_exceeded);
    const ByteView bytes = reader.bytes(reader.ok() ? length : 0);
    text->assign(bytes.begin(), bytes.end());
  }
  uint64_t end = 0;
  if (!checked_add(note.offset_bytes, note.length_bytes, &end))
    reader.fail(Status::malformed);
  if (!reader.at_end()) reader.fail(Status::trailing_bytes);
  require(reader, context + ": note");
  return note;
}

std::vector<Step> steps_from_bytes(ByteView payload, const DeltaManifest& manifest,
                                   uint64_t result_offset, const std::string& context) {
  ByteReader reader(payload);
  const uint64_t count = reader.varint();
  if (count == 0 || count > kMaxChunkSteps) reader.fail(Status::limit_exceeded);
  std::vector<Step> steps;
  uint64_t made = 0;
  uint64_t coded = 0;
  uint64_t picks = 0;
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    Step step = read_step(reader);
    if (!reader.ok()) break;
    const uint64_t left = manifest.result.length_bytes - result_offset - made;
    if (step.result_bytes > left || !fits_base(step, manifest.base.length_bytes)) {
      reader.fail(Status::malformed);
    }
    made += step.result_bytes;
    coded += step.kind == StepKind::copy ? 0 : step.result_bytes;
    picks += step.picks.size();
    steps.push_back(std::move(step));
  }
  if (made > kMaxChunkResult || coded > kMaxChunkCoded || picks > kMaxChunkPicks ||
      std::ranges::count_if(steps, is_permuted) > kMaxChunkPermuted) {
    reader.fail(Status::limit_exceeded);
  }
  if (!reader.at_end()) reader.fail(Status::trailing_bytes);
  const std::vector<uint64_t> begins = step_begins(steps);
  for (size_t i = 0; i < steps.size() && reader.ok(); ++i) {
    if (is_derived(steps[i]) && !has_source(steps, begins, i))
      reader.fail(Status::malformed);
  }
  require(reader, context + ": steps frame");
  return steps;
}

}  // namespace mallorn
