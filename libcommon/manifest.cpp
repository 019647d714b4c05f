// Reads the JSON form of a manifest (docs/format/stream.md); manifest_writer.cpp writes it.
//
// The text comes from a pipe and is hostile. It is read by events and never becomes a
// document in memory, so that a million ranges cost what the Manifest costs. `places_`
// remembers what each open `{` or `[` belongs to; there is no recursion. Unknown fields are
// skipped, whatever they hold; a known field given twice is an error, so that no two
// readers can disagree.
#include "libcommon/manifest.hpp"

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "libcommon/error.hpp"
#include "libcommon/file_state.hpp"
#include "libcommon/text.hpp"

namespace mallorn {
namespace {

using nlohmann::json;

constexpr size_t kMaxDepth = 64;  // of nested arrays and objects, unknown fields included
constexpr size_t kMaxWordLength = 32;  // of "format" and "role"

// Every field the reader knows; also the place inside an open array or object.
enum class Key : uint8_t {
  unknown,
  // of the manifest
  format,
  byte_order,
  path,
  state,
  file_length,
  external_files,
  ranges,
  // of a range
  kind,
  offset,
  length,
  dtype,
  role,
  names,
  shape,
  quantization,
  block,
  // of quantization and block
  scales,
  zero_points,
  axis,
  block_elements,
  block_bytes,
  // places that no key names
  document,
  manifest,
  range,
};

struct KnownField {
  Key inside;
  const char* key;
  Key field;
};

constexpr KnownField kKnownFields[] = {
    {Key::manifest, "format", Key::format},
    {Key::manifest, "byte_order", Key::byte_order},
    {Key::manifest, "path", Key::path},
    {Key::manifest, "state", Key::state},
    {Key::manifest, "length", Key::file_length},
    {Key::manifest, "external_files", Key::external_files},
    {Key::manifest, "ranges", Key::ranges},
    {Key::range, "kind", Key::kind},
    {Key::range, "offset", Key::offset},
    {Key::range, "length", Key::length},
    {Key::range, "dtype", Key::dtype},
    {Key::range, "role", Key::role},
    {Key::range, "names", Key::names},
    {Key::range, "shape", Key::shape},
    {Key::range, "quantization", Key::quantization},
    {Key::range, "block", Key::block},
    {Key::quantization, "scales", Key::scales},
    {Key::quantization, "zero_points", Key::zero_points},
    {Key::quantization, "axis", Key::axis},
    {Key::block, "elements", Key::block_elements},
    {Key::block, "bytes", Key::block_bytes},
};

constexpr uint32_t field_bit(Key field) { return uint32_t{1} << static_cast<int>(field); }

class ManifestReader final : public nlohmann::json_sax<json> {
 public:
  explicit ManifestReader(const std::string& context) : context_(context) {}

  Manifest take() { return std::move(manifest_); }

  bool null() override {
    switch (target()) {
      case Key::unknown:
        return true;
      case Key::scales:
        return add_scale(std::numeric_limits<float>::quiet_NaN());
      default:
        fault("must not be null");
    }
  }

  bool boolean(bool) override {
    if (target() != Key::unknown) fault("must not be a boolean");
    return true;
  }

  bool number_integer(number_integer_t value) override {
    switch (target()) {
      case Key::unknown:
        return true;
      case Key::axis:
        return set_axis(value);
      case Key::zero_points:
        return add_element(&range_.quantization.zero_points, value);
      case Key::scales:
        return add_scale(static_cast<float>(value));
      default:
        fault("must not be a negative number");
    }
  }

  bool number_unsigned(number_unsigned_t value) override {
    switch (target()) {
      case Key::unknown:
        return true;
      case Key::file_length:
        return set(&manifest_.length_bytes, value);
      case Key::offset:
        return set(&range_.offset_bytes, value);
      case Key::length:
        return set(&range_.length_bytes, value);
      case Key::block_elements:
        return set(&block_elements_, value);
      case Key::block_bytes:
        return set(&block_bytes_, value);
      case Key::shape:
        return add_element(&range_.shape, value);
      case Key::scales:
        return add_scale(static_cast<float>(value));
      case Key::axis:
      case Key::zero_points:
        if (value > static_cast<uint64_t>(INT64_MAX)) fault("is out of range");
        return number_integer(static_cast<int64_t>(value));
      default:
        fault("must not be a number");
    }
  }

  // `text` is the number as written: going through double could round twice.
  bool number_float(number_float_t, const string_t& text) override {
    if (target() == Key::unknown) return true;
    if (target() != Key::scales) fault("must be a whole number below 2^64");
    float value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc()) {
      fault("is out of range");
    }
    return add_scale(value);
  }

  bool string(string_t& value) override {
    switch (target()) {
      case Key::unknown:
        return true;
      case Key::format:
        return set_word(&manifest_.format, value);
      case Key::path:
        return set(&manifest_.path, std::move(value));
      case Key::state:
        if (value.size() > kMaxStateBytes) fault("is too long");
        return set(&manifest_.state, std::move(value));
      case Key::external_files:
        return add_element(&manifest_.external_files, std::move(value));
      case Key::role:
        return set_word(&range_.role, value);
      case Key::names:
        return add_element(&range_.names, std::move(value));
      case Key::byte_order:
        return set(&manifest_.is_big_endian, is_second(value, "little", "big"));
      case Key::kind:
        return set(&range_.kind,
                   is_second(value, "tensor", "gap") ? RangeKind::gap : RangeKind::tensor);
      case Key::dtype:
        return set_dtype(value);
      default:
        fault("must not be a string");
    }
  }

  bool binary(binary_t&) override { fault("must not be binary"); }

  bool key(string_t& name) override {
    field_ = Key::unknown;
    for (const KnownField& known : kKnownFields) {
      if (known.inside == places_.back() && name == known.key) field_ = known.field;
    }
    if (field_ == Key::unknown) return true;
    if ((seen_ & field_bit(field_)) != 0) fault("is given twice");
    seen_ |= field_bit(field_);
    return true;
  }

  bool start_object(std::size_t) override {
    const Key opened = target();
    if (opened == Key::ranges && is_inside(Key::ranges)) {
      range_ = Range{};
      in_range_ = true;
      seen_ &= field_bit(Key::kind) - 1;  // keep what the manifest itself has shown
      return open(Key::range);
    }
    if (opened == Key::document) return open(Key::manifest);
    if (opened == Key::unknown || opened == Key::quantization || opened == Key::block) {
      return open(opened);
    }
    fault("must not be an object");
  }

  bool end_object() override {
    const Key closed = places_.back();
    places_.pop_back();
    if (closed == Key::range) finish_range();
    if (closed == Key::manifest) finish_manifest();
    return true;
  }

  bool start_array(std::size_t) override {
    const Key opened = target();
    const bool is_list = opened == Key::ranges || opened == Key::external_files ||
                         opened == Key::names || opened == Key::shape ||
                         opened == Key::scales || opened == Key::zero_points;
    if (opened != Key::unknown && (!is_list || is_inside(opened))) {
      fault("must not be an array");
    }
    return open(opened);
  }

  bool end_array() override {
    places_.pop_back();
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    throw Error(Status::malformed,
                context_ + ": not JSON at byte " + std::to_string(position));
  }

 private:
  // What the value that comes next is for: an element of the innermost array, or the field
  // whose key was read last.
  Key target() const {
    if (places_.empty()) return Key::document;
    const Key place = places_.back();
    const bool is_object = place == Key::manifest || place == Key::range ||
                           place == Key::quantization || place == Key::block;
    return is_object ? field_ : place;
  }

  bool is_inside(Key place) const { return !places_.empty() && places_.back() == place; }

  bool open(Key place) {
    if (places_.size() >= kMaxDepth) fault("is nested too deeply");
    places_.push_back(place);
    return true;
  }

  template <typename T>
  bool set(T* to, T value) {
    *to = std::move(value);
    return true;
  }

  template <typename T>
  bool add_element(std::vector<T>* to, T value) {
    if (!is_inside(target())) fault("must be an array");
    to->push_back(std::move(value));
    return true;
  }

  bool add_scale(float value) { return add_element(&range_.quantization.scales, value); }

  bool set_axis(int64_t value) {
    if (value < INT32_MIN || value > INT32_MAX) fault("is out of range");
    return set(&range_.quantization.axis, static_cast<int32_t>(value));
  }

  // Words reach messages and tables, so they hold nothing that could upset a terminal.
  bool set_word(std::string* to, const std::string& value) {
    bool is_word = value.size() <= kMaxWordLength;
    for (const char c : value) {
      is_word = is_word && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
    }
    if (!is_word) fault("must be a word of a-z, 0-9 and _");
    return set(to, value);
  }

  bool is_second(const std::string& value, const char* first, const char* second) const {
    if (value != first && value != second) {
      fault("must be \"" + std::string(first) + "\" or \"" + second + "\"");
    }
    return value == second;
  }

  bool set_dtype(const std::string& name) {
    const DtypeTable table = dtype_table();
    for (size_t i = 0; i < table.count; ++i) {
      if (name == table.entries[i].name) return set(&range_.dtype, table.entries[i].dtype);
    }
    fault("is not a known dtype");
  }

  void need(Key field, const char* key) const {
    if ((seen_ & field_bit(field)) == 0)
      fault_at("\"" + std::string(key) + "\" is missing");
  }

  void finish_range() {
    need(Key::kind, "kind");
    need(Key::offset, "offset");
    need(Key::length, "length");
    if (range_.kind == RangeKind::tensor) need(Key::dtype, "dtype");
    if ((seen_ & field_bit(Key::block)) != 0) {
      const DtypeLayout& layout = dtype_layout(range_.dtype);
      if (block_elements_ != layout.block_elements || block_bytes_ != layout.block_bytes) {
        fault_at("\"block\" is not that of the dtype");
      }
    }
    block_elements_ = 0;
    block_bytes_ = 0;
    if (range_.offset_bytes != end_) fault_at("does not begin where the one before ends");
    if (range_.length_bytes == 0) fault_at("is empty");
    if (!checked_add(end_, range_.length_bytes, &end_)) fault_at("ends above 2^64");
    manifest_.ranges.push_back(std::move(range_));
    in_range_ = false;
  }

  void finish_manifest() {
    need(Key::format, "format");
    need(Key::byte_order, "byte_order");
    need(Key::file_length, "length");
    need(Key::ranges, "ranges");
    if (manifest_.format.empty()) fault_at("\"format\" is empty");
    if (end_ != manifest_.length_bytes) fault_at("ranges do not cover the file's length");
  }

  [[noreturn]] void fault_at(const std::string& what) const {
    std::string where = context_ + ": ";
    if (in_range_) where += "range " + std::to_string(manifest_.ranges.size()) + ": ";
    throw Error(Status::malformed, where + what);
  }

  [[noreturn]] void fault(const std::string& what) const {
    const char* name = "the document";
    for (const KnownField& known : kKnownFields) {
      if (known.field == target()) name = known.key;
    }
    fault_at("\"" + std::string(name) + "\" " + what);
  }

  const std::string& context_;
  Manifest manifest_;
  Range range_;  // the one being read
  bool in_range_ = false;
  uint64_t end_ = 0;  // of the last range
  uint64_t block_elements_ = 0;
  uint64_t block_bytes_ = 0;
  std::vector<Key> places_;
  Key field_ = Key::unknown;
  uint32_t seen_ = 0;  // fields met so far, in the manifest and in the range being read
};

}  // namespace

bool is_channel_vector(const Range& range) {
  constexpr uint64_t kLeastBytes = 8 * sizeof(float);
  return range.kind == RangeKind::gap && range.dtype == Dtype::f32 &&
         range.length_bytes >= kLeastBytes &&
         (range.role == "scale" || range.role == "min" || range.role == "max");
}

Manifest manifest_from_json(std::string_view text, const std::string& context) {
  ManifestReader reader(context);
  json::sax_parse(text.begin(), text.end(), &reader);
  return reader.take();
}

}  // namespace mallorn
