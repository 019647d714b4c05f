#include "mallorn-apply/in_place.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "libcommon/error.hpp"
#include "mallorn-apply/in_place_plan.hpp"
#include "mallorn-apply/interruption.hpp"
#include "mallorn-apply/result_writer.hpp"
#include "mallorn-apply/unit_writer.hpp"

namespace mallorn::apply {
namespace {

constexpr size_t kWindowBytes = 1u << 20;

class UpdateInPlace {
 public:
  UpdateInPlace(const std::string& model, const Fd& patch, const std::string& patch_name,
                const OptionsFor& options_for)
      : name_(model), patch_{patch, patch_name}, model_(model) {
    const PatchReader reader = reread();
    outcome_.front = reader.front();
    options_ = options_for(reader);
  }

  UpdatedInPlace run() {
    std::optional<JournalFile> journal = JournalFile::open(journal_name(name_));
    if (journal && !is_half_way()) {
      // The model is whole: nothing hangs on the journal, once the disk has the model.
      journal->require_begun();
      model_.sync();
      journal->remove();
      journal.reset();
    } else if (journal) {
      take_up(*journal);
    }
    if (!journal) journal = begin();
    if (journal) finish(*journal);
    return std::move(outcome_);
  }

 private:
  bool is_half_way() const;
  void load(JournalFile& journal) const;
  std::string start_over() const;
  void take_up(JournalFile& journal);
  std::optional<JournalFile> begin();
  JournalPlan try_out();
  void write_whole_result(JournalFile& journal);
  void finish(JournalFile& journal);
  void end_model();
  PatchReader reread() const;
  const PatchHeader& header() const { return outcome_.front.header; }

  std::string name_;
  PatchFile patch_;
  ModelFile model_;
  RebuildOptions options_;
  UpdatedInPlace outcome_;
};

PatchReader UpdateInPlace::reread() const {
  if (::lseek(patch_.fd.get(), 0, SEEK_SET) != 0) {
    throw Error(Status::io, patch_.name + ": " + std::strerror(errno));
  }
  return {patch_.fd.get(), patch_.name};
}

bool UpdateInPlace::is_half_way() const {
  return !model_.holds(header().base_bytes, header().base_digest) &&
         !model_.holds(header().result_bytes, header().result_digest);
}

void UpdateInPlace::load(JournalFile& journal) const {
  try {
    journal.load();
  } catch (const Error& error) {
    throw Error(error.status(), error.what(), start_over());
  }
}

std::string UpdateInPlace::start_over() const {
  return "get the old model again, remove " + journal_name(name_) + ", and start over";
}

// A journal that is trusted to have seen the model as its base: what it names is checked,
// and at the end the digest of the model.
void UpdateInPlace::take_up(JournalFile& journal) {
  const std::string hint = "finish it first, with the patch that it was begun with; see " +
                           std::string("mallorn-apply(1), --in-place");
  load(journal);
  const JournalHead& head = journal.head();
  if (head.patch_digest != sha256(outcome_.front.header_bytes)) {
    throw Error(Status::base_mismatch, name_ + ": is half updated, by another patch", hint);
  }
  if (head.base_bytes != header().base_bytes ||
      head.result_bytes != header().result_bytes || journal.batch().sequence == 0) {
    throw Error(Status::base_mismatch, name_ + ": is not what its journal was made for");
  }
  PatchReader reader = reread();
  if (has_lite_body(header())) {
    std::vector<uint8_t> piece(kWindowBytes);
    while (reader.next_bytes(piece) != 0) {
    }
  } else {
    std::vector<uint8_t> record;
    while (reader.next(&record)) {
    }
  }
  journal.write_batch_again();
  outcome_.resumed_at = journal.batch().units_done;
}

// Tries the patch out and makes the journal; none if there is nothing to do.
std::optional<JournalFile> UpdateInPlace::begin() {
  JournalPlan plan;
  try {
    plan = try_out();
  } catch (const Error& error) {
    if (error.status() != Status::base_mismatch ||
        !model_.holds(header().result_bytes, header().result_digest)) {
      throw;
    }
    outcome_.was_new = true;
    return std::nullopt;
  }
  const bool is_whole = plan.units.empty() && plan.batch_bytes != 0;
  const MappedFile base(model_.fd(), name_);
  JournalFile journal(journal_name(name_), plan, base.bytes());
  try {
    model_.reserve(header().base_bytes, header().result_bytes);
    if (is_whole) write_whole_result(journal);
  } catch (...) {
    journal.remove();  // the model has not been touched, but for room behind its end
    model_.set_length(header().base_bytes);
    throw;
  }
  return journal;
}

JournalPlan UpdateInPlace::try_out() {
  PatchReader reader = reread();
  const MappedFile base(model_.fd(), name_);
  PlanMaker maker(base.bytes(), patch_.name);
  RebuildOptions options = options_;
  options.on_chunk = [&](const DecodedChunk& decoded) { maker.add(decoded); };
  const Rebuilt rebuilt = rebuild(reader, base, nullptr, options);
  outcome_.spent = rebuilt.spent;
  const uint64_t result_bytes = header().result_bytes;
  JournalPlan plan = maker.finish(batch_bytes_for(result_bytes));
  if (!rebuilt.has_chunks && result_bytes != 0) {
    plan.batch_bytes =
        result_bytes + 2 * kPieceHeadBytes * (result_bytes / kMinPassedOn + 1);
    plan.has_one_batch = true;
  }
  plan.patch_digest = sha256(outcome_.front.header_bytes);
  plan.result_bytes = result_bytes;
  return plan;
}

// A patch without chunks: the result is in the journal before any of it is in the model.
void UpdateInPlace::write_whole_result(JournalFile& journal) {
  PatchReader reader = reread();
  const MappedFile base(model_.fd(), name_);
  uint64_t offset = 0;
  RebuildOptions options = options_;
  options.on_bytes = [&](ByteView bytes) {
    journal.add(offset, bytes);
    offset += bytes.size();
  };
  (void)rebuild(reader, base, nullptr, options);
  journal.commit(0);
}

void UpdateInPlace::finish(JournalFile& journal) {
  outcome_.units = journal.head().unit_count;
  outcome_.stash_bytes = journal.head().stash_bytes;
  outcome_.journal_bytes = journal.head().file_bytes();
  end_resumably_on_signals(name_);
  try {
    if (journal.batch().sequence != 0) journal.replay(model_.fd().get(), name_);
    write_units(journal, model_, patch_, options_);
    end_model();
    journal.remove();
  } catch (const Error& error) {
    if (!may_pass(error.status())) throw;
    throw Error(Status::interrupted, error.what(), kGoOn);
  } catch (const std::bad_alloc&) {
    throw Error(Status::interrupted, name_ + ": out of memory", kGoOn);
  }
}

void UpdateInPlace::end_model() {
  model_.set_length(header().result_bytes);
  model_.sync();
  if (!model_.holds(header().result_bytes, header().result_digest)) {
    throw Error(Status::result_mismatch,
                name_ + ": what is on the disk is not what the patch's header promises",
                start_over());
  }
}

}  // namespace

UpdatedInPlace update_in_place(const std::string& model, const Fd& patch,
                               const std::string& patch_name,
                               const OptionsFor& options_for) {
  return UpdateInPlace(model, patch, patch_name, options_for).run();
}

}  // namespace mallorn::apply
