#include "mallorn-apply/commands.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "libcommon/error.hpp"
#include "libcommon/output.hpp"
#include "libcommon/release_state.hpp"
#include "libcommon/text.hpp"
#include "mallorn-apply/in_place.hpp"
#include "mallorn-apply/info.hpp"
#include "mallorn-apply/journal_file.hpp"
#include "mallorn-apply/memory.hpp"
#include "mallorn-apply/resume.hpp"
#include "mallorn-apply/tensor_table.hpp"

namespace mallorn::apply {
namespace {

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

// Refuses, before anything is decoded, a patch that needs more memory than it may have,
// beside `extra`.
RebuildOptions options_for(const Arguments& arguments, const PatchReader& patch,
                           uint64_t extra = 0) {
  unsigned threads = arguments.common.threads;
  if (const uint64_t limit = arguments.memory_bytes; limit != 0) {
    threads = threads_within(limit, patch.header(), threads, patch.name(), extra);
    limit_memory(limit);
  }
  return {threads, !arguments.common.is_quiet, is_set("MALLORN_PORTABLE")};
}

// The same for an update in place, which needs somewhat more.
UpdateOptions update_options_for(const Arguments& arguments, const PatchReader& patch) {
  UpdateOptions options;
  options.has_undo = !arguments.is_without_undo;
  const uint64_t undo = options.has_undo ? needed_for_undo() : 0;
  const uint64_t plan = needed_for_plan(patch.header());
  options.rebuild = options_for(arguments, patch, undo + plan);
  if (const uint64_t limit = arguments.memory_bytes; limit != 0) {
    options.plan_bytes =
        limit - undo - needed_memory(patch.header(), options.rebuild.threads);
  }
  return options;
}

// The state file, if there is to be one. What is wrong with it shows before the work.
std::optional<ReleaseUpdate> open_state(const Arguments& arguments) {
  if (arguments.state.empty()) return std::nullopt;
  return std::optional<ReleaseUpdate>(std::in_place, arguments.state);
}

ByteView model_id_of(const PatchHeader& header) {
  return ByteView(header.model_id).first(header.model_id_bytes);
}

// What goes for all ways to apply a patch, at the end.
void tell(const Arguments& arguments, const std::string& patch, const PatchFront& front,
          const std::vector<SpentOn>& spent) {
  if (!front.signatures.empty() && !arguments.is_checked && !arguments.common.is_quiet) {
    print_message("note", patch + ": is signed, and nobody has checked the signature");
  }
  if (!arguments.common.is_verbose) return;
  for (const SpentOn& each : spent) print_message("note", to_text(each));
  print_message("note", with_commas(front.header.result_bytes) + " bytes, sha256 " +
                            to_hex(front.header.result_digest));
}

// `input`, or a copy of it if it is not a file that can be read again and at any place.
Fd rereadable(const Input& input) {
  struct stat info {};
  if (input.is_named() && ::fstat(input.fd(), &info) == 0 && S_ISREG(info.st_mode)) {
    return open_input(input.name());
  }
  Fd file = make_temporary_file();
  std::vector<uint8_t> window(1u << 20);
  while (const size_t count = read_full(input.fd(), window, input.name())) {
    write_full(file.get(), ByteView(window).first(count), temporary_file_name());
  }
  return file;
}

void tell_undone(const Arguments& arguments, const UpdatedInPlace& done) {
  if (!arguments.common.is_verbose) return;
  print_message("note", done.was_done ? arguments.files[0] + ": is the old model already"
                                      : with_commas(done.resumed_at) + " of " +
                                            with_commas(done.units) + " pieces taken back");
}

void print_info(const PatchInfo& info, const Arguments& arguments) {
  const std::string text = arguments.as_json
                               ? info_to_json(info)
                               : info_to_text(info, arguments.common.is_verbose);
  print_text(text);
}

int make_new_in_place(const Arguments& arguments) {
  const std::string& model = arguments.files[0];
  const Input input(arguments.patch());
  if ((input.is_named() && is_same_file(model, input.name())) ||
      is_same_file(model, arguments.state)) {
    throw Error(Status::usage, model + ": is to be updated, and is another input as well");
  }
  const std::string journal = journal_name(model);
  if ((input.is_named() && is_same_file(journal, input.name())) ||
      is_same_file(journal, arguments.state)) {
    throw Error(Status::usage, journal + ": is an input, and the name of the journal");
  }
  const Fd patch = rereadable(input);
  if (arguments.undoes) {
    if (const uint64_t limit = arguments.memory_bytes; limit != 0) {
      const PatchReader reader(patch.get(), input.name());
      require_within(limit, needed_to_go_back(reader.header()), input.name());
      limit_memory(limit);
    }
    tell_undone(arguments, undo_in_place(model, patch, input.name()));
    return 0;
  }
  std::optional<ReleaseUpdate> state = open_state(arguments);
  const UpdatedInPlace done =
      update_in_place(model, patch, input.name(), [&](const PatchReader& reader) {
        const PatchHeader& header = reader.header();
        if (state) state->allow(model_id_of(header), header.release, reader.name());
        return update_options_for(arguments, reader);
      });
  if (state) {
    const PatchHeader& header = done.front.header;
    state->prepare(model_id_of(header), header.release, input.name());
    state->commit();
  }
  if (arguments.common.is_verbose) {
    print_message("note",
                  done.was_done
                      ? model + ": is the new model already"
                      : with_commas(done.units) + " pieces, of which " +
                            with_commas(done.resumed_at) + " were done before; journal " +
                            with_commas(done.journal_bytes) + " bytes, of which old ones " +
                            with_commas(done.stash_bytes) + ", for the way back " +
                            with_commas(done.undo_bytes));
  }
  tell(arguments, input.name(), done.front, done.spent);
  return 0;
}

int make_new(const Arguments& arguments) {
  const std::string& base_path = arguments.files[0];
  const MappedFile base(base_path);
  const Input input(arguments.patch());
  const std::string& target = arguments.output;
  if (!target.empty() && (is_same_file(base_path, target) ||
                          (input.is_named() && is_same_file(input.name(), target)) ||
                          is_same_name(arguments.state, target))) {
    throw Error(Status::usage, target + ": is an input as well as the output");
  }
  std::unique_ptr<Output> output;
  const auto open_output = [&](Output::Leftovers leftovers) {
    output =
        std::make_unique<Output>(arguments.output, arguments.is_forced, 0666, leftovers);
  };
  if (!arguments.only_verifies && !arguments.resumes) {
    open_output(Output::Leftovers::remove);
  }
  PatchReader patch(input.fd(), input.name());
  RebuildOptions options = options_for(arguments, patch);
  // Not before: in a pipe, mallorn-sign has read the state by now, and said what is wrong.
  std::optional<ReleaseUpdate> state = open_state(arguments);
  if (state) {
    const PatchHeader& header = patch.header();
    state->allow(model_id_of(header), header.release, patch.name());
    options.before_commit = [&] {
      state->prepare(model_id_of(header), header.release, patch.name());
    };
  }
  // Not before: what has been left is not to be lost to a mistake in the command.
  if (arguments.resumes) open_output(Output::Leftovers::adopt);
  const Rebuilt rebuilt = arguments.resumes
                              ? rebuild_resumably(patch, base, *output, options)
                              : rebuild(patch, base, output.get(), options);
  if (state) state->commit();
  if (arguments.common.is_verbose && rebuilt.resumed_at != 0) {
    print_message("note", "resumed at byte " + with_commas(rebuilt.resumed_at));
  }
  tell(arguments, input.name(), patch.front(), rebuilt.spent);
  return 0;
}

bool is_patch(const std::string& path) {
  std::array<uint8_t, kPatchMagic.size()> bytes{};
  const Fd file = open_input(path);
  return read_full(file.get(), bytes, path) == bytes.size() &&
         memcmp(bytes.data(), kPatchMagic.data(), bytes.size()) == 0;
}

// Does what takes a base and a patch, and notices if they have changed places.
int in_order(const Arguments& arguments, int (*work)(const Arguments&)) {
  try {
    return work(arguments);
  } catch (const Error& error) {
    const std::string& base = arguments.files[0];
    if (error.status() != Status::bad_magic || !is_patch(base)) throw;
    throw Error(error.status(), error.what(),
                base + " is a patch: the old model comes before it");
  }
}

}  // namespace

int show_info(const Arguments& arguments) {
  const Input input(arguments.patch());
  if (arguments.base.empty()) {
    PatchReader patch(input.fd(), input.name());
    print_info(read_info(patch), arguments);
    return 0;
  }
  const Fd file = rereadable(input);
  PatchReader patch(file.get(), input.name());
  const PatchInfo info = read_info(patch);
  const std::string table =
      tensor_table(file, input.name(), arguments.base, options_for(arguments, patch));
  print_info(info, arguments);
  print_text("\n" + table);
  return 0;
}

int update_in_place(const Arguments& arguments) {
  return in_order(arguments, make_new_in_place);
}

int apply_patch(const Arguments& arguments) { return in_order(arguments, make_new); }

int verify_patch(const Arguments& arguments) {
  try {
    return apply_patch(arguments);
  } catch (const Error& error) {
    const int code = exit_code(error.status());
    if (code != exit_code(Status::malformed) && code != exit_code(Status::base_mismatch))
      throw;
    print_message("no",
                  std::string(error.what()) + " [" + status_name(error.status()) + "]");
    if (!error.hint().empty()) print_message("hint", error.hint());
    return 1;
  }
}

}  // namespace mallorn::apply
