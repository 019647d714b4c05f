#include "mallorn-apply/resume.hpp"

#include <new>
#include <system_error>

#include "libcommon/error.hpp"
#include "mallorn-apply/interruption.hpp"

namespace mallorn::apply {

Rebuilt rebuild_resumably(PatchReader& patch, const MappedFile& base, Output& output,
                          const RebuildOptions& given) {
  end_resumably_on_signals(output.name());
  const bool had_some = output.held_bytes() != 0;
  RebuildOptions options = given;
  options.before_commit = [&] {
    if (given.before_commit) given.before_commit();
    ignore_signals();  // a result that has its name cannot be gone on with
  };
  try {
    return rebuild(patch, base, &output, options);
  } catch (const Error& error) {
    // The right files, next time, may go on with it.
    const bool is_truncated = error.status() == Status::truncated;
    if ((error.status() == Status::base_mismatch || is_truncated) && had_some) {
      output.keep();
    }
    const bool is_cut = is_truncated && patch.is_stream();
    if (!(may_pass(error.status()) || is_cut) || !output.keep()) throw;
    throw Error(Status::interrupted, error.what(), kGoOn);
  } catch (const std::bad_alloc&) {
    if (!output.keep()) throw;
    throw Error(Status::interrupted, "out of memory", kGoOn);
  } catch (const std::system_error&) {  // no thread to be had
    if (!output.keep()) throw;
    throw Error(Status::interrupted, "out of memory", kGoOn);
  }
}

}  // namespace mallorn::apply
