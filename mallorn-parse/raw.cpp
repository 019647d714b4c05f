// The format of last resort: the whole file as one opaque range. It takes anything, so that
// every file can be diffed.
#include "mallorn-parse/registry.hpp"

namespace mallorn::parse {
namespace {

bool probe(ByteView) { return true; }

ParsedModel read(ByteView file) {
  ParsedModel model;
  Range range;
  range.length_bytes = file.size();
  range.role = "opaque";
  model.ranges.push_back(std::move(range));
  return model;
}

}  // namespace

ModelFormat raw_format() { return {"raw", probe, read}; }

}  // namespace mallorn::parse
