// out (r, 1) = the largest value of each row of x (r, v). 4 bytes a value.
#include <cmath>

#include "cuda/kernels.h"
#include "cuda/reduce.cuh"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 256;

/// One block a row.
__global__ void row_max_kernel(const float* x, int64_t x_stride, int64_t cols, float* out, int64_t out_stride) {
  __shared__ Largest room[kThreads / kWarp];
  float top = -INFINITY;
  for (int64_t i = threadIdx.x; i < cols; i += kThreads) top = fmaxf(top, x[blockIdx.x * x_stride + i]);
  top = reduce_block(Largest{top}, room, TakeLargest{}).value;
  if (threadIdx.x == 0) out[blockIdx.x * out_stride] = top;
}

}  // namespace

void row_max(Stream& stream, Tensor x, Tensor out) {
  stream.launch("row_max", row_max_kernel, blocks(x.rows, 1), kThreads, 0, x.f32(), x.stride, x.cols, out.f32(), out.stride);
}

}  // namespace dimoo::cuda
