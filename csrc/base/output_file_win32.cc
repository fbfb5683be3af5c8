// Under a temporary name that goes with its handle, until the rename.
#include <algorithm>

#include "base/error.h"
#include "base/file_status.h"
#include "base/output_file.h"
#include "base/win32.h"

namespace dimoo {

struct OutputFile::Impl {
  std::string path, temporary;
  win32::Handle file;
  bool finished = false;

  [[noreturn]] void failed(const char* what) { fail(Code::output_failed, path, ": ", what, ": ", win32::error_text(GetLastError())); }

  void open() {
    for (int attempt = 0; attempt < 1000 && !file; attempt++) {
      temporary = text(path, ".part-", GetCurrentProcessId(), "-", attempt);
      file = win32::Handle(CreateFileW(win32::wide(temporary).c_str(), GENERIC_WRITE | DELETE, FILE_SHARE_DELETE, nullptr, CREATE_NEW,
                                       FILE_ATTRIBUTE_NORMAL, nullptr));
      if (!file && GetLastError() != ERROR_FILE_EXISTS) break;
    }
    if (!file) failed("cannot be created");
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
  if (impl_->finished || !impl_->file) return;
  impl_->file.close();
  DeleteFileW(win32::wide(impl_->temporary).c_str());
}

void OutputFile::write(const void* data, size_t bytes) {
  const char* at = static_cast<const char*>(data);
  while (bytes > 0) {
    DWORD done = 0;
    const auto wanted = static_cast<DWORD>(std::min<size_t>(bytes, size_t{1} << 26));
    if (!WriteFile(impl_->file.get(), at, wanted, &done, nullptr) || done == 0) impl_->failed("cannot be written");
    at += done;
    bytes -= done;
  }
}

void OutputFile::finish() {
  if (!FlushFileBuffers(impl_->file.get()) || !impl_->file.close()) impl_->failed("cannot be written");
  if (!MoveFileExW(win32::wide(impl_->temporary).c_str(), win32::wide(impl_->path).c_str(),
                   MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
    impl_->finished = true;
    const std::string why = win32::error_text(GetLastError());
    fail(Code::output_failed, impl_->path, ": cannot be renamed into place: ", why, "; the finished file is ", impl_->temporary);
  }
  impl_->finished = true;
}

}  // namespace dimoo
