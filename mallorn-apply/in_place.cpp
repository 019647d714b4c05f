#include "mallorn-apply/in_place.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "libcommon/error.hpp"
#include "libcommon/part_file.hpp"
#include "mallorn-apply/in_place_plan.hpp"
#include "mallorn-apply/interruption.hpp"
#include "mallorn-apply/result_writer.hpp"
#include "mallorn-apply/unit_restorer.hpp"
#include "mallorn-apply/unit_writer.hpp"

namespace mallorn::apply {
namespace {

class UpdateInPlace {
 public:
  UpdateInPlace(const std::string& model, const Fd& patch, const std::string& patch_name)
      : name_(model), patch_{patch, patch_name}, model_(model) {
    outcome_.front = reread().front();
    // Journals that were not complete when their makers were killed.
    remove_leftovers(folder_of(name_), journal_name(name_));
  }

  UpdatedInPlace run(const OptionsFor& options_for) {
    options_ = options_for(reread());
    std::optional<JournalFile> journal = JournalFile::open(journal_name(name_));
    if (journal && !is_half_way()) {
      drop(*journal);
      journal.reset();
    } else if (journal) {
      take_up(*journal);
      require_body();
      resumably([&] { journal->write_batch_again(); });
      if (journal->batch().is_back) {
        go_back(*journal);
        journal.reset();
      }
    }
    if (!journal) journal = begin();
    if (journal) finish(*journal);
    return std::move(outcome_);
  }

  UpdatedInPlace undo() {
    std::optional<JournalFile> journal = JournalFile::open(journal_name(name_));
    if (is_old()) {
      if (journal) drop(*journal);
      outcome_.was_done = true;
      return std::move(outcome_);
    }
    if (is_new()) {
      if (journal) drop(*journal);
      throw Error(Status::base_mismatch,
                  name_ + ": is the new model already: the update is complete, and final");
    }
    if (!journal) {
      throw Error(Status::base_mismatch,
                  name_ + ": is neither model of this patch, and has no journal");
    }
    take_up(*journal);
    if (!journal->head().has_undo) {
      throw Error(Status::base_mismatch,
                  name_ + ": its update was begun with --no-undo: there is no way back",
                  "finish it: the same command without --undo");
    }
    resumably([&] { journal->write_batch_again(); });
    go_back(*journal);
    return std::move(outcome_);
  }

 private:
  bool is_old() const { return model_.holds(header().base_bytes, header().base_digest); }
  bool is_new() const {
    return model_.holds(header().result_bytes, header().result_digest);
  }
  bool is_half_way() const { return !is_old() && !is_new(); }
  template <typename Work>
  void resumably(Work work);
  void drop(JournalFile& journal) const;
  void load(JournalFile& journal) const;
  std::string start_over() const;
  void take_up(JournalFile& journal);
  void require_body() const;
  std::optional<JournalFile> begin();
  JournalPlan try_out(JournalMaker& maker);
  JournalFile make_journal(JournalMaker& maker, const JournalPlan& plan);
  void note(const JournalHead& head);
  void write_whole_result(JournalFile& journal);
  void finish(JournalFile& journal);
  void go_back(JournalFile& journal);
  void end_model(uint64_t length, const std::array<uint8_t, kDigestBytes>& digest,
                 const std::string& hint);
  PatchReader reread() const;
  const PatchHeader& header() const { return outcome_.front.header; }

  std::string name_;
  PatchFile patch_;
  ModelFile model_;
  UpdateOptions options_;
  bool is_resumable_ = false;  // what happens now can be gone on with
  UpdatedInPlace outcome_;
};

// Does what can be taken up again where it stopped.
template <typename Work>
void UpdateInPlace::resumably(Work work) {
  if (!is_resumable_) end_resumably_on_signals(name_);
  is_resumable_ = true;
  try {
    work();
  } catch (const Error& error) {
    if (!may_pass(error.status())) throw;
    throw Error(Status::interrupted, error.what(), kGoOn);
  } catch (const std::bad_alloc&) {
    throw Error(Status::interrupted, name_ + ": out of memory", kGoOn);
  }
}

// The model is whole: nothing hangs on the journal, once the disk has the model.
void UpdateInPlace::drop(JournalFile& journal) const {
  journal.require_journal();
  model_.sync();
  journal.remove();
}

PatchReader UpdateInPlace::reread() const {
  if (::lseek(patch_.fd.get(), 0, SEEK_SET) != 0) {
    throw Error(Status::io, patch_.name + ": " + std::strerror(errno));
  }
  return {patch_.fd.get(), patch_.name};
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
  outcome_.resumed_at = journal.batch().units_done;
  note(head);
}

// What is read of the patch from now on is what its header names.
void UpdateInPlace::require_body() const {
  PatchReader reader = reread();
  if (has_lite_body(header())) {
    std::vector<uint8_t> piece(kJournalWindowBytes);
    while (reader.next_bytes(piece) != 0) {
    }
  } else {
    std::vector<uint8_t> record;
    while (reader.next(&record)) {
    }
  }
}

// Tries the patch out and makes the journal; none if there is nothing to do.
std::optional<JournalFile> UpdateInPlace::begin() {
  JournalMaker maker(journal_name(name_));
  try {
    return make_journal(maker, try_out(maker));
  } catch (const Error& error) {
    if (error.status() == Status::base_mismatch && is_new()) {
      outcome_.was_done = true;
      return std::nullopt;
    }
    if (error.status() != Status::no_space || !options_.has_undo) throw;
    throw Error(error.status(), error.what(), "--no-undo takes less room");
  }
}

JournalFile UpdateInPlace::make_journal(JournalMaker& maker, const JournalPlan& plan) {
  const MappedFile base(model_.fd(), name_);
  try {
    JournalFile journal = maker.make(plan, base.bytes());
    model_.reserve(header().base_bytes, header().result_bytes);
    const bool is_whole = !plan.units.empty() && plan.units[0].kind == UnitKind::part;
    if (is_whole) write_whole_result(journal);
    maker.publish(journal);
    note(journal.head());
    return journal;
  } catch (...) {
    // The model has not been touched, but for room behind its end.
    model_.set_length(header().base_bytes);
    throw;
  }
}

void UpdateInPlace::note(const JournalHead& head) {
  outcome_.units = head.unit_count;
  outcome_.stash_bytes = head.stash_bytes;
  outcome_.undo_bytes = head.undo_bytes;
}

JournalPlan UpdateInPlace::try_out(JournalMaker& maker) {
  PatchReader reader = reread();
  const MappedFile base(model_.fd(), name_);
  std::optional<UndoWriter> undo;
  if (options_.has_undo) {
    undo.emplace(base.bytes(), [&](ByteView record) { return maker.add_undo(record); });
  }
  PlanMaker plan_maker(base.bytes(), patch_.name, undo ? &*undo : nullptr,
                       options_.plan_bytes);
  RebuildOptions options = options_.rebuild;
  options.on_chunk = [&](const DecodedChunk& decoded) { plan_maker.add(decoded); };
  uint64_t offset = 0;
  options.on_bytes = [&](ByteView bytes, bool has_chunks) {
    if (has_chunks) return;  // on_chunk tells of them
    plan_maker.add_part(offset, bytes);
    offset += bytes.size();
  };
  outcome_.spent = rebuild(reader, base, nullptr, options).spent;
  JournalPlan plan = plan_maker.finish(batch_bytes_for(header().result_bytes));
  plan.patch_digest = sha256(outcome_.front.header_bytes);
  plan.result_bytes = header().result_bytes;
  return plan;
}

// A patch without chunks: the result is in the journal before any of it is in the model.
void UpdateInPlace::write_whole_result(JournalFile& journal) {
  PatchReader reader = reread();
  const MappedFile base(model_.fd(), name_);
  uint64_t offset = 0;
  RebuildOptions options = options_.rebuild;
  options.on_bytes = [&](ByteView bytes, bool) {
    if (!PlanMaker::is_in_place(base.bytes(), offset, bytes)) journal.add(offset, bytes);
    offset += bytes.size();
  };
  (void)rebuild(reader, base, nullptr, options);
  journal.commit(journal.head().unit_count);
}

void UpdateInPlace::finish(JournalFile& journal) {
  resumably([&] {
    if (journal.batch().sequence != 0) journal.replay(model_.fd().get(), name_);
    write_units(journal, model_, patch_, options_.rebuild);
    end_model(header().result_bytes, header().result_digest,
              journal.head().has_undo ? "--undo gives the old model back" : start_over());
    outcome_.journal_bytes = journal.taken_bytes();
    journal.remove();
  });
}

void UpdateInPlace::go_back(JournalFile& journal) {
  resumably([&] {
    journal.replay(model_.fd().get(), name_);
    restore_units(journal, model_.fd(), name_);
    end_model(header().base_bytes, header().base_digest, start_over());
    journal.remove();
  });
}

// The length has the last word: as long as the digest is not right, nothing is cut off.
void UpdateInPlace::end_model(uint64_t length,
                              const std::array<uint8_t, kDigestBytes>& digest,
                              const std::string& hint) {
  if (!model_.begins_with(length, digest)) {
    throw Error(Status::result_mismatch,
                name_ + ": what is on the disk is not what the patch's header promises",
                hint);
  }
  model_.set_length(length);
  model_.sync();
}

}  // namespace

UpdatedInPlace update_in_place(const std::string& model, const Fd& patch,
                               const std::string& patch_name,
                               const OptionsFor& options_for) {
  return UpdateInPlace(model, patch, patch_name).run(options_for);
}

UpdatedInPlace undo_in_place(const std::string& model, const Fd& patch,
                             const std::string& patch_name) {
  return UpdateInPlace(model, patch, patch_name).undo();
}

}  // namespace mallorn::apply
