// Files, folders and pipes that tests need, gone when they end.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "libcommon/core/bytes.hpp"
#include "libcommon/error.hpp"
#include "libcommon/file.hpp"

namespace mallorn::test {

// A folder of its own for one test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "mallorn-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  // Names of what is in it, hidden files included.
  size_t count() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_),
                                             std::filesystem::directory_iterator()));
  }

 private:
  std::string path_;
};

inline void write_file(const std::string& path, ByteView bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

inline std::vector<uint8_t> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream all;  // byte by byte takes seconds where nothing is optimised
  all << file.rdbuf();
  const std::string text = std::move(all).str();
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  return {bytes, bytes + text.size()};
}

// A file without a name that holds `bytes`, at its beginning.
inline Fd file_of(ByteView bytes) {
  Fd file(::memfd_create("test", MFD_CLOEXEC));
  if (file.get() < 0) throw std::runtime_error("memfd_create");
  write_full(file.get(), bytes, "test");
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

inline std::vector<uint8_t> contents_of(const Fd& file) {
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  std::vector<uint8_t> bytes(static_cast<size_t>(size));
  ::lseek(file.get(), 0, SEEK_SET);
  if (read_full(file.get(), bytes, "test") != bytes.size())
    throw std::runtime_error("short");
  return bytes;
}

// The reading end of a pipe into which a thread writes `bytes`, `piece` at a time.
class Drip {
 public:
  Drip(std::vector<uint8_t> bytes, size_t piece) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    read_end_ = Fd(ends[0]);
    writer_ = std::thread([bytes = std::move(bytes), piece, fd = ends[1]] {
      const Fd write_end(fd);
      for (size_t at = 0; at < bytes.size(); at += piece) {
        const size_t length = std::min(piece, bytes.size() - at);
        if (::write(write_end.get(), bytes.data() + at, length) < 0) return;
      }
    });
  }
  ~Drip() {
    char rest[4096];
    while (::read(read_end_.get(), rest, sizeof(rest)) > 0) {  // lets the writer end
    }
    writer_.join();
  }
  Drip(const Drip&) = delete;
  Drip& operator=(const Drip&) = delete;

  int fd() const { return read_end_.get(); }

 private:
  Fd read_end_{};
  std::thread writer_;
};

// The status with which `work` fails; ok if it does not.
inline Status status_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.status();
  }
  return Status::ok;
}

}  // namespace mallorn::test
