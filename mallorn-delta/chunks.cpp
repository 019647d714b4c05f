// Cuts a plan into chunks. Copies are free of the limit on coded bytes, so that models that
// did not change cost nothing per megabyte.
#include <algorithm>

#include "libcommon/core/patch_format.hpp"
#include "libcommon/derivation.hpp"
#include "libcommon/error.hpp"
#include "mallorn-delta/plan.hpp"
#include "mallorn-delta/step_parts.hpp"

namespace mallorn::delta {
namespace {

// The most of `length`, whole units, that ends where a row of the tensor does; `length` if
// rows are long. Matrices are predicted row by row.
uint64_t whole_rows(const Step& step, uint64_t length) {
  const DtypeLayout& layout = dtype_layout(step.dtype);
  const uint64_t elements = length / layout.block_bytes * layout.block_elements;
  if (step.place.row_elements == 0 || step.place.row_elements > elements / 8) return length;
  const uint64_t past = (step.place.first_element + elements) % step.place.row_elements;
  const uint64_t bytes_past = past / layout.block_elements * layout.block_bytes;
  if (past % layout.block_elements != 0 || bytes_past % unit_bytes(step) != 0)
    return length;
  return length - bytes_past;
}

uint64_t coded_bytes(const std::vector<Step>& steps) {
  uint64_t coded = 0;
  for (const Step& step : steps) {
    if (step.kind != StepKind::copy) coded += step.result_bytes;
  }
  return coded;
}

// Whether a step codes elements of a tensor, and not bytes, of which those before tell
// more.
bool has_numbers(const Step& step) {
  return step.kind != StepKind::copy && step.dtype != Dtype::opaque;
}

// Numbers cannot follow from those of another chunk: they are bytes then.
void drop_lost_sources(std::vector<Step>* steps) {
  const std::vector<uint64_t> begins = step_begins(*steps);
  for (size_t i = 0; i < steps->size(); ++i) {
    Step& step = (*steps)[i];
    if (!is_derived(step) || has_source(*steps, begins, i)) continue;
    step.dtype = Dtype::opaque;
    step.predictor = Predictor::bytes;
    step.parameters.clear();
  }
}

// All offsets where one of the ranges begins or ends, in order.
std::vector<uint64_t> ends_of(const std::vector<Twin>& twins) {
  std::vector<uint64_t> ends;
  for (const Twin& twin : twins) {
    ends.insert(ends.end(), {twin.first, twin.first + twin.length, twin.offset,
                             twin.offset + twin.length});
  }
  std::ranges::sort(ends);
  return ends;
}

// Those of the twins without what is at their ends and cannot be cut off from steps.
std::vector<Twin> trimmed(std::vector<Twin> twins, const std::vector<Step>& steps) {
  constexpr uint64_t kMost = 4096;  // bytes, at either end
  const std::vector<uint64_t> begins = step_begins(steps);
  const auto is_cut = [&](uint64_t at) {
    const auto i =
        static_cast<size_t>(std::ranges::upper_bound(begins, at) - begins.begin() - 1);
    const uint64_t past = at - begins[i];
    return past == 0 || past == steps[i].result_bytes ||
           (!may_end_early(steps[i]) && past % unit_bytes(steps[i]) == 0);
  };
  for (Twin& twin : twins) {
    const auto are_cut = [&](uint64_t at) {
      return is_cut(twin.first + at) && is_cut(twin.offset + at);
    };
    uint64_t begin = 0;
    while (begin < kMost && begin < twin.length && !are_cut(begin)) ++begin;
    uint64_t end = twin.length;
    while (end > begin && twin.length - end < kMost && !are_cut(end)) --end;
    twin = {twin.first + begin, twin.offset + begin, end - begin};
  }
  return twins;
}

// Those of the twins that begin and end where steps do.
std::vector<Twin> with_ends(std::vector<Twin> twins, const std::vector<Step>& steps) {
  if (twins.empty()) return twins;
  std::vector<uint64_t> begins = step_begins(steps);
  begins.push_back(begins.back() + steps.back().result_bytes);
  const auto is_cut = [&](uint64_t at) { return std::ranges::binary_search(begins, at); };
  std::erase_if(twins, [&](const Twin& twin) {
    return twin.length == 0 || !is_cut(twin.first) || !is_cut(twin.first + twin.length) ||
           !is_cut(twin.offset) || !is_cut(twin.offset + twin.length);
  });
  return twins;
}

class Chunker {
 public:
  // `shares`: how many chunks of about the same size there shall be; 0 as few as there can.
  // Steps begin and end where `twins` do.
  Chunker(const std::vector<Step>& steps, const std::vector<ByteRange>& whole,
          std::vector<Twin> twins, uint64_t shares, const ChunkVisitor& visit)
      : visit_(visit),
        whole_(whole),
        twins_(std::move(twins)),
        cuts_(ends_of(twins_)),
        coded_left_(coded_bytes(steps)),
        shares_left_(shares) {}

  void run(std::vector<Step> steps) {
    for (Step& step : steps) {
      if (std::binary_search(cuts_.begin(), cuts_.end(), made_)) close();
      if (next_twin_ < twins_.size() && twins_[next_twin_].offset == made_) {
        repeat(twins_[next_twin_++]);
      }
      if (made_ < repeated_to_) {  // its bytes are made
        made_ += step.result_bytes;
        continue;
      }
      make_room_for_whole();
      close_at_share(step);
      while (step.result_bytes > 0) take(&step);
    }
    close();
  }

 private:
  // Between chunks: has those that make the first of two equal ranges make the other, too.
  void repeat(const Twin& twin) {
    const auto first = std::ranges::lower_bound(begins_, twin.first);
    const auto end = std::ranges::lower_bound(begins_, twin.first + twin.length);
    const auto index = static_cast<size_t>(first - begins_.begin());
    const auto count = static_cast<size_t>(end - first);
    for (size_t i = index; i < index + count; ++i) {
      add(begins_[i] - twin.first + twin.offset, std::vector<Step>(chunks_[i]));
    }
    repeated_to_ = twin.offset + twin.length;
  }

  // Before a step: closes the open chunk if it has too little room for a range that begins
  // here and is to stay whole, but another one had enough.
  void make_room_for_whole() {
    while (next_ < whole_.size() && whole_[next_].offset < made_) ++next_;
    if (next_ == whole_.size() || whole_[next_].offset != made_) return;
    const uint64_t length = whole_[next_].length;
    if (length <= kMaxChunkCoded && length > kMaxChunkCoded - coded_bytes_) close();
  }

  // Before a step: closes the open chunk if that is nearer to its share now than with the
  // step. Steps are not parted for it: rows of a matrix tell of one another.
  void close_at_share(const Step& step) {
    if (shares_left_ <= 1 || !has_numbers(step) || is_within_whole()) return;
    const uint64_t share = coded_left_ / shares_left_;
    const bool is_worth_it = coded_bytes_ >= share / 2;
    if (is_worth_it && coded_bytes_ + step.result_bytes / 2 >= share) close();
  }

  bool is_within_whole() const {
    return next_ > 0 && whole_[next_ - 1].offset + whole_[next_ - 1].length > made_;
  }

  // Moves as much of `step` into the open chunk as fits, or closes the chunk. Throws
  // Error(internal) for a step that must stay whole and fits into none.
  void take(Step* step) {
    const bool is_copy = step->kind == StepKind::copy;
    uint64_t room = kMaxChunkResult - result_bytes_;
    if (!is_copy) room = std::min(room, kMaxChunkCoded - coded_bytes_);
    if (is_permuted(*step)) room = std::min(room, permuted_room(*step));
    uint64_t length = std::min(step->result_bytes, room);
    if (length < step->result_bytes)
      length = whole_rows(*step, length - length % unit_bytes(*step));
    // Where the rest of a byte-wise prediction would go on is known only to its cursor;
    // such steps are short, so they go into the next chunk whole.
    const bool is_whole = may_end_early(*step);
    if (is_whole && length < step->result_bytes) length = 0;
    if (length == 0 || open_.size() == kMaxChunkSteps) {
      if (open_.empty()) throw Error(Status::internal, "a step is too long for a chunk");
      close();
      return;
    }
    made_ += length;
    result_bytes_ += length;
    coded_bytes_ += is_copy ? 0 : length;
    permuted_ += is_permuted(*step) ? 1 : 0;
    const bool is_cut = length < step->result_bytes;
    open_.push_back(split_off(step, length));
    picks_ += open_.back().picks.size();
    if (is_cut) close();  // less than a row may have fitted yet
  }

  // How many bytes of a permuted step the open chunk may have, by the picks that they need.
  uint64_t permuted_room(const Step& step) const {
    if (permuted_ == kMaxChunkPermuted) return 0;
    return bytes_with_picks(step, kMaxChunkPicks - picks_);
  }

  void close() {
    drop_lost_sources(&open_);
    if (!open_.empty()) add(made_ - result_bytes_, std::move(open_));
    open_.clear();
    coded_left_ -= coded_bytes_;
    shares_left_ -= shares_left_ > 1 ? 1 : 0;
    result_bytes_ = coded_bytes_ = permuted_ = picks_ = 0;
  }

  // Keeps those alone that are made again: where columns have moved, each chunk has all of
  // their picks.
  void add(uint64_t begin, std::vector<Step> chunk) {
    visit_(chunk);
    const auto has_begin = [&](const Twin& twin) {
      return begin >= twin.first && begin - twin.first < twin.length;
    };
    begins_.push_back(begin);
    chunks_.emplace_back();
    if (std::ranges::any_of(twins_, has_begin)) chunks_.back() = std::move(chunk);
  }

  const ChunkVisitor& visit_;
  const std::vector<ByteRange>& whole_;
  size_t next_ = 0;  // of whole_
  std::vector<Twin> twins_;
  std::vector<uint64_t> cuts_;  // where no chunk goes on
  size_t next_twin_ = 0;
  uint64_t repeated_to_ = 0;
  std::vector<std::vector<Step>> chunks_;  // empty but for those that are made again
  std::vector<uint64_t> begins_;           // in the result, by chunk
  std::vector<Step> open_;
  uint64_t made_ = 0;  // of all chunks
  uint64_t result_bytes_ = 0;
  uint64_t coded_bytes_ = 0;
  uint64_t permuted_ = 0;  // steps
  uint64_t picks_ = 0;     // of these
  uint64_t coded_left_;    // from the beginning of the open chunk
  uint64_t shares_left_;
};

// How many chunks there shall be, 0 for as few as there can. Models of a megabyte or so
// would be one chunk, or one and little more: other processors would have nothing to do.
uint64_t even_chunks(const std::vector<Step>& steps) {
  constexpr uint64_t kWorthParting = kMaxChunkCoded / 4 * 3;
  const uint64_t coded = coded_bytes(steps);
  if (coded < kWorthParting || coded > 4 * kMaxChunkCoded) return 0;
  return coded > 2 * kMaxChunkCoded ? 4 : 2;
}

}  // namespace

void for_each_chunk(std::vector<Step> steps, const std::vector<ByteRange>& whole,
                    Chunks chunks, std::vector<Twin> twins, const ChunkVisitor& visit) {
  if (!twins.empty()) {
    twins = trimmed(std::move(twins), steps);
    steps = part_steps(std::move(steps), ends_of(twins));
  }
  const uint64_t shares = chunks == Chunks::even ? even_chunks(steps) : 0;
  Chunker chunker(steps, whole, with_ends(std::move(twins), steps), shares, visit);
  chunker.run(std::move(steps));
}

}  // namespace mallorn::delta
