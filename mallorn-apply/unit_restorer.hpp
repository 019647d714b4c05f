// Brings the old bytes back that the units of an update in place have overwritten.
#pragma once

#include <string>

#include "mallorn-apply/journal_file.hpp"

namespace mallorn::apply {

// For all units that are in `model`, which must have the journal's last batch: batch by
// batch to the journal, and from there to the model. `name` is for messages. Throws
// Error(malformed, corrupt_data, check_mismatch) for undo records that are damaged, or were
// made for other bytes.
void restore_units(JournalFile& journal, const Fd& model, const std::string& name);

}  // namespace mallorn::apply
