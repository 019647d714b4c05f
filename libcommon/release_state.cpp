#include "libcommon/release_state.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>

#include "libcommon/error.hpp"
#include "libcommon/output.hpp"
#include "libcommon/text.hpp"

namespace mallorn {
namespace {

constexpr std::string_view kFirstLine = "mallorn releases 0\n";
constexpr size_t kMaxStateBytes = 1u << 20;

[[noreturn]] void fail(const std::string& path, const char* reason) {
  throw Error(Status::malformed, path + ": " + reason,
              "see mallorn-sign(1), FILES, before you mend or remove it");
}

struct Line {
  std::string_view model_id;
  uint32_t release = 0;
};

// Of a line without its end: a release, a space, a model id.
Line parse_line(std::string_view text, const std::string& name) {
  Line line;
  const char* end = text.data() + text.size();
  const auto [at, fault] = std::from_chars(text.data(), end, line.release);
  if (fault != std::errc() || line.release == 0 || text[0] == '0' || at == end ||
      *at != ' ') {
    fail(name, "a line is not a release and a model id");
  }
  line.model_id = text.substr(static_cast<size_t>(at - text.data()) + 1);
  for (const char c : line.model_id) {
    if (c < 0x20 || c > 0x7E) fail(name, "a model id is not as encoded");
  }
  return line;
}

std::string encoded(ByteView model_id) {
  return encode_path({reinterpret_cast<const char*>(model_id.data()), model_id.size()});
}

// Keeps other programs from changing the file meanwhile. The folder is locked, since the
// file itself is replaced.
Fd lock_folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
  Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) {
    throw Error(Status::cannot_create, folder + ": " + std::strerror(errno));
  }
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    throw Error(Status::cannot_create, folder + ": " + std::strerror(errno));
  }
  return fd;
}

}  // namespace

ReleaseState ReleaseState::parse(std::string_view text, const std::string& name) {
  if (!text.starts_with(kFirstLine)) fail(name, "not a list of releases");
  text.remove_prefix(kFirstLine.size());
  ReleaseState state;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == text.npos) fail(name, "ends within a line");
    const Line line = parse_line(text.substr(0, end), name);
    if (!state.releases_.emplace(line.model_id, line.release).second) {
      fail(name, "a model id occurs twice");
    }
    text.remove_prefix(end + 1);
  }
  return state;
}

ReleaseState ReleaseState::read(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return {};
  const Fd file = open_input(path);
  std::string text(kMaxStateBytes + 1, '\0');
  text.resize(
      read_full(file.get(), {reinterpret_cast<uint8_t*>(text.data()), text.size()}, path));
  if (text.size() > kMaxStateBytes) fail(path, "too long");
  return parse(text, path);
}

uint32_t ReleaseState::release_of(ByteView model_id) const {
  const auto found = releases_.find(encoded(model_id));
  return found == releases_.end() ? 0 : found->second;
}

bool ReleaseState::raise(ByteView model_id, uint32_t release) {
  if (release <= release_of(model_id)) return false;
  releases_[encoded(model_id)] = release;
  return true;
}

std::string ReleaseState::text() const {
  std::string text(kFirstLine);
  for (const auto& [id, release] : releases_) {
    text += std::to_string(release) + " " + id + "\n";
  }
  return text;
}

void raise_release(const std::string& path, ByteView model_id, uint32_t release) {
  const Fd lock = lock_folder_of(path);
  ReleaseState state = ReleaseState::read(path);
  if (!state.raise(model_id, release)) return;
  const std::string text = state.text();
  Output output(path, true);
  output.write({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  output.commit();
}

}  // namespace mallorn
