// Writes GGUF v3 (little endian, alignment 32): metadata and tensor table first, then tensor data streamed in order. The file
// appears under its name only when `finish` has succeeded; before that it is a temporary beside it, removed on destruction.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"

namespace dimoo {

class GgufWriter {
 public:
  /// output/failed when the folder is not writable.
  explicit GgufWriter(const std::string& path);
  ~GgufWriter();

  void set_u32(std::string_view key, uint32_t value);
  void set_f32(std::string_view key, float value);
  void set_bool(std::string_view key, bool value);
  void set_string(std::string_view key, std::string_view value);
  void set_u32s(std::string_view key, std::span<const uint32_t> values);
  /// Declares a tensor, shape outermost first. All are declared before the first byte of data.
  void declare(std::string_view name, DType type, std::span<const int64_t> shape);
  /// Bytes the whole file will have.
  int64_t file_bytes() const;
  /// Appends data of the next declared tensor, in any number of pieces; output/failed when the disk is full.
  void write(std::span<const std::byte> data);
  /// Checks that every tensor is complete, syncs and renames into place.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dimoo
