// What lies at a path, following links. One file a system (file_status_posix.cc, file_status_win32.cc). Paths are UTF-8 everywhere.
#pragma once
#include <cstdint>
#include <string>

namespace dimoo {

/// Two paths of equal device and inode are the same file.
struct FileStatus {
  enum class Kind { none, file, folder, other };
  Kind kind = Kind::none;
  uint64_t device = 0, inode = 0;
  std::string reason;       // of none: the system's words
  bool unreadable = false;  // of none: something may lie there, but the system does not say (permissions, memory, a failing disk)

  bool exists() const { return kind != Kind::none; }
};

FileStatus file_status(const std::string& path);

}  // namespace dimoo
