#include "mallorn-apply/unit_writer.hpp"

#include <algorithm>

#include "libcommon/error.hpp"
#include "libcommon/fast_crc32c.hpp"
#include "libcommon/ordered_pool.hpp"
#include "mallorn-apply/chunk_record.hpp"
#include "mallorn-apply/chunk_units.hpp"
#include "mallorn-apply/in_place_plan.hpp"

namespace mallorn::apply {
namespace {

struct UnitJob {
  JournalUnit unit;
  ChunkJob chunk;
};

struct MadeUnit {
  JournalUnit unit;
  DecodedChunk chunk;
};

UnitJob read_job(const PatchFile& patch, const JournalUnit& unit) {
  if (unit.kind == UnitKind::copy) return {unit, {}};
  if (unit.kind == UnitKind::part) {
    throw Error(Status::malformed, patch.name + ": the journal lacks a part of the result");
  }
  const auto read = [&](uint64_t offset, uint64_t end) {
    return read_record_at(patch.fd.get(), offset, end, patch.name);
  };
  return {unit,
          chunk_of(read(unit.source, UINT64_MAX).bytes, unit.source, unit.result_offset,
                   read, patch.name + ": byte " + std::to_string(unit.source))};
}

void add_unit(JournalFile& journal, const ModelFile& model, const MadeUnit& made,
              ByteView base) {
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
              model.name() + ": result byte " + std::to_string(unit.result_offset) +
                  ": is made otherwise than when the patch was tried out");
}

}  // namespace

uint64_t batch_bytes_for(uint64_t result_bytes) {
  return std::clamp<uint64_t>(result_bytes / 16, 64 * 1024, 8u << 20);
}

void write_units(JournalFile& journal, const ModelFile& model, const PatchFile& patch,
                 const RebuildOptions& options) {
  const std::vector<JournalUnit>& units = journal.units();
  BaseView base(model.fd(), journal.head().base_bytes, model.name());
  journal.show_stash(&base);
  const uint64_t batch_bytes = batch_bytes_for(journal.head().result_bytes);
  ChunkDecoders decoders(options.is_portable);
  OrderedPool<UnitJob, MadeUnit> pool(options.threads, [&](UnitJob&& job) {
    if (job.unit.kind == UnitKind::copy) return MadeUnit{job.unit, {}};
    return MadeUnit{job.unit, decoders.decode(job.chunk, base.bytes())};
  });
  uint64_t next = journal.batch().units_done;
  uint64_t done = next;
  const auto make = [&]() -> std::optional<UnitJob> {
    if (next == units.size()) return std::nullopt;
    return read_job(patch, units[static_cast<size_t>(next++)]);
  };
  pool.run(make, [&](MadeUnit&& made) {
    add_unit(journal, model, made, base.bytes());
    if (made.chunk.workspace) decoders.give_back(std::move(made.chunk.workspace));
    ++done;
    if (!is_full(journal.added_bytes(), batch_bytes) && done != units.size()) return;
    journal.commit(done);
    journal.replay(model.fd().get(), model.name());
    base.release();
  });
}

}  // namespace mallorn::apply
