#include "libcommon/release_state.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <map>
#include <optional>
#include <thread>

#include "libcommon/core/patch_format.hpp"
#include "libcommon/error.hpp"
#include "libcommon/output.hpp"
#include "libcommon/text.hpp"

namespace mallorn {
namespace {

constexpr std::string_view kFirstLine = "mallorn releases 0\n";
constexpr size_t kMaxReleasesBytes = 1u << 20;

[[noreturn]] void fail(const std::string& path, const char* reason) {
  throw Error(Status::malformed, path + ": " + reason,
              "see mallorn-sign(1), FILES, before you mend or remove it");
}

// Spaces at its ends are not to be overlooked.
std::string encoded(ByteView model_id) {
  std::string text = encode_path(text_of(model_id));
  if (text.starts_with(' ')) text.replace(0, 1, "%20");
  if (text.ends_with(' ')) text.replace(text.size() - 1, 1, "%20");
  return text;
}

// Whether it is what encoded() makes of some model id: with two ways to write an id, a line
// that was put there by hand would hold nothing back.
bool is_as_encoded(std::string_view text) {
  std::array<uint8_t, kMaxModelIdBytes> model_id{};
  size_t count = 0;
  for (size_t at = 0; at < text.size(); ++at, ++count) {
    if (count == model_id.size()) return false;
    model_id[count] = static_cast<uint8_t>(text[at]);
    if (text[at] != '%') continue;
    if (!from_hex(text.substr(at + 1, 2), ByteSpan(&model_id[count], 1))) return false;
    at += 2;
  }
  return encoded(ByteView(model_id).first(count)) == text;
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
  if (!is_as_encoded(line.model_id))
    fail(name, "a model id is not written as it should be");
  return line;
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? "." : path.substr(0, slash + 1);
}

std::string lock_name(const std::string& path) { return path + ".lock"; }

// Whoever may open a file, be it for reading only, may lock it for ever: this one opens for
// those alone who may write it, which is its owner with the usual umask. It stays for good,
// since of two programs one could hold the lock of a file that the other has just removed.
Fd open_lock(const std::string& path) {
  const std::string name = lock_name(path);
  struct stat info {};
  Fd fd(
      ::open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0622));
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) {
    mallorn::fail(Status::cannot_create, name, errno);
  }
  if (!S_ISREG(info.st_mode)) {
    throw Error(Status::cannot_create, name + ": not a regular file");
  }
  return fd;
}

// Keeps other programs from changing the file meanwhile. It has a lock of its own, since it
// is replaced, and its folder may be opened by others.
Fd lock(const std::string& path) {
  constexpr auto kPatience = std::chrono::seconds(10);
  constexpr auto kPause = std::chrono::milliseconds(20);
  Fd fd = open_lock(path);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      mallorn::fail(Status::cannot_create, lock_name(path), errno);
    }
    if (std::chrono::steady_clock::now() >= end) {
      throw Error(Status::cannot_create,
                  lock_name(path) + ": another program holds this lock",
                  path + " cannot be changed meanwhile; run the command again");
    }
    std::this_thread::sleep_for(kPause);
  }
  return fd;
}

// Where a link leads; for a name that is not there, the name.
std::string resolved(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return path;
    mallorn::fail(Status::cannot_open, path, errno);
  }
  if (!S_ISLNK(info.st_mode)) return path;
  char* real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) mallorn::fail(Status::cannot_open, path, errno);
  std::string text(real);
  std::free(real);
  return text;
}

// Of a name that is no link; null if it is not there.
std::optional<Fd> open_state(const std::string& path) {
  struct stat info {};
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (fd.get() < 0 && errno == ENOENT) return std::nullopt;
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) {
    mallorn::fail(Status::cannot_open, path, errno);
  }
  if (!S_ISREG(info.st_mode)) {
    throw Error(Status::cannot_open, path + ": not a regular file");
  }
  return fd;
}

ReleaseState read_resolved(const std::string& path) {
  const std::optional<Fd> file = open_state(path);
  if (!file) return {};
  std::string text(kMaxReleasesBytes + 1, '\0');
  text.resize(
      read_full(file->get(), {reinterpret_cast<uint8_t*>(text.data()), text.size()}, path));
  if (text.size() > kMaxReleasesBytes) fail(path, "too long");
  return ReleaseState::parse(text, path);
}

}  // namespace

ReleaseState ReleaseState::parse(std::string_view text, const std::string& name) {
  if (text.empty())
    fail(name, "empty, which no list of releases is: it may have been lost");
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
  return read_resolved(resolved(path));
}

uint32_t ReleaseState::release_of(ByteView model_id) const {
  const auto found = releases_.find(encoded(model_id));
  return found == releases_.end() ? 0 : found->second;
}

void ReleaseState::require_allowed(ByteView model_id, uint32_t release,
                                   const std::string& patch) const {
  if (model_id.empty() || release == 0) {
    throw Error(Status::bad_signature,
                patch + (model_id.empty() ? ": has no model id" : ": has no release"),
                "releases in use are kept by model id: mallorn diff --model-id --release");
  }
  const uint32_t least = release_of(model_id);
  if (release >= least) return;
  throw Error(Status::bad_signature, patch + ": release " + std::to_string(release) +
                                         " is below " + std::to_string(least) +
                                         ", which is in use already");
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

ReleaseUpdate::ReleaseUpdate(const std::string& path) : path_(resolved(path)) {
  (void)read_resolved(path_);
  const std::string folder = folder_of(path_);
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    mallorn::fail(Status::cannot_create, folder, errno);
  }
  const std::string lock = lock_name(path_);
  if (::access(lock.c_str(), W_OK) != 0 && errno != ENOENT) {
    mallorn::fail(Status::cannot_create, lock, errno);
  }
}

ReleaseUpdate::~ReleaseUpdate() = default;

void ReleaseUpdate::allow(ByteView model_id, uint32_t release,
                          const std::string& patch) const {
  read_resolved(path_).require_allowed(model_id, release, patch);
}

void ReleaseUpdate::prepare(ByteView model_id, uint32_t release, const std::string& patch) {
  lock_ = lock(path_);
  ReleaseState state = read_resolved(path_);
  state.require_allowed(model_id, release, patch);
  if (!state.raise(model_id, release)) return;
  output_ = std::make_unique<Output>(path_, true);
  output_->write(bytes_of(state.text()));
  output_->sync();
}

void ReleaseUpdate::commit() {
  if (output_) output_->commit();
  output_.reset();
  lock_ = Fd();
}

}  // namespace mallorn
