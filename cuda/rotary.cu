// In place on x (r, heads * hd), half-split: (a, b) of the two halves becomes (a c - b s, b c + a s) with the angles of the row's
// position. Bound by memory: 8 bytes a value.
#include "cuda/kernels.h"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 256;

/// One block a row.
__global__ void rotary_kernel(float* x, int64_t x_stride, const int32_t* positions, const float* table, int64_t table_stride, int pairs,
                              int half) {
  float* row = x + blockIdx.x * x_stride;
  const float* angles = table + positions[blockIdx.x] * table_stride;
  for (int i = threadIdx.x; i < pairs; i += kThreads) {
    const int in = i % half;
    float* v = row + i / half * 2 * half + in;
    const float a = v[0], b = v[half], c = angles[in], s = angles[half + in];
    v[0] = a * c - b * s;
    v[half] = b * c + a * s;
  }
}

}  // namespace

void rotary(Stream& stream, Tensor x, const int32_t* positions, Tensor table, int heads) {
  stream.launch("rotary", rotary_kernel, blocks(x.rows, 1), kThreads, 0, x.f32(), x.stride, positions, table.f32(), table.stride,
                static_cast<int>(x.cols / 2), static_cast<int>(x.cols / heads / 2));
}

}  // namespace dimoo::cuda
