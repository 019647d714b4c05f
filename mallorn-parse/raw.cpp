// The format of last resort: it takes anything, so that every file can be diffed. What
// looks like weights is labelled as such, the rest is opaque.
#include "mallorn-parse/element_runs.hpp"
#include "mallorn-parse/registry.hpp"

namespace mallorn::parse {
namespace {

bool probe_raw(ByteView) { return true; }

// What lies between runs.
void add_opaque(uint64_t begin, uint64_t end, std::vector<Range>* ranges) {
  if (begin == end) return;
  Range range;
  range.offset_bytes = begin;
  range.length_bytes = end - begin;
  range.role = "opaque";
  ranges->push_back(std::move(range));
}

ParsedModel read_raw(ByteView file) {
  ParsedModel model;
  uint64_t at = 0;
  for (const ElementRun& run : find_element_runs(file)) {
    add_opaque(at, run.offset_bytes, &model.ranges);
    Range range;
    range.kind = RangeKind::tensor;
    range.offset_bytes = run.offset_bytes;
    range.length_bytes = run.length_bytes;
    range.dtype = run.dtype;
    model.ranges.push_back(std::move(range));
    at = run.offset_bytes + run.length_bytes;
  }
  add_opaque(at, file.size(), &model.ranges);
  return model;
}

}  // namespace

ModelFormat raw_format() { return {"raw", probe_raw, read_raw}; }

}  // namespace mallorn::parse
