#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/file_status.h"

namespace dimoo {

FileStatus file_status(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    const bool absent = errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG || errno == ELOOP;
    return {FileStatus::Kind::none, 0, 0, std::strerror(errno), !absent};
  }
  const auto kind = S_ISDIR(status.st_mode)   ? FileStatus::Kind::folder
                    : S_ISREG(status.st_mode) ? FileStatus::Kind::file
                                              : FileStatus::Kind::other;
  return {kind, static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino), {}, false};
}

}  // namespace dimoo
