// gather: out row i = x row rows[i]. scatter: out row rows[i] = x row i, rows distinct, rounded where out is bf16 and x is not. 8, 6 or 4
// bytes a value.
#include "cuda/kernels.h"
#include "cuda/values.cuh"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 256;

/// One block a row; `from` or `to` null: the row itself.
template <class From, class To>
__global__ void move_rows(const From* x, int64_t x_stride, const int32_t* from, To* out, int64_t out_stride, const int32_t* to,
                          int64_t cols) {
  const From* source = x + (from ? from[blockIdx.x] : static_cast<int64_t>(blockIdx.x)) * x_stride;
  To* target = out + (to ? to[blockIdx.x] : static_cast<int64_t>(blockIdx.x)) * out_stride;
  for (int64_t i = threadIdx.x; i < cols; i += kThreads) put(target[i], value_of(source[i]));
}

void move(Stream& stream, const char* name, Tensor x, const int32_t* from, Tensor out, const int32_t* to, int64_t rows) {
  with_values_of(x, [&]<class From>(From*) {
    with_values_of(out, [&]<class To>(To*) {
      stream.launch(name, move_rows<From, To>, blocks(rows, 1), kThreads, 0, static_cast<const From*>(x.data), x.stride, from,
                    static_cast<To*>(out.data), out.stride, to, x.cols);
    });
  });
}

}  // namespace

void gather(Stream& stream, Tensor x, const int32_t* rows, Tensor out) { move(stream, "gather", x, rows, out, nullptr, out.rows); }

void scatter(Stream& stream, Tensor x, const int32_t* rows, Tensor out) { move(stream, "scatter", x, nullptr, out, rows, x.rows); }

}  // namespace dimoo::cuda
