// GGUF v3, little endian:
//   "GGUF" u32 version u64 tensors u64 keys
//   keys:    string name, u32 type, value       string = u64 length, bytes; array = u32 type, u64 count, values
//   tensors: string name, u32 dimensions, u64 sizes (innermost first), u32 type, u64 offset
//   padding to general.alignment (32), then tensor data; offsets count from there and are multiples of the alignment.
// Value types: 0 u8 1 i8 2 u16 3 i16 4 u32 5 i32 6 f32 7 bool 8 string 9 array 10 u64 11 i64 12 f64.
#pragma once
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "source/source.h"

namespace dimoo {

struct Gguf {
  Json metadata{Json::Object{}};
  std::vector<SourceTensor> tensors;  // shapes outermost first
};

/// Reads a whole file that lies in memory; `what` names it in errors. model/corrupt, model/unsupported (type, version).
Gguf parse_gguf(std::span<const std::byte> bytes, std::string_view what);

/// ggml's number of a type and back.
uint32_t gguf_type(DType type);
std::optional<DType> dtype_of_gguf(uint32_t number);
/// general.file_type for a file of mostly this type.
uint32_t gguf_file_type(DType type);

}  // namespace dimoo
