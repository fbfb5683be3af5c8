// out (r, d) = rows `ids` (r) of the table (v, d), dequantised exactly. Reads and writes each value once.
#include "cuda/dequantize.h"
#include "cuda/kernels.h"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 256;

/// One block a row; each thread takes eight values at a time.
template <DType kType>
__global__ void embed_kernel(Matrix table, const int32_t* ids, float* out, int64_t stride) {
  const std::byte* row = table.data + ids[blockIdx.x] * table.pitch;
  float* to = out + blockIdx.x * stride;
  for (int64_t k = int64_t{threadIdx.x} * kEight; k < table.cols; k += kThreads * kEight) {
    float values[kEight];
    load_eight<kType>(row, k, table.cols, values);
    for (int i = 0; i < kEight && k + i < table.cols; i++) to[k + i] = values[i];
  }
}

}  // namespace

void embed(Stream& stream, const Matrix& table, const int32_t* ids, Tensor out) {
  with_type(table.type, [&]<DType kType>() {
    stream.launch("embed", embed_kernel<kType>, blocks(out.rows, 1), kThreads, 0, table, ids, out.f32(), out.stride);
  });
}

}  // namespace dimoo::cuda
