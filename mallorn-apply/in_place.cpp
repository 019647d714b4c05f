#include "mallorn-apply/in_place.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "libcommon/error.hpp"
#include "libcommon/fast_crc32c.hpp"
#include "libcommon/ordered_pool.hpp"
#include "mallorn-apply/in_place_plan.hpp"
#include "mallorn-apply/interruption.hpp"
#include "mallorn-apply/result_writer.hpp"

namespace mallorn::apply {
namespace {

constexpr size_t kWindowBytes = 1u << 20;

// How much is written to the journal, and then to the model, at a time.
uint64_t batch_bytes_for(uint64_t result_bytes) {
  return std::clamp<uint64_t>(result_bytes / 16, 64 * 1024, 8u << 20);
}

struct UnitJob {
  JournalUnit unit;
  ChunkJob chunk;
};

struct MadeUnit {
  JournalUnit unit;
  DecodedChunk chunk;
};

class UpdateInPlace {
 public:
  UpdateInPlace(const std::string& model, const Fd& patch, const std::string& patch_name,
                const OptionsFor& options_for)
      : name_(model), patch_(patch), patch_name_(patch_name), model_(open_model(model)) {
    const PatchReader reader = reread();
    outcome_.front = reader.front();
    options_ = options_for(reader);
  }

  UpdatedInPlace run() {
    std::optional<JournalFile> journal = JournalFile::open(journal_name(name_));
    if (journal && !is_half_way()) {
      // The model is whole: nothing hangs on the journal, once the disk has the model.
      sync_file(model_.get(), name_);
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
  static Fd open_model(const std::string& name);
  Digest digest_of_model() const;
  bool holds(uint64_t length, const std::array<uint8_t, kDigestBytes>& digest) const;
  bool is_half_way() const;
  void take_up(JournalFile& journal);
  std::optional<JournalFile> begin();
  JournalPlan try_out();
  void reserve_growth() const;
  void write_whole_result(JournalFile& journal);
  void finish(JournalFile& journal);
  void write_units(JournalFile& journal);
  void add_unit(JournalFile& journal, const MadeUnit& made, ByteView base);
  UnitJob read_job(const JournalUnit& unit) const;
  void end_model();
  PatchReader reread() const;
  const PatchHeader& header() const { return outcome_.front.header; }

  std::string name_;
  const Fd& patch_;
  std::string patch_name_;
  Fd model_;
  RebuildOptions options_;
  UpdatedInPlace outcome_;
};

// Locked, so that two updates do not meet. A symbolic link or a further name would let the
// journal be beside another name, and change what others take for theirs.
Fd UpdateInPlace::open_model(const std::string& name) {
  Fd fd(::open(name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) {
    throw Error(
        Status::cannot_open,
        name + ": " + (errno == ELOOP ? "is a symbolic link" : std::strerror(errno)));
  }
  if (!S_ISREG(info.st_mode))
    throw Error(Status::cannot_open, name + ": not a regular file");
  if (info.st_nlink != 1) {
    throw Error(Status::cannot_open,
                name + ": has other names, which would change as well");
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw Error(Status::cannot_open, name + ": is being updated by another process");
  }
  return fd;
}

PatchReader UpdateInPlace::reread() const {
  if (::lseek(patch_.get(), 0, SEEK_SET) != 0) {
    throw Error(Status::io, patch_name_ + ": " + std::strerror(errno));
  }
  return {patch_.get(), patch_name_};
}

Digest UpdateInPlace::digest_of_model() const {
  std::vector<uint8_t> window(kWindowBytes);
  Sha256 hash;
  for (uint64_t at = 0;;) {
    const size_t count = read_full_at(model_.get(), at, window, name_);
    if (count == 0) return hash.finish();
    hash.update(ByteView(window).first(count));
    at += count;
  }
}

bool UpdateInPlace::holds(uint64_t length,
                          const std::array<uint8_t, kDigestBytes>& digest) const {
  struct stat info {};
  if (::fstat(model_.get(), &info) != 0) {
    throw Error(Status::io, name_ + ": " + std::strerror(errno));
  }
  return static_cast<uint64_t>(info.st_size) == length && digest_of_model() == digest;
}

bool UpdateInPlace::is_half_way() const {
  return !holds(header().base_bytes, header().base_digest) &&
         !holds(header().result_bytes, header().result_digest);
}

// A journal that is trusted to have seen the model as its base: what it names is checked,
// and at the end the digest of the model.
void UpdateInPlace::take_up(JournalFile& journal) {
  const std::string hint = "finish it first, with the patch that it was begun with; see " +
                           std::string("mallorn-apply(1), --in-place");
  journal.load();
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
        !holds(header().result_bytes, header().result_digest)) {
      throw;
    }
    outcome_.was_new = true;
    return std::nullopt;
  }
  reserve_growth();
  const bool is_whole = plan.units.empty() && plan.batch_bytes != 0;
  const MappedFile base(model_, name_);
  JournalFile journal(journal_name(name_), plan, base.bytes());
  if (!is_whole) return journal;
  try {
    write_whole_result(journal);
  } catch (...) {
    journal.remove();  // the model has not been touched
    throw;
  }
  return journal;
}

JournalPlan UpdateInPlace::try_out() {
  PatchReader reader = reread();
  const MappedFile base(model_, name_);
  PlanMaker maker(base.bytes(), patch_name_);
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

// So that a full disk shows before the model is touched.
void UpdateInPlace::reserve_growth() const {
  const uint64_t base_bytes = header().base_bytes;
  if (header().result_bytes <= base_bytes) return;
  while (::fallocate(model_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(base_bytes),
                     static_cast<off_t>(header().result_bytes - base_bytes)) != 0) {
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP || errno == ENOSYS) return;
    throw Error(errno == EIO ? Status::io : Status::no_space,
                name_ + ": " + std::strerror(errno));
  }
}

// A patch without chunks: the result is in the journal before any of it is in the model.
void UpdateInPlace::write_whole_result(JournalFile& journal) {
  PatchReader reader = reread();
  const MappedFile base(model_, name_);
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
    if (journal.batch().sequence != 0) journal.replay(model_.get(), name_);
    write_units(journal);
    end_model();
    journal.remove();
  } catch (const Error& error) {
    if (!may_pass(error.status())) throw;
    throw Error(Status::interrupted, error.what(), kGoOn);
  } catch (const std::bad_alloc&) {
    throw Error(Status::interrupted, name_ + ": out of memory", kGoOn);
  }
}

void UpdateInPlace::write_units(JournalFile& journal) {
  const std::vector<JournalUnit>& units = journal.units();
  BaseView base(model_, header().base_bytes, name_);
  journal.show_stash(&base);
  const uint64_t batch_bytes = batch_bytes_for(header().result_bytes);
  ChunkDecoders decoders(options_.is_portable);
  OrderedPool<UnitJob, MadeUnit> pool(options_.threads, [&](UnitJob&& job) {
    if (job.unit.kind == UnitKind::copy) return MadeUnit{job.unit, {}};
    return MadeUnit{job.unit, decoders.decode(job.chunk, base.bytes())};
  });
  uint64_t next = journal.batch().units_done;
  uint64_t done = next;
  const auto make = [&]() -> std::optional<UnitJob> {
    if (next == units.size()) return std::nullopt;
    return read_job(units[static_cast<size_t>(next++)]);
  };
  pool.run(make, [&](MadeUnit&& made) {
    add_unit(journal, made, base.bytes());
    if (made.chunk.workspace) decoders.give_back(std::move(made.chunk.workspace));
    ++done;
    if (!is_full(journal.added_bytes(), batch_bytes) && done != units.size()) return;
    journal.commit(done);
    journal.replay(model_.get(), name_);
    base.release();
  });
}

UnitJob UpdateInPlace::read_job(const JournalUnit& unit) const {
  UnitJob job{unit, {}};
  if (unit.kind == UnitKind::copy) return job;
  std::array<uint8_t, kMaxVarintBytes> head{};
  const size_t count = read_full_at(patch_.get(), unit.source, head, patch_name_);
  ByteReader reader(ByteView(head).first(count));
  const uint64_t length = reader.varint();
  if (!reader.ok() || length < 2 || length > kMaxRecordBytes) {
    throw Error(Status::malformed, patch_name_ + ": byte " + std::to_string(unit.source) +
                                       ": no chunk is here");
  }
  job.chunk.record.resize(static_cast<size_t>(length) - 1);  // without its kind
  const uint64_t begin = unit.source + reader.offset() + 1;
  if (read_full_at(patch_.get(), begin, job.chunk.record, patch_name_) <
      job.chunk.record.size()) {
    throw Error(Status::truncated, patch_name_ + ": patch ends too early");
  }
  job.chunk.result_offset = unit.result_offset;
  job.chunk.result_bytes = unit.result_bytes;
  return job;
}

void UpdateInPlace::add_unit(JournalFile& journal, const MadeUnit& made, ByteView base) {
  const JournalUnit& unit = made.unit;
  uint32_t check = 0;
  const auto add = [&](uint64_t offset, ByteView bytes) {
    check = fast_crc32c(check, bytes);
    journal.add(offset, bytes);
  };
  Status status = Status::ok;
  if (unit.kind == UnitKind::copy) {
    add(unit.result_offset, base.subspan(static_cast<size_t>(unit.source),
                                         static_cast<size_t>(unit.result_bytes)));
  } else if (status = made.chunk.status; status == Status::ok) {
    for_each_own_piece(made.chunk.workspace->chunk, unit.result_offset, base, add);
  }
  if (status == Status::ok && check == unit.check) return;
  throw Error(status == Status::ok ? Status::check_mismatch : status,
              name_ + ": result byte " + std::to_string(unit.result_offset) +
                  ": is made otherwise than when the patch was tried out");
}

void UpdateInPlace::end_model() {
  if (::ftruncate(model_.get(), static_cast<off_t>(header().result_bytes)) != 0) {
    throw Error(Status::io, name_ + ": " + std::strerror(errno));
  }
  sync_file(model_.get(), name_);
  if (!holds(header().result_bytes, header().result_digest)) {
    throw Error(Status::result_mismatch,
                name_ + ": what is on the disk is not what the patch's header promises");
  }
}

}  // namespace

UpdatedInPlace update_in_place(const std::string& model, const Fd& patch,
                               const std::string& patch_name,
                               const OptionsFor& options_for) {
  return UpdateInPlace(model, patch, patch_name, options_for).run();
}

}  // namespace mallorn::apply
