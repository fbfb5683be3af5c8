// Whether all values of x (r, d) are finite: a flag that the host reads when it settles. 4 bytes a value, 2 of bf16.
#include "cuda/kernels.h"
#include "cuda/values.cuh"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 256;

/// One block a row.
template <class From>
__global__ void finite_kernel(const From* x, int64_t stride, int64_t cols, int* bad) {
  bool finite = true;
  for (int64_t i = threadIdx.x; i < cols; i += kThreads) finite = finite && isfinite(value_of(x[blockIdx.x * stride + i]));
  if (__syncthreads_or(!finite) && threadIdx.x == 0) atomicAdd(bad, 1);
}

}  // namespace

void finite(Stream& stream, Tensor x) {
  const Buffer bad = stream.scratch(4);
  stream.clear(bad.data(), 4);
  with_values_of(x, [&]<class From>(From*) {
    stream.launch("finite", finite_kernel<From>, blocks(x.rows, 1), kThreads, 0, static_cast<const From*>(x.data), x.stride, x.cols,
                  static_cast<int*>(bad.data()));
  });
  stream.readbacks().add(bad, 4, [](const std::byte* data) {
    if (std::to_integer<int>(data[0] | data[1] | data[2] | data[3]) != 0) fail(Code::model_corrupt, "values are not finite");
  });
}

}  // namespace dimoo::cuda
