// The header is kept in memory until the first data; data goes through one buffered descriptor.
#include "source/gguf_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "source/gguf.h"

namespace dimoo {
namespace {

constexpr uint64_t kAlignment = 32;

uint64_t align(uint64_t value) { return (value + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

struct GgufWriter::Impl {
  struct Declared {
    std::string name;
    uint64_t offset, bytes;
  };
  std::string path, temporary;
  int file = -1;
  bool finished = false, header_written = false;
  std::string keys, tensors;
  uint64_t key_count = 0, data_bytes = 0, data_start = 0;
  std::vector<Declared> declared;
  size_t current = 0;
  uint64_t written = 0;  // of the current tensor

  [[noreturn]] void failed(const char* what) { fail(Code::output_failed, path, ": ", what, ": ", std::strerror(errno)); }

  template <class T>
  static void put(std::string& to, T value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  static void put_string(std::string& to, std::string_view value) {
    put<uint64_t>(to, value.size());
    to.append(value);
  }
  void key(std::string_view name, uint32_t type) {
    if (header_written) fail(Code::internal, "gguf writer: keys come before data");
    put_string(keys, name);
    put<uint32_t>(keys, type);
    key_count++;
  }
  void put_bytes(const void* data, size_t count) {
    const char* at = static_cast<const char*>(data);
    while (count > 0) {
      const ssize_t done = ::write(file, at, std::min<size_t>(count, size_t{1} << 26));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) failed("cannot be written");
      at += done;
      count -= static_cast<size_t>(done);
    }
  }
  /// So that the new name survives a power cut; a folder that cannot be synced is no reason to fail a complete file.
  void sync_folder() const {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    const int handle = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handle < 0) return;
    ::fsync(handle);
    ::close(handle);
  }
  void pad_to(uint64_t count) {
    static constexpr char kZeros[kAlignment] = {};
    put_bytes(kZeros, count);
  }
  std::string header() {
    std::string out = "GGUF";
    put<uint32_t>(out, 3);
    put<uint64_t>(out, declared.size());
    put<uint64_t>(out, key_count);
    out += keys;
    out += tensors;
    out.resize(align(out.size()));
    return out;
  }
  void write_header() {
    const std::string out = header();
    put_bytes(out.data(), out.size());
    header_written = true;
  }
  std::string folder() const {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash + 1);
  }
  /// Names the file beside its target. O_EXCL and link refuse a name that is taken: nobody else's file is ever written into.
  template <class Make>
  bool name_temporary(Make make) {
    for (int attempt = 0; attempt < 1000; attempt++) {
      temporary = text(path, ".part-", ::getpid(), "-", attempt);
      if (make(temporary.c_str())) return true;
      if (errno != EEXIST) break;
    }
    temporary.clear();
    return false;
  }
  /// A file without a name where the file system has such, so that nothing stays behind even when the process is killed.
  void open() {
    file = ::open(folder().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
    if (file >= 0) return;
    name_temporary([&](const char* name) {
      file = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
      return file >= 0;
    });
    if (file < 0) failed("cannot be created");
  }
  /// Gives a nameless file its temporary name, for the rename to come.
  void appear() {
    if (!temporary.empty()) return;
    const std::string self = text("/proc/self/fd/", file);
    if (!name_temporary([&](const char* name) { return ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0; }))
      failed("cannot be named");
  }
  /// Moves past tensors that are complete, writing their padding.
  void advance() {
    while (current < declared.size() && written == declared[current].bytes) {
      pad_to(align(written) - written);
      written = 0;
      current++;
    }
  }
};

GgufWriter::GgufWriter(const std::string& path) : impl_(std::make_unique<Impl>()) {
  impl_->path = path;
  struct stat status {};
  const bool there = ::stat(path.c_str(), &status) == 0;
  if (path.empty() || path.find('\0') != std::string::npos || (there && !S_ISREG(status.st_mode)))
    fail(Code::output_failed, path.c_str(), ": expected the name of a file, got ",
         path.empty() ? "nothing"
         : there      ? "something that is no plain file"
                      : "a name with a NUL in it");
  impl_->open();
}

GgufWriter::~GgufWriter() {
  if (impl_->file >= 0) ::close(impl_->file);
  if (!impl_->finished && !impl_->temporary.empty()) ::unlink(impl_->temporary.c_str());
}

void GgufWriter::set_u32(std::string_view key, uint32_t value) {
  impl_->key(key, 4);
  Impl::put(impl_->keys, value);
}
void GgufWriter::set_f32(std::string_view key, float value) {
  impl_->key(key, 6);
  Impl::put(impl_->keys, value);
}
void GgufWriter::set_bool(std::string_view key, bool value) {
  impl_->key(key, 7);
  Impl::put<uint8_t>(impl_->keys, value);
}
void GgufWriter::set_string(std::string_view key, std::string_view value) {
  impl_->key(key, 8);
  Impl::put_string(impl_->keys, value);
}
void GgufWriter::set_u32s(std::string_view key, std::span<const uint32_t> values) {
  impl_->key(key, 9);
  Impl::put<uint32_t>(impl_->keys, 4);
  Impl::put<uint64_t>(impl_->keys, values.size());
  for (const uint32_t value : values) Impl::put(impl_->keys, value);
}

void GgufWriter::declare(std::string_view name, DType type, std::span<const int64_t> shape) {
  if (impl_->header_written) fail(Code::internal, "gguf writer: tensors are declared before data");
  uint64_t values = 1;
  for (const int64_t side : shape) values *= static_cast<uint64_t>(side);
  const auto bytes = static_cast<uint64_t>(type_bytes(type, static_cast<int64_t>(values)));
  Impl::put_string(impl_->tensors, name);
  Impl::put<uint32_t>(impl_->tensors, static_cast<uint32_t>(shape.size()));
  for (size_t i = shape.size(); i-- > 0;) Impl::put<uint64_t>(impl_->tensors, static_cast<uint64_t>(shape[i]));
  Impl::put<uint32_t>(impl_->tensors, gguf_type(type));
  Impl::put<uint64_t>(impl_->tensors, impl_->data_bytes);
  impl_->declared.push_back({std::string(name), impl_->data_bytes, bytes});
  impl_->data_bytes += align(bytes);
}

int64_t GgufWriter::file_bytes() const { return static_cast<int64_t>(impl_->header().size() + impl_->data_bytes); }

void GgufWriter::write(std::span<const std::byte> data) {
  if (!impl_->header_written) impl_->write_header();
  impl_->advance();
  if (impl_->current == impl_->declared.size() || data.size() > impl_->declared[impl_->current].bytes - impl_->written)
    fail(Code::internal, "gguf writer: more data than was declared");
  impl_->put_bytes(data.data(), data.size());
  impl_->written += data.size();
}

void GgufWriter::finish() {
  if (!impl_->header_written) impl_->write_header();
  impl_->advance();
  if (impl_->current != impl_->declared.size())
    fail(Code::internal, "gguf writer: ", impl_->declared[impl_->current].name, " is incomplete");
  if (::fsync(impl_->file) != 0) impl_->failed("cannot be written");
  impl_->appear();
  if (::close(std::exchange(impl_->file, -1)) != 0) impl_->failed("cannot be written");
  if (::rename(impl_->temporary.c_str(), impl_->path.c_str()) != 0) impl_->failed("cannot be renamed into place");
  impl_->finished = true;
  impl_->sync_folder();
}

}  // namespace dimoo
