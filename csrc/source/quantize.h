// ggml's block formats, both ways (docs/files.md#types). Reading is exact, bit for bit; writing has at most 2 % more
// error than ggml's own plain quantiser. Works on whole rows; `count` is a multiple of the type's block.
#pragma once
#include <cstdint>

#include "base/dtype.h"

namespace dimoo {

/// `count` values of `type` at `from` to f32.
void dequantize(DType type, const std::byte* from, int64_t count, float* to);
/// `count` f32 values to `type`. NaN and infinity are the caller's to refuse.
void quantize(DType type, const float* from, int64_t count, std::byte* to);

}  // namespace dimoo
