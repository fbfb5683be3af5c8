// RMSNorm: out (r, d) = x / sqrt(mean(x^2) + eps) * weight (d), f32 or bf16. The sum of squares is f64 as the oracle's. Bound by memory: 8
// or 6 bytes a value of x (the second read comes from the cache).
#include "cuda/kernels.h"
#include "cuda/reduce.cuh"
#include "cuda/values.cuh"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 256;

/// One block a row.
template <class To>
__global__ void norm_kernel(const float* x, int64_t x_stride, const float* weight, float eps, int64_t d, To* out, int64_t out_stride) {
  __shared__ Sum room[kThreads / kWarp];
  const float* row = x + blockIdx.x * x_stride;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < d; i += kThreads) sum += static_cast<double>(row[i]) * row[i];
  const double total = reduce_block(Sum{sum}, room, AddSums{}).value;
  const float factor = 1.0f / sqrtf(static_cast<float>(total / static_cast<double>(d)) + eps);
  To* to = out + blockIdx.x * out_stride;
  for (int64_t i = threadIdx.x; i < d; i += kThreads) put(to[i], row[i] * factor * weight[i]);
}

}  // namespace

void norm(Stream& stream, Tensor x, Tensor weight, float eps, Tensor out) {
  with_values_of(out, [&]<class To>(To*) {
    stream.launch("norm", norm_kernel<To>, blocks(x.rows, 1), kThreads, 0, x.f32(), x.stride, weight.f32(), eps, x.cols,
                  static_cast<To*>(out.data), out.stride);
  });
}

}  // namespace dimoo::cuda
