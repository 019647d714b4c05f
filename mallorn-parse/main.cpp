// mallorn-parse: model file -> model stream (manifest, bytes, end).
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "libcommon/background.hpp"
#include "libcommon/command_line.hpp"
#include "libcommon/digest.hpp"
#include "libcommon/error.hpp"
#include "libcommon/file.hpp"
#include "libcommon/reader_watch.hpp"
#include "libcommon/stream.hpp"
#include "libcommon/text.hpp"
#include "mallorn-parse/listing.hpp"
#include "mallorn-parse/model_file.hpp"

namespace {

using namespace mallorn;

constexpr Program kProgram = {"mallorn-parse",
                              R"(usage: mallorn-parse [OPTION...] FILE
       mallorn-parse --list -      (of a model stream on standard input)

Reads a model (TFLite, GGUF, ONNX; anything else as plain bytes) and writes a
model stream: a JSON manifest that names every tensor and where it lies, then
the bytes of the file. The format is told by content, not by name.

      --by-reference  name the file in the manifest instead of carrying its
                      bytes; the reader must see the same file
      --manifest      write the manifest alone, as JSON
      --list          write the manifest as a table
      --format NAME   take FILE for tflite, gguf, onnx or raw
      --strict        a file that is no model, or cannot be parsed, is an error
                      (exit 65), not plain bytes
      --threads N     use N threads (default: one per processor)
  -q, --quiet         no warnings
  -v, --verbose       say on standard error what is done
  -h, --help          show this text
      --version       show the version

Exit: 0 done, 64 usage, 65 malformed (--strict), 66 cannot open, 74 I/O error.

examples:
  mallorn-parse old.gguf | mallorn-delta new.gguf | mallorn-pack -o update.mlp
  mallorn-parse --manifest model.onnx | jq '.ranges[] | select(.dtype=="f32")'
)"};

struct Arguments {
  CommonOptions common;
  std::string file;
  std::string format;
  bool is_by_reference = false;
  bool only_manifest = false;
  bool only_lists = false;
  bool is_strict = false;
};

constexpr Option kOptions[] = {
    {"by-reference"}, {"manifest"}, {"list"}, {"strict"}, {"format", true}};

bool read_arguments(int argc, char** argv, Arguments* arguments) {
  CommandLine line;
  if (!parse_command_line(kProgram, kOptions, argc, argv, &arguments->common, &line))
    return false;
  if (line.operands.size() != 1) {
    throw Error(Status::usage, "takes one FILE", "see mallorn-parse --help");
  }
  arguments->file = line.operands[0];
  arguments->is_by_reference = line.has("by-reference");
  arguments->only_manifest = line.has("manifest");
  arguments->only_lists = line.has("list");
  arguments->is_strict = line.has("strict");
  if (line.has("format")) arguments->format = line.value("format");
  const bool is_text = arguments->only_manifest || arguments->only_lists;
  if (arguments->only_manifest && arguments->only_lists) {
    throw Error(Status::usage, "--manifest and --list do not go together");
  }
  if (arguments->file == "-" && !is_text) {
    throw Error(Status::usage,
                "a model stream can only be shown, with --manifest or --list");
  }
  if (!is_text && ::isatty(STDOUT_FILENO) == 1) {
    throw Error(Status::usage, "will not write binary data to a terminal",
                "pipe it into mallorn-delta, or use --list or --manifest");
  }
  return true;
}

int show(const Manifest& manifest, const Arguments& arguments) {
  const std::string text = arguments.only_lists ? parse::list_ranges(manifest)
                                                : manifest_to_json(manifest) + "\n";
  print_text(text);
  return 0;
}

int show_stream(const Arguments& arguments) {
  StreamReader stream(STDIN_FILENO, "standard input", StreamKind::model);
  return show(manifest_from_json(stream.read_manifest(), "standard input: manifest"),
              arguments);
}

void write_stream(const MappedFile& file, const Manifest& manifest,
                  std::future<Digest> digest) {
  StreamWriter stream(STDOUT_FILENO, "standard output", StreamKind::model);
  stream.write(FrameType::manifest, manifest_to_json(manifest));
  const ByteView bytes = file.bytes();
  for (size_t at = 0; manifest.path.empty() && at < bytes.size(); at += kMaxFramePayload) {
    const size_t length = std::min<size_t>(kMaxFramePayload, bytes.size() - at);
    stream.write(FrameType::bytes, bytes.subspan(at, length));
    file.release(at, length);
  }
  stream.write(FrameType::end, trailer_to_json({bytes.size(), digest.get()}));
}

int run(int argc, char** argv) {
  Arguments arguments;
  if (!read_arguments(argc, argv, &arguments)) return 0;
  const ReaderWatch watch;
  if (arguments.file == "-") return show_stream(arguments);
  const MappedFile file(arguments.file);
  const bool is_stream = !arguments.only_manifest && !arguments.only_lists;
  std::future<Digest> digest;
  if (is_stream) digest = start_in_background([&file] { return sha256(file); });
  Manifest manifest =
      parse::parse_file(file, {arguments.format, arguments.is_strict,
                               arguments.common.is_quiet, arguments.common.is_verbose});
  if (!is_stream) return show(manifest, arguments);
  if (arguments.is_by_reference) {
    manifest.path = encode_path(std::filesystem::absolute(arguments.file).string());
    manifest.state = file.state();  // before its bytes were hashed
  }
  write_stream(file, manifest, std::move(digest));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kProgram, [&] { return run(argc, argv); });
}
