// Without a name where the file system has such files, so that nothing stays behind even when the process is killed.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/file_status.h"
#include "base/output_file.h"

namespace dimoo {

struct OutputFile::Impl {
  std::string path, temporary;
  int file = -1;
  bool finished = false;

  [[noreturn]] void failed(const char* what) { fail(Code::output_failed, path, ": ", what, ": ", std::strerror(errno)); }

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

  void open() {
#if defined(O_TMPFILE)
    file = ::open(folder().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
    if (file >= 0) return;
#endif
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

  /// So that the new name survives a power cut; a folder that cannot be synced is no reason to fail a complete file.
  void sync_folder() const {
    const int handle = ::open(folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handle < 0) return;
    ::fsync(handle);
    ::close(handle);
  }
};

OutputFile::OutputFile(const std::string& path) : impl_(std::make_unique<Impl>()) {
  impl_->path = path;
  const bool nul = path.find('\0') != std::string::npos;
  const FileStatus there = file_status(path);
  if (path.empty() || nul || (there.exists() && there.kind != FileStatus::Kind::file))
    fail(Code::output_failed, path.c_str(), ": expected the name of a file, got ",
         path.empty() ? "nothing"
         : nul        ? "a name with a NUL in it"
                      : "something that is no plain file");
  impl_->open();
}

OutputFile::~OutputFile() {
  if (impl_->file >= 0) ::close(impl_->file);
  if (!impl_->finished && !impl_->temporary.empty()) ::unlink(impl_->temporary.c_str());
}

void OutputFile::write(const void* data, size_t bytes) {
  const char* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t done = ::write(impl_->file, at, std::min<size_t>(bytes, size_t{1} << 26));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) impl_->failed("cannot be written");
    at += done;
    bytes -= static_cast<size_t>(done);
  }
}

void OutputFile::finish() {
  if (::fsync(impl_->file) != 0) impl_->failed("cannot be written");
  impl_->appear();
  if (::close(std::exchange(impl_->file, -1)) != 0) impl_->failed("cannot be written");
  if (::rename(impl_->temporary.c_str(), impl_->path.c_str()) != 0) impl_->failed("cannot be renamed into place");
  impl_->finished = true;
  impl_->sync_folder();
}

}  // namespace dimoo
