// ids[i] = the row of table (k, c) nearest to row i of x (n, c): squared distances summed in order of c, the lowest index of equals.
// 3 n k c operations; the table is read from the cache once a row.
#include <cmath>

#include "cuda/dequantize.h"
#include "cuda/kernels.h"
#include "cuda/reduce.cuh"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 256;

/// One block a row; scores are negated distances, so that the best is the nearest.
template <DType kType>
__global__ void nearest_kernel(const float* x, int64_t stride, Matrix table, int32_t* ids) {
  __shared__ Best<float> room[kThreads / kWarp];
  const float* point = x + blockIdx.x * stride;
  Best<float> best{-INFINITY, 0x7fffffff};
  for (int64_t entry = threadIdx.x; entry < table.rows; entry += kThreads) {
    const std::byte* row = table.data + entry * table.pitch;
    float sum = 0;
    for (int64_t c = 0; c < table.cols; c += kEight) {
      float values[kEight];
      load_eight<kType>(row, c, table.cols, values);
      for (int i = 0; i < kEight && c + i < table.cols; i++) {
        const float d = point[c + i] - values[i];
        sum += d * d;
      }
    }
    best = TakeBest{}(best, Best<float>{-sum, static_cast<int>(entry)});
  }
  best = reduce_block(best, room, TakeBest{});
  if (threadIdx.x == 0) ids[blockIdx.x] = best.index;
}

}  // namespace

void nearest(Stream& stream, Tensor x, const Matrix& table, int32_t* ids) {
  with_type(table.type, [&]<DType kType>() {
    stream.launch("nearest", nearest_kernel<kType>, blocks(x.rows, 1), kThreads, 0, x.f32(), x.stride, table, ids);
  });
}

}  // namespace dimoo::cuda
