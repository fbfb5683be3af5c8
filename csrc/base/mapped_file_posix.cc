// POSIX mmap. The descriptor is closed at once; the mapping keeps the file.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/mapped_file.h"

namespace dimoo {

namespace {

Code code_of(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP ? Code::model_not_found : Code::model_unreadable; }

/// Closed on every way out.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (file_ >= 0) ::close(file_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return file_; }

 private:
  int file_;
};

}  // namespace

MappedFile::MappedFile(const std::string& path, uint64_t most) : path_(path) {
  const Descriptor file(path);
  if (file.get() < 0) {
    const int error = errno;
    fail(code_of(error), path, ": cannot be opened: ", std::strerror(error));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    const int error = errno;
    fail(Code::model_unreadable, path, ": cannot be read: ", std::strerror(error));
  }
  if (!S_ISREG(status.st_mode) || status.st_size == 0)
    fail(Code::model_corrupt, path, ": expected a file with content, got ", S_ISREG(status.st_mode) ? "an empty one" : "something else");
  size_ = static_cast<size_t>(status.st_size);
  check_size(most);
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) {
    const int error = errno;
    fail(Code::model_unreadable, path, ": cannot be mapped (", size_, " bytes): ", std::strerror(error));
  }
  data_ = static_cast<const std::byte*>(data);
#if defined(__APPLE__)
  const timespec& changed = status.st_mtimespec;
#else
  const timespec& changed = status.st_mtim;
#endif
  identity_ = {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino),
               static_cast<uint64_t>(changed.tv_sec) * 1000000000u + static_cast<uint64_t>(changed.tv_nsec), static_cast<uint64_t>(size_)};
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      identity_(other.identity_) {}

void MappedFile::release(size_t offset, size_t size) const {
  const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t first = (offset + page - 1) / page * page;
  const size_t last = std::min(offset + size, size_) / page * page;
  if (last > first) ::madvise(const_cast<std::byte*>(data_) + first, last - first, MADV_DONTNEED);
}

}  // namespace dimoo
