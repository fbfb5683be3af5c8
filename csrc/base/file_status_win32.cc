#include "base/file_status.h"
#include "base/win32.h"

namespace dimoo {

FileStatus file_status(const std::string& path) {
  // Backup semantics open folders too; no access is asked for, so nobody is in the way.
  const win32::Handle file(CreateFileW(win32::wide(path).c_str(), 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                       OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, nullptr));
  if (!file) {
    const DWORD error = GetLastError();
    return {FileStatus::Kind::none, 0, 0, win32::error_text(error), !win32::is_absent(error)};
  }
  BY_HANDLE_FILE_INFORMATION found{};
  if (GetFileType(file.get()) != FILE_TYPE_DISK || !GetFileInformationByHandle(file.get(), &found))
    return {FileStatus::Kind::other, 0, 0, {}, false};
  const auto kind = found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY ? FileStatus::Kind::folder : FileStatus::Kind::file;
  return {kind, found.dwVolumeSerialNumber, uint64_t{found.nFileIndexHigh} << 32 | found.nFileIndexLow, {}, false};
}

}  // namespace dimoo
