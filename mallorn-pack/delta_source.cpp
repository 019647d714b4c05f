#include "mallorn-pack/delta_source.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "libcommon/core/patch_format.hpp"
#include "libcommon/error.hpp"
#include "libcommon/fast_crc32c.hpp"
#include "libcommon/file_state.hpp"
#include "libcommon/text.hpp"

namespace mallorn::pack {
namespace {

constexpr size_t kMaxNotes = 1u << 20;
constexpr size_t kWalkPiece = 4u << 20;  // of a result, looked at once

std::unique_ptr<MappedFile> map_side(const DeltaSide& side, const std::string& name) {
  return std::make_unique<MappedFile>(decode_path(side.path, name));
}

}  // namespace

DeltaSource::DeltaSource(int fd, std::string name, bool keeps_notes)
    : stream_(fd, std::move(name), StreamKind::delta) {
  if (keeps_notes) stream_.on_note([this](ByteView payload) { take_note(payload); });
  const std::string context = stream_.name() + ": manifest";
  manifest_ = delta_manifest_from_json(stream_.read_manifest(), context);
  if (manifest_.base.path.empty()) {
    spool_ = make_temporary_file();
  } else {
    base_ = map_side(manifest_.base, stream_.name());
    result_ = map_side(manifest_.result, stream_.name());
    base_check_.emplace(*base_, manifest_.base);
    result_check_.emplace(*result_, manifest_.result);
    is_result_known_ = result_check_->is_known();
  }
}

void DeltaSource::take_note(ByteView payload) {
  if (notes_.size() == kMaxNotes) {
    throw Error(Status::limit_exceeded, stream_.name() + ": too many notes");
  }
  notes_.push_back(note_from_bytes(payload, stream_.name()));
}

std::optional<ChunkInput> DeltaSource::next() {
  const Frame& frame = stream_.next();
  if (frame.type == FrameType::end) {
    read_end(frame);
    return std::nullopt;
  }
  if (frame.type != FrameType::steps) {
    throw Error(Status::malformed, stream_.name() + ": expected the steps of a chunk");
  }
  const Digest digest = sha256(frame.payload);
  std::vector<Step> steps =
      steps_from_bytes(frame.payload, manifest_, made_, stream_.name());
  uint64_t result_bytes = 0;
  for (const Step& step : steps) result_bytes += step.result_bytes;
  ChunkInput chunk = base_ ? map_chunk(std::move(steps), result_bytes)
                           : read_chunk(std::move(steps), result_bytes);
  walk(chunk, [&](uint64_t, ByteView piece) {
    if (!is_result_known_) result_hash_.update(piece);
    chunk.check = fast_crc32c(chunk.check, piece);
    return true;
  });
  chunk.twin = find_twin(digest, chunk);
  made_ += result_bytes;
  return chunk;
}

// Visits what a chunk makes, with its offset, piece by piece, until `visit` says false.
// What is coded is short, but copies are as long as the model: they do not stay in memory.
template <typename Visit>
bool DeltaSource::walk(const ChunkInput& chunk, const Visit& visit) const {
  const MappedFile* const file = chunk.spooled ? chunk.spooled.get() : result_.get();
  for (size_t at = 0; at < chunk.result.size(); at += kWalkPiece) {
    const ByteView piece =
        chunk.result.subspan(at, std::min(kWalkPiece, chunk.result.size() - at));
    const uint64_t offset = chunk.result_offset + at;
    if (!visit(offset, piece)) return false;
    if (chunk.result.size() > kWalkPiece && file) file->release(offset, piece.size());
  }
  return true;
}

std::optional<uint64_t> DeltaSource::find_twin(const Digest& steps,
                                               const ChunkInput& chunk) {
  const auto [found, is_first] = first_with_.try_emplace(steps, made_);
  if (is_first || !has_made(found->second, chunk)) return std::nullopt;
  return found->second;
}

// Whether the result has the bytes of this chunk at an offset before it, too.
bool DeltaSource::has_made(uint64_t offset, const ChunkInput& chunk) const {
  std::optional<MappedFile> spooled;
  if (!result_) spooled.emplace(spool_, temporary_file_name());
  const MappedFile& made = result_ ? *result_ : *spooled;
  return walk(chunk, [&](uint64_t at, ByteView piece) {
    const uint64_t from = offset + (at - chunk.result_offset);
    const bool is_equal =
        memcmp(made.bytes().data() + from, piece.data(), piece.size()) == 0;
    made.release(from, piece.size());
    return is_equal;
  });
}

ChunkInput DeltaSource::map_chunk(std::vector<Step> steps, uint64_t result_bytes) {
  ChunkInput chunk{made_, std::move(steps), {}, {}, {}};
  chunk.result = result_->bytes().subspan(static_cast<size_t>(made_),
                                          static_cast<size_t>(result_bytes));
  for (const Step& step : chunk.steps) {
    std::vector<uint8_t> made;
    chunk.base.push_back(predicting_view(step, base_->bytes(), &made));
    if (!made.empty()) chunk.permuted.push_back(std::move(made));
  }
  return chunk;
}

void DeltaSource::release(const ChunkInput& chunk) const {
  if (!base_) return;
  result_->release(chunk.result_offset, chunk.result.size());
  for (const Step& step : chunk.steps) {
    if (step.kind != StepKind::predict) continue;
    const uint64_t length = base_bytes_of(step, manifest_.base.length_bytes);
    base_->release(step.base_offset, length);
  }
}

ChunkInput DeltaSource::read_chunk(std::vector<Step> steps, uint64_t result_bytes) {
  ChunkInput chunk{made_, std::move(steps), {}, {}, {}};
  uint64_t base_bytes = 0;
  for (const Step& step : chunk.steps) {
    if (step.kind != StepKind::predict) continue;
    base_bytes += predicting_view_bytes(step, manifest_.base.length_bytes);
  }
  read_bytes(base_bytes, result_bytes, &chunk);
  const auto all = ByteView(chunk.owned);
  size_t at = 0;
  for (const Step& step : chunk.steps) {
    const bool is_carried = step.kind == StepKind::predict;
    const auto length = static_cast<size_t>(
        is_carried ? predicting_view_bytes(step, manifest_.base.length_bytes) : 0);
    chunk.base.push_back(all.subspan(at, length));
    at += length;
  }
  if (result_bytes <= kWalkPiece) {
    chunk.result = all.subspan(static_cast<size_t>(base_bytes));
  } else {
    chunk.spooled = std::make_unique<MappedFile>(spool_, temporary_file_name());
    chunk.result = chunk.spooled->bytes().subspan(static_cast<size_t>(made_));
  }
  return chunk;
}

// What of the base the steps look at, into `owned`; then what they make, into the spool,
// and into `owned` as well unless it is long.
void DeltaSource::read_bytes(uint64_t base_bytes, uint64_t result_bytes,
                             ChunkInput* chunk) {
  const uint64_t expected = base_bytes + result_bytes;
  chunk->owned.reserve(static_cast<size_t>(
      result_bytes <= kWalkPiece ? expected : base_bytes));  // few: copies are not of them
  for (uint64_t read = 0; read < expected;) {
    const Frame& frame = stream_.next();
    const ByteView payload = frame.payload;
    if (frame.type != FrameType::bytes || payload.size() > expected - read) {
      throw Error(Status::malformed,
                  stream_.name() + ": chunk with too few or too many bytes");
    }
    const uint64_t base_left = base_bytes - std::min(base_bytes, read);
    const auto of_base = static_cast<size_t>(std::min<uint64_t>(payload.size(), base_left));
    const ByteView owned = result_bytes <= kWalkPiece ? payload : payload.first(of_base);
    chunk->owned.insert(chunk->owned.end(), owned.begin(), owned.end());
    write_full(spool_.get(), payload.subspan(of_base), temporary_file_name());
    read += payload.size();
  }
}

void DeltaSource::read_end(const Frame& frame) {
  const Trailer trailer =
      trailer_from_json(text_of(frame.payload), stream_.name() + ": end frame");
  if (trailer.length_bytes != made_ || made_ != manifest_.result.length_bytes ||
      trailer.digest != manifest_.result.digest) {
    throw Error(Status::malformed, stream_.name() + ": steps do not make the whole result");
  }
  if (!is_result_known_ && result_hash_.finish() != manifest_.result.digest) {
    fail_changed(result_ ? result_->path() : stream_.name() + ": the new model");
  }
  stream_.expect_end_of_input();
}

void DeltaSource::require_unchanged() const {
  if (!base_) return;
  result_check_->require_unchanged(true);
  base_check_->require_unchanged(false);
}

const MappedFile& DeltaSource::result() {
  if (!result_) result_ = std::make_unique<MappedFile>(spool_, stream_.name());
  return *result_;
}

}  // namespace mallorn::pack
