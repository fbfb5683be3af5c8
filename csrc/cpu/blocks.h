// ggml's quantised rows as int8 values with a scale and a minimum per group: w = scale * q + minimum. Exact: these are the
// same integers and the same factors that dequantising multiplies out.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/dtype.h"

namespace dimoo::cpu {

/// One row of k values. Groups of 32 (Q8_0, Q4_0, Q4_K, Q5_K) or 16 (Q6_K); minima are zero but for Q4_K and Q5_K.
void unpack_int8(DType type, const std::byte* row, int64_t k, int8_t* q, float* scale, float* minimum);

}  // namespace dimoo::cpu
