// Writes a safetensors file: all tensors are declared, then their data streamed in the same order. The file appears under its name only
// when `finish` has succeeded.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/json.h"
#include "base/output_file.h"

namespace dimoo {

class SafetensorsWriter {
 public:
  /// output/failed when the folder is not writable.
  explicit SafetensorsWriter(const std::string& path) : file_(path) {}

  /// F32, F16 or BF16; shape outermost first. All are declared before the first byte of data.
  void declare(const std::string& name, DType type, std::span<const int64_t> shape);
  /// Bytes of all declared tensors.
  int64_t data_bytes() const { return end_; }
  /// Appends data of the next declared tensor, in any number of pieces; output/failed when the disk is full.
  void write(std::span<const std::byte> data);
  /// Checks that every tensor is complete, syncs and renames into place.
  void finish();

 private:
  void write_header();

  OutputFile file_;
  Json::Object header_;
  int64_t end_ = 0, written_ = 0;
  bool begun_ = false;
};

}  // namespace dimoo
