// A view of a file mapping. Both handles are closed at once; the view keeps the file, which can be renamed and removed meanwhile.
#include "base/error.h"
#include "base/mapped_file.h"
#include "base/win32.h"

namespace dimoo {

MappedFile::MappedFile(const std::string& path, uint64_t most) : path_(path) {
  const win32::Handle file(CreateFileW(win32::wide(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                       nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!file) {
    const DWORD error = GetLastError();
    fail(win32::is_absent(error) ? Code::model_not_found : Code::model_unreadable, path, ": cannot be opened: ", win32::error_text(error));
  }
  BY_HANDLE_FILE_INFORMATION found{};
  const bool known = GetFileType(file.get()) == FILE_TYPE_DISK && GetFileInformationByHandle(file.get(), &found) != 0;
  size_ = static_cast<size_t>(uint64_t{found.nFileSizeHigh} << 32 | found.nFileSizeLow);
  if (!known || size_ == 0)
    fail(Code::model_corrupt, path, ": expected a file with content, got ", known ? "an empty one" : "something else");
  check_size(most);
  const win32::Handle mapping(CreateFileMappingW(file.get(), nullptr, PAGE_READONLY, 0, 0, nullptr));
  data_ = mapping ? static_cast<const std::byte*>(MapViewOfFile(mapping.get(), FILE_MAP_READ, 0, 0, 0)) : nullptr;
  if (!data_) fail(Code::model_unreadable, path, ": cannot be mapped (", size_, " bytes): ", win32::error_text(GetLastError()));
  identity_ = {found.dwVolumeSerialNumber, uint64_t{found.nFileIndexHigh} << 32 | found.nFileIndexLow,
               uint64_t{found.ftLastWriteTime.dwHighDateTime} << 32 | found.ftLastWriteTime.dwLowDateTime, static_cast<uint64_t>(size_)};
}

MappedFile::~MappedFile() {
  if (data_) UnmapViewOfFile(data_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      identity_(other.identity_) {}

void MappedFile::release(size_t offset, size_t size) const {
  // Unlocking pages that were never locked takes them out of the working set; that it then complains is documented.
  if (offset < size_) VirtualUnlock(const_cast<std::byte*>(data_) + offset, size < size_ - offset ? size : size_ - offset);
}

}  // namespace dimoo
