// out (r, pitch) = x (r, cols) rounded to bf16 (nearest even), zeros behind the columns: operands of tensor core products. 6 bytes a value,
// 4 where x is bf16 already and only lies otherwise.
#include "cuda/kernels.h"
#include "cuda/values.cuh"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 256;

/// One block a row.
template <class From>
__global__ void round_rows_kernel(const From* x, int64_t x_stride, int64_t cols, uint16_t* out, int64_t pitch) {
  for (int64_t i = threadIdx.x; i < pitch; i += kThreads)
    out[blockIdx.x * pitch + i] = i < cols ? bf16_bits(value_of(x[blockIdx.x * x_stride + i])) : uint16_t{0};
}

}  // namespace

void round_rows(Stream& stream, Tensor x, uint16_t* out, int64_t pitch) {
  with_values_of(x, [&]<class From>(From*) {
    stream.launch("round_rows", round_rows_kernel<From>, blocks(x.rows, 1), kThreads, 0, static_cast<const From*>(x.data), x.stride, x.cols,
                  out, pitch);
  });
}

}  // namespace dimoo::cuda
