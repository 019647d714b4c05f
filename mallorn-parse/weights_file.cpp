#include "mallorn-parse/weights_file.hpp"

#include <filesystem>
#include <utility>

#include "libcommon/error.hpp"
#include "libcommon/file.hpp"
#include "mallorn-parse/registry.hpp"

namespace mallorn::parse {
namespace {

constexpr std::string_view kModelSuffix = ".onnx";

// The name of the model whose weights may be in a file of this name; or "".
std::string model_name(std::string name) {
  for (const std::string_view suffix : {"_data", ".data"}) {
    if (!name.ends_with(suffix)) continue;
    name.resize(name.size() - suffix.size());
    return name.ends_with(kModelSuffix) ? name : name + std::string(kModelSuffix);
  }
  return "";
}

}  // namespace

std::optional<LabelledWeights> label_weights(const std::string& path,
                                             uint64_t length_bytes) {
  const std::filesystem::path file(path);
  const std::string name = model_name(file.filename().string());
  if (name.empty()) return std::nullopt;
  LabelledWeights labelled;
  labelled.model = (file.parent_path() / name).string();
  try {
    const MappedFile model(labelled.model);
    ParsedModel parsed = onnx_format().read(model.bytes());
    for (ExternalTensor& tensor : parsed.external_tensors) {
      const Range& range = tensor.range;
      if (tensor.file != file.filename().string() ||
          !range_fits(range.offset_bytes, range.length_bytes, length_bytes)) {
        continue;
      }
      labelled.parsed.ranges.push_back(std::move(tensor.range));
    }
  } catch (const Error&) {
    return std::nullopt;
  }
  if (labelled.parsed.ranges.empty()) return std::nullopt;
  return labelled;
}

}  // namespace mallorn::parse
