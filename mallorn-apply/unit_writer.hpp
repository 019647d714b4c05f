// Makes the units of an update in place and writes them, batch by batch, to the journal and
// from there to the model.
#pragma once

#include "mallorn-apply/journal_file.hpp"
#include "mallorn-apply/model_file.hpp"
#include "mallorn-apply/rebuild.hpp"

namespace mallorn::apply {

// How much is written at a time, at least.
uint64_t batch_bytes_for(uint64_t result_bytes);

// A patch that can be read at any place.
struct PatchFile {
  const Fd& fd;
  std::string name;
};

// From the unit behind the journal's last batch, which is in the model, on. Throws
// Error(check_mismatch) for a unit that is made otherwise than the journal has it; nothing
// of it is written then.
void write_units(JournalFile& journal, const ModelFile& model, const PatchFile& patch,
                 const RebuildOptions& options);

}  // namespace mallorn::apply
