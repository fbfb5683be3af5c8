// sums (2, c) += each channel's sum and sum of squares in f64: a row of pixels from left to right, then row after row, so that strips of
// a picture, in order, add up to the same bits as the whole. 4 bytes a value.
#include "cuda/kernels.h"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 128;

/// Block (row of pixels, channels); partial (rows, 2, c).
__global__ void row_sums(const float* x, int64_t stride, int64_t width, int64_t channels, double* partial) {
  const int64_t c = blockIdx.y * int64_t{kThreads} + threadIdx.x;
  if (c >= channels) return;
  const float* at = x + blockIdx.x * width * stride + c;
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < width; i++) {
    const double v = at[i * stride];
    sum += v, squares += v * v;
  }
  double* to = partial + blockIdx.x * 2 * channels;
  to[c] = sum, to[channels + c] = squares;
}

/// A thread a sum.
__global__ void add_rows(const double* partial, int64_t rows, int64_t count, double* sums) {
  const int64_t i = blockIdx.x * int64_t{kThreads} + threadIdx.x;
  if (i >= count) return;
  double sum = sums[i];
  for (int64_t row = 0; row < rows; row++) sum += partial[row * count + i];
  sums[i] = sum;
}

}  // namespace

void channel_sums(Stream& stream, Image x, double* sums) {
  const int64_t rows = x.rows(), channels = x.channels();
  const Buffer partial = stream.scratch(rows * 2 * channels * 8);
  auto* parts = static_cast<double*>(partial.data());
  stream.launch("channel_sums", row_sums, dim3(static_cast<unsigned>(rows), blocks(channels, kThreads)), kThreads, 0, x.pixels.f32(),
                x.pixels.stride, x.width, channels, parts);
  stream.launch("channel_sums rows", add_rows, blocks(2 * channels, kThreads), kThreads, 0, parts, rows, 2 * channels, sums);
}

}  // namespace dimoo::cuda
