// gather: out row i = x row rows[i]. scatter: out row rows[i] = x row i, rows distinct, rounded where out is bf16. 8 or 6 bytes a value.
#include "cuda/dequantize.h"
#include "cuda/kernels.h"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 256;

__device__ inline void put(float& to, float value) { to = value; }
__device__ inline void put(uint16_t& to, float value) { to = bf16_bits(value); }

/// One block a row; `from` or `to` null: the row itself.
template <class To>
__global__ void move_rows(const float* x, int64_t x_stride, const int32_t* from, To* out, int64_t out_stride, const int32_t* to,
                          int64_t cols) {
  const float* source = x + (from ? from[blockIdx.x] : static_cast<int64_t>(blockIdx.x)) * x_stride;
  To* target = out + (to ? to[blockIdx.x] : static_cast<int64_t>(blockIdx.x)) * out_stride;
  for (int64_t i = threadIdx.x; i < cols; i += kThreads) put(target[i], source[i]);
}

template <class To>
void move(Stream& stream, const char* name, Tensor x, const int32_t* from, Tensor out, const int32_t* to, int64_t rows) {
  stream.launch(name, move_rows<To>, blocks(rows, 1), kThreads, 0, x.f32(), x.stride, from, static_cast<To*>(out.data), out.stride, to,
                x.cols);
}

}  // namespace

void gather(Stream& stream, Tensor x, const int32_t* rows, Tensor out) { move<float>(stream, "gather", x, rows, out, nullptr, out.rows); }

void scatter(Stream& stream, Tensor x, const int32_t* rows, Tensor out) {
  if (out.type == DType::bf16) return move<uint16_t>(stream, "scatter", x, nullptr, out, rows, x.rows);
  move<float>(stream, "scatter", x, nullptr, out, rows, x.rows);
}

}  // namespace dimoo::cuda
