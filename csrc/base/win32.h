// What the files of Windows share: its header without what it defines beside the point, UTF-8 paths as it wants them, its words for an
// error. Included by *_win32.cc only.
#pragma once
#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

#include <string>
#include <utility>

namespace dimoo::win32 {

/// UTF-16, absolute and without the limit of 260 characters where it is longer.
std::wstring wide(const std::string& utf8);
/// The system's words for an error of GetLastError().
std::string error_text(unsigned long error);
/// Whether it says that nothing lies at a path.
inline bool is_absent(unsigned long error) {
  return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND || error == ERROR_INVALID_NAME || error == ERROR_BAD_PATHNAME ||
         error == ERROR_BAD_NETPATH || error == ERROR_FILENAME_EXCED_RANGE;
}

/// Owns a HANDLE.
class Handle {
 public:
  explicit Handle(HANDLE handle = INVALID_HANDLE_VALUE) : handle_(handle) {}
  ~Handle() { close(); }
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, INVALID_HANDLE_VALUE)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) close(), handle_ = std::exchange(other.handle_, INVALID_HANDLE_VALUE);
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  explicit operator bool() const { return handle_ != INVALID_HANDLE_VALUE && handle_ != nullptr; }
  HANDLE get() const { return handle_; }
  bool close() {
    if (!*this) return true;
    return CloseHandle(std::exchange(handle_, INVALID_HANDLE_VALUE)) != 0;
  }

 private:
  HANDLE handle_;
};

}  // namespace dimoo::win32
