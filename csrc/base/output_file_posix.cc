// Without a name where the file system has such files, so that nothing stays behind even when the process is killed.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
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

  /// A link stays a link: the file that it names is written.
  void follow() {
    struct stat link {};
    if (::lstat(path.c_str(), &link) != 0 || !S_ISLNK(link.st_mode)) return;
    char* const real = ::realpath(path.c_str(), nullptr);
    if (real) path = real;
    std::free(real);
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

  /// What the file takes the place of gives it its mode and, where that is allowed, its owner.
  void inherit() const {
    struct stat there {};
    if (::stat(path.c_str(), &there) != 0) return;
    const bool owned = ::fchown(file, there.st_uid, there.st_gid) == 0 || ::fchown(file, static_cast<uid_t>(-1), there.st_gid) == 0;
    // A set-user-ID bit is for its own user alone.
    ::fchmod(file, there.st_mode & (owned ? 07777 : 0777));
  }

  /// The finished file's bytes into the file that is there. False, with errno, where that fails too.
  bool write_in_place() const {
    const int from = ::open(temporary.c_str(), O_RDONLY | O_CLOEXEC), to = ::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
    bool done = from >= 0 && to >= 0 && copy(from, to) && ::fsync(to) == 0;
    const int why = errno;
    if (from >= 0) ::close(from);
    if (to >= 0 && ::close(to) != 0) done = false;
    errno = why;
    return done;
  }

  static bool copy(int from, int to) {
    std::array<char, size_t{1} << 16> buffer;
    for (;;) {
      const ssize_t got = ::read(from, buffer.data(), buffer.size());
      if (got == 0) return true;
      if (got < 0 && errno != EINTR) return false;
      for (ssize_t at = 0; at < got;) {
        const ssize_t put = ::write(to, buffer.data() + at, static_cast<size_t>(got - at));
        if (put < 0 && errno != EINTR) return false;
        if (put > 0) at += put;
      }
    }
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
  impl_->follow();
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
  impl_->inherit();
  impl_->appear();
  if (::close(std::exchange(impl_->file, -1)) != 0) impl_->failed("cannot be written");
  const bool renamed = ::rename(impl_->temporary.c_str(), impl_->path.c_str()) == 0;
  if (!renamed && !impl_->write_in_place()) {
    impl_->finished = true;
    const std::string why = std::strerror(errno);
    fail(Code::output_failed, impl_->path, ": cannot be written: ", why, "; the finished file is ", impl_->temporary);
  }
  if (!renamed) ::unlink(impl_->temporary.c_str());
  impl_->finished = true;
  impl_->sync_folder();
}

}  // namespace dimoo
