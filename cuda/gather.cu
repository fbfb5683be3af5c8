// gather: out row i = x row rows[i]. scatter: out row rows[i] = x row i, rows distinct. 8 bytes a value.
#include "cuda/kernels.h"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 256;

/// One block a row; `from` or `to` null: the row itself.
__global__ void move_rows(const float* x, int64_t x_stride, const int32_t* from, float* out, int64_t out_stride, const int32_t* to,
                          int64_t cols) {
  const float* source = x + (from ? from[blockIdx.x] : static_cast<int64_t>(blockIdx.x)) * x_stride;
  float* target = out + (to ? to[blockIdx.x] : static_cast<int64_t>(blockIdx.x)) * out_stride;
  for (int64_t i = threadIdx.x; i < cols; i += kThreads) target[i] = source[i];
}

}  // namespace

void gather(Stream& stream, Tensor x, const int32_t* rows, Tensor out) {
  stream.launch("gather", move_rows, blocks(out.rows, 1), kThreads, 0, x.f32(), x.stride, rows, out.f32(), out.stride, nullptr, x.cols);
}

void scatter(Stream& stream, Tensor x, const int32_t* rows, Tensor out) {
  stream.launch("scatter", move_rows, blocks(x.rows, 1), kThreads, 0, x.f32(), x.stride, nullptr, out.f32(), out.stride, rows, x.cols);
}

}  // namespace dimoo::cuda
