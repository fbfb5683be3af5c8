// A file that appears under its name when it is complete and not before: written beside it, synced, renamed over what was there, whose
// mode and owner it keeps where that is allowed. A name that cannot be taken over (a file that is mounted by itself) is written in place;
// a finished file that cannot get its name at all stays beside it, and the error says where. One file a system (output_file_posix.cc,
// output_file_win32.cc).
#pragma once
#include <cstddef>
#include <memory>
#include <string>

namespace dimoo {

class OutputFile {
 public:
  /// output/failed when the path names something else than a file, or its folder cannot be written.
  explicit OutputFile(const std::string& path);
  /// Without `finish`, nothing stays.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// output/failed when the disk is full.
  void write(const void* data, size_t bytes);
  /// output/failed when the name cannot be taken; the message says where the file is then.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dimoo
