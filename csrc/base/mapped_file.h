// A file mapped read-only into memory. Empty files are refused; the mapping outlives the descriptor. One file a system
// (mapped_file_posix.cc, mapped_file_win32.cc).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace dimoo {

class MappedFile {
 public:
  /// model/not-found when nothing is there, model/unreadable with the system's words when it is and cannot be opened or mapped,
  /// model/corrupt when it is empty, no regular file, or has more than `most` bytes.
  explicit MappedFile(const std::string& path, uint64_t most = UINT64_MAX);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  MappedFile(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// Identity of the file's content for sharing weights between models: device, inode, mtime (ns), size.
  struct Identity {
    uint64_t device, inode, mtime, size;
    auto operator<=>(const Identity&) const = default;
  };
  const Identity& identity() const { return identity_; }
  /// Lets the kernel drop the pages of [offset, offset + size) from this process (they stay in the page cache).
  void release(size_t offset, size_t size) const;

 private:
  void check_size(uint64_t most) const;

  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  Identity identity_{};
};

}  // namespace dimoo
