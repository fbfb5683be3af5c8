// What the fuzz targets share: a reader may refuse its input with an Error and nothing else; what it accepts, it must be able
// to read to the last byte.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "source/quantize.h"
#include "source/source.h"

namespace fuzz {

inline std::span<const std::byte> bytes_of(const uint8_t* data, size_t size) { return std::as_bytes(std::span(data, size)); }
inline std::string_view text_of(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }

/// True when `body` came to its end; false when it refused. An Error without a code of the table is a finding.
template <class Body>
bool accepts(Body body) {
  try {
    body();
    return true;
  } catch (const dimoo::Error& error) {
    if (error.code() == dimoo::Code::internal || error.text().empty()) std::abort();
    return false;
  }
}

inline void require(bool condition) {
  if (!condition) std::abort();
}

/// Reads every byte; volatile, so that no optimiser leaves it out.
inline void touch(std::span<const std::byte> bytes) {
  volatile unsigned sum = 0;
  for (const std::byte byte : bytes) sum = sum + static_cast<unsigned>(byte);
}

/// Reads every value of a tensor, row by row.
inline void read_all(const dimoo::SourceTensor& tensor) {
  touch({tensor.data, static_cast<size_t>(tensor.bytes)});
  if (tensor.type == dimoo::DType::i8 || tensor.type == dimoo::DType::i32) return;
  const int64_t cols = tensor.shape.back(), rows = tensor.values() / cols;
  std::vector<float> row(static_cast<size_t>(cols));
  for (int64_t r = 0; r < rows; r++)
    dimoo::dequantize(tensor.type, tensor.data + r * dimoo::type_bytes(tensor.type, cols), cols, row.data());
}

}  // namespace fuzz
