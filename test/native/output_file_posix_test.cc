// What a written file takes over from the one before it, and what becomes of it where its name cannot be had.
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/error.h"
#include "base/output_file.h"
#include "test/native/check.h"
#include "test/native/temporary.h"

using namespace dimoo;

namespace {

void write(const std::string& path, const std::string& content) {
  OutputFile file(path);
  file.write(content.data(), content.size());
  file.finish();
}

struct stat status(const std::string& path) {
  struct stat found {};
  CHECK_EQ(::lstat(path.c_str(), &found), 0);
  return found;
}

#if defined(__linux__)
/// The exit code of `body` in a process of its own, where `path` is mounted upon by itself; -1 where that is not allowed.
template <class Body>
int where_mounted(const std::string& path, Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool alone = ::unshare(CLONE_NEWNS) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
    if (!alone || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(77);
    if (::mount(path.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0) ::_exit(77);
    ::_exit(body());
  }
  int code = 0;
  ::waitpid(child, &code, 0);
  CHECK(WIFEXITED(code));
  return WEXITSTATUS(code) == 77 ? -1 : WEXITSTATUS(code);
}
#endif

}  // namespace

TEST(a_new_file_takes_over_mode_and_owner) {
  const TemporaryFolder folder;
  const std::string path = folder.write("x", "old");
  CHECK_EQ(::chmod(path.c_str(), 0640), 0);
  const bool root = ::chown(path.c_str(), 65534, 65534) == 0;
  write(path, "new");
  CHECK_EQ(read_file(path), "new");
  CHECK_EQ(status(path).st_mode & 07777, 0640u);
  if (root) CHECK_EQ(status(path).st_uid, 65534u);
  CHECK_EQ(folder.count(), 1u);
}

TEST(a_link_stays_a_link) {
  const TemporaryFolder folder;
  const std::string path = folder.write("real", "old");
  CHECK_EQ(::symlink("real", folder.at("link").c_str()), 0);
  write(folder.at("link"), "new");
  CHECK(S_ISLNK(status(folder.at("link")).st_mode));
  CHECK_EQ(read_file(path), "new");
}

#if defined(__linux__)
TEST(a_mounted_file_is_written_in_place) {
  const TemporaryFolder folder;
  const std::string path = folder.write("x", "older and longer");
  const int code = where_mounted(path, [&] {
    write(path, "new");
    return read_file(path) == "new" && folder.count() == 1 ? 0 : 1;
  });
  if (code < 0) check::skip("nothing can be mounted here");
  CHECK_EQ(code, 0);
  CHECK_EQ(read_file(path), "new");
}

TEST(a_finished_file_that_has_no_place_is_kept) {
  const TemporaryFolder folder;
  const std::string path = folder.write("x", "old");
  const int code = where_mounted(path, [&] {
    if (::mount(nullptr, path.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0) return 77;
    try {
      write(path, "new");
    } catch (const Error& error) {
      const size_t at = error.text().rfind(' ');
      return error.code() == Code::output_failed && read_file(std::string(error.text().substr(at + 1))) == "new" ? 0 : 1;
    }
    return 2;
  });
  if (code < 0) check::skip("nothing can be mounted here");
  CHECK_EQ(code, 0);
  CHECK_EQ(read_file(path), "old");
}
#endif
