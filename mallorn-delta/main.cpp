// mallorn-delta: base model stream + result model -> delta stream.
#include <unistd.h>

#include <algorithm>

#include "libcommon/core/patch_format.hpp"
#include "libcommon/error.hpp"
#include "libcommon/parse_process.hpp"
#include "libcommon/passed_pages.hpp"
#include "libcommon/reader_watch.hpp"
#include "libcommon/stream.hpp"
#include "mallorn-delta/arguments.hpp"
#include "mallorn-delta/explain.hpp"

namespace {

using namespace mallorn;

constexpr Program kProgram = {
    "mallorn-delta",
    R"(usage: mallorn-parse BASE | mallorn-delta [OPTION...] RESULT

Finds out how the new model (RESULT) follows from the old one, whose model
stream is on standard input, and writes a delta stream for mallorn-pack.
RESULT is a model file, which mallorn-parse is run on, or a model stream.

      --by-reference  name both files in the stream instead of carrying their
                      bytes; mallorn-pack must see the same files
      --explain       say on standard error, for each tensor, what it was
                      matched to, how it is made, what that roughly costs
      --notes         say in the stream what each tensor is and was matched to,
                      for mallorn-pack --explain
      --distant       name the base of tensors, too, that hardly resemble it: of
                      use to mallorn-pack --max, and ignored without that
      --lite          predict nothing by tensors whose axes stand in another
                      order: mallorn-pack --profile lite makes no use of these
      --strict        a RESULT that cannot be parsed is an error (exit 65)
      --threads N     use N threads (default: one per processor)
  -q, --quiet         no warnings, no progress
  -v, --verbose       say on standard error what is done
  -h, --help          show this text
      --version       show the version

Memory, beside mapped pages: up to 150 MB, and up to 300 MB where millions of
rows or elements have moved, however large the models are. Models that come
inline are kept in a file in $TMPDIR.
Exit: 0 done, 64 usage, 65 malformed, 66 cannot open, 74 I/O error.

examples:
  mallorn-parse old.gguf | mallorn-delta new.gguf | mallorn-pack -o update.mlp
  mallorn-parse old.onnx | mallorn-delta --explain new.onnx > /dev/null
)"};

// What of the base the steps of a chunk look at, then what of the result they make. Copies
// may be as long as the model: no more is in memory than what is written next.
void write_inline(StreamWriter& stream, const Model& base, const Model& result,
                  const std::vector<Step>& steps, uint64_t begin, uint64_t end) {
  std::vector<uint8_t> made;
  for (const Step& step : steps) {
    if (step.kind != StepKind::predict) continue;
    const ByteView view = predicting_view(step, base.bytes(), &made);
    if (!view.empty()) stream.write(FrameType::bytes, view);
    base.file->release(step.base_offset, view.size());
  }
  PassedPages passed(result.bytes(), begin);
  for (uint64_t at = begin; at < end;) {
    const uint64_t length = std::min<uint64_t>(kMaxFramePayload, end - at);
    stream.write(FrameType::bytes, result.bytes().subspan(static_cast<size_t>(at),
                                                          static_cast<size_t>(length)));
    at += length;
    passed.advance_to(at);
  }
}

void write_stream(const Model& base, const Model& result, delta::Plan plan,
                  const delta::Arguments& arguments) {
  DeltaManifest manifest;
  manifest.base = {"", base.bytes().size(), base.digest};
  manifest.result = {"", result.bytes().size(), result.digest};
  manifest.format = result.manifest.format;
  if (arguments.is_by_reference) {
    manifest.base.path = base.manifest.path;
    manifest.result.path = result.manifest.path;
    manifest.base.state = base.manifest.state;
    manifest.result.state = result.manifest.state;
    if (manifest.base.path.empty() || manifest.result.path.empty()) {
      throw Error(Status::usage, "--by-reference needs both models by reference",
                  "give it to mallorn-parse as well");
    }
  }
  StreamWriter stream(STDOUT_FILENO, "standard output", StreamKind::delta);
  stream.write(FrameType::manifest, delta_manifest_to_json(manifest));
  if (arguments.has_notes) {
    for (const TensorNote& note : delta::make_notes(base, result, plan)) {
      stream.write(FrameType::note, note_to_bytes(note));
    }
  }
  Progress progress(!arguments.common.is_quiet, "writing", result.bytes().size());
  uint64_t made = 0;
  const auto chunks =
      arguments.plan.uses_distant ? delta::Chunks::few : delta::Chunks::even;
  const auto write_chunk = [&](const std::vector<Step>& chunk) {
    uint64_t chunk_bytes = 0;
    for (const Step& step : chunk) chunk_bytes += step.result_bytes;
    stream.write(FrameType::steps, steps_to_bytes(chunk));
    if (!arguments.is_by_reference)
      write_inline(stream, base, result, chunk, made, made + chunk_bytes);
    made += chunk_bytes;
    progress.advance_to(made);
  };
  delta::for_each_chunk(std::move(plan.steps), plan.whole, chunks, plan.twins, write_chunk);
  stream.write(FrameType::end, trailer_to_json({made, result.digest}));
}

int run(int argc, char** argv) {
  delta::Arguments arguments;
  if (!read_arguments(kProgram, argc, argv, &arguments)) return 0;
  const ReaderWatch watch;
  const Model result =
      open_model(arguments.result, arguments.common.is_quiet, arguments.is_strict);
  const Model base = read_model(STDIN_FILENO, "standard input");
  delta::Plan plan = delta::make_plan(base, result, arguments.plan);
  if (arguments.explains) std::fputs(delta::explain(base, result, plan).c_str(), stderr);
  write_stream(base, result, std::move(plan), arguments);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kProgram, [&] {
    try {
      return run(argc, argv);
    } catch (const ParseFailed& failed) {
      return failed.code;  // mallorn-parse has said why
    }
  });
}
