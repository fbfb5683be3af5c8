// Safetensors: u64 header length, a JSON header {name: {dtype, shape, data_offsets: [begin, end]}, "__metadata__": {...}}, then
// data. Checked in full: lengths, offsets, overlaps, shape against bytes.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/mapped_file.h"

namespace dimoo {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // as the file spells it: "F32", "BF16", "I32", ...
  std::vector<int64_t> shape;
  std::span<const std::byte> data;
};

/// Reads a whole file that lies in memory; `what` names it in errors. model/corrupt.
std::vector<SafetensorsEntry> parse_safetensors(std::span<const std::byte> bytes, std::string_view what);

/// A mapped file with its entries, in the file's order.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path) : file_(path), entries_(parse_safetensors(file_.bytes(), path)) {}
  const std::vector<SafetensorsEntry>& entries() const { return entries_; }
  /// model/corrupt when there is none of that name.
  const SafetensorsEntry& at(std::string_view name) const;

 private:
  MappedFile file_;
  std::vector<SafetensorsEntry> entries_;
};

}  // namespace dimoo
