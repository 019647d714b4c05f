// Runs a fuzz target once for every file given, folders included, where no fuzzing engine
// is at hand. A crash ends the program as crashes do. A file that cannot be read to its
// end, and a call without any file, are failures: else a test could pass that has tested
// nothing.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, const char* reason) {
  throw std::runtime_error(path + ": " + reason);
}

std::vector<uint8_t> read_whole(const std::string& path) {
  std::error_code fault;
  const uintmax_t size = fs::file_size(path, fault);
  if (fault) fail(path, fault.message().c_str());
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (!file) fail(path, std::strerror(errno));
  std::vector<uint8_t> bytes(static_cast<size_t>(size) + 1);  // one more, to see it grow
  const size_t count = std::fread(bytes.data(), 1, bytes.size(), file.get());
  if (std::ferror(file.get()) != 0) fail(path, "cannot be read");
  if (count != size) fail(path, "is not as long as it should be");
  bytes.resize(count);
  return bytes;
}

void add_files(const std::string& path, std::vector<std::string>* files) {
  if (!fs::is_directory(path)) {
    files->push_back(path);
    return;
  }
  const size_t before = files->size();
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
    if (!entry.is_directory()) files->push_back(entry.path().string());
  }
  if (files->size() == before) fail(path, "holds no files");
  std::sort(files->begin() + static_cast<ptrdiff_t>(before), files->end());
}

void run(const std::string& path) {
  const std::vector<uint8_t> bytes = read_whole(path);
  // Exactly as large as the input, so that reading past its end is noticed.
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[bytes.size()]);
  std::copy(bytes.begin(), bytes.end(), exact.get());
  std::fprintf(stderr, "%s\n", path.c_str());  // the last one told is the one that crashed
  LLVMFuzzerTestOneInput(exact.get(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<std::string> files;
    for (int i = 1; i < argc; ++i) add_files(argv[i], &files);
    if (files.empty()) throw std::runtime_error("no files given");
    for (const std::string& file : files) run(file);
    std::printf("%zu inputs\n", files.size());
    return 0;
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "replay: error: %s\n", fault.what());
    return 1;
  }
}
