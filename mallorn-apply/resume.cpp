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
  bool is_complete = false;
  options.before_commit = [&] {
    is_complete = true;
    if (given.before_commit) given.before_commit();
    ignore_signals();  // a result that has its name cannot be gone on with
  };
  try {
    return rebuild(patch, base, &output, options);
  } catch (const Error& error) {
    // The right files, next time, may go on with it; and what is all there is not to be
    // made again for want of a name or of the state, but where that refuses it.
    const bool is_truncated = error.status() == Status::truncated;
    const bool is_wrong_file = error.status() == Status::base_mismatch || is_truncated;
    const bool is_refused = error.status() == Status::bad_signature;
    if ((is_wrong_file && had_some) || (is_complete && !is_refused)) output.keep();
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
