// out = act((x - mean) / sqrt(var + eps) * weight + bias), statistics per group of channels over the picture, in f64 as the oracle.
// Three kernels: partial sums of fixed pieces of pixels, their sum in order, the map. 12 bytes a value.
#include "cuda/kernels.h"
#include "cuda/reduce.cuh"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kPiece = 512;  // pixels of one partial sum

struct Moments {
  double sum, squares;
  __device__ Moments shuffled(int step) const {
    return {__shfl_xor_sync(0xffffffffu, sum, step), __shfl_xor_sync(0xffffffffu, squares, step)};
  }
};
struct AddMoments {
  __device__ Moments operator()(Moments a, Moments b) const { return {a.sum + b.sum, a.squares + b.squares}; }
};
struct Statistics {
  double mean, factor;
};

/// Block (piece, group) -> partial[group * pieces + piece].
__global__ void partial_moments(const float* x, int64_t stride, int64_t pixels, int width, Moments* partial) {
  __shared__ Moments room[kThreads / kWarp];
  const int64_t first = blockIdx.x * kPiece, count = min(kPiece, pixels - first);
  const float* at = x + first * stride + static_cast<int64_t>(blockIdx.y) * width;
  Moments own{0, 0};
  for (int64_t i = threadIdx.x; i < count * width; i += kThreads) {
    const double v = at[i / width * stride + i % width];
    own.sum += v, own.squares += v * v;
  }
  own = reduce_block(own, room, AddMoments{});
  if (threadIdx.x == 0) partial[static_cast<int64_t>(blockIdx.y) * gridDim.x + blockIdx.x] = own;
}

/// One block a group.
__global__ void group_statistics(const Moments* partial, int64_t pieces, double count, float eps, Statistics* statistics) {
  __shared__ Moments room[kThreads / kWarp];
  Moments own{0, 0};
  for (int64_t i = threadIdx.x; i < pieces; i += kThreads) own = AddMoments{}(own, partial[blockIdx.x * pieces + i]);
  own = reduce_block(own, room, AddMoments{});
  if (threadIdx.x > 0) return;
  const double mean = own.sum / count;
  statistics[blockIdx.x] = {mean, 1.0 / sqrt(fmax(0.0, own.squares / count - mean * mean) + eps)};
}

/// May work in place: a thread reads only what it writes.
template <Activation kAct>
__global__ void normalise(const float* x, int64_t x_stride, int64_t values, int channels, int width, const Statistics* statistics,
                          const float* weight, const float* bias, float* out, int64_t out_stride) {
  for (int64_t i = blockIdx.x * int64_t{kThreads} + threadIdx.x; i < values; i += int64_t{gridDim.x} * kThreads) {
    const int c = static_cast<int>(i % channels);
    const int64_t pixel = i / channels;
    const Statistics s = statistics[c / width];
    const auto v = static_cast<float>((x[pixel * x_stride + c] - s.mean) * s.factor * weight[c] + bias[c]);
    out[pixel * out_stride + c] = kAct == Activation::silu ? v / (1.0f + expf(-v)) : v;
  }
}

}  // namespace

void group_norm(Stream& stream, Image x, Tensor weight, Tensor bias, int groups, float eps, Activation act, Image out) {
  const int64_t pixels = x.pixels.rows, values = pixels * x.channels(), pieces = (pixels + kPiece - 1) / kPiece;
  const int channels = static_cast<int>(x.channels()), width = channels / groups;
  const Buffer partial = stream.scratch(pieces * groups * static_cast<int64_t>(sizeof(Moments)));
  const Buffer statistics = stream.scratch(groups * static_cast<int64_t>(sizeof(Statistics)));
  auto* moments = static_cast<Moments*>(partial.data());
  auto* result = static_cast<Statistics*>(statistics.data());
  stream.launch("group_norm sums", partial_moments, dim3(static_cast<unsigned>(pieces), static_cast<unsigned>(groups)), kThreads, 0,
                x.pixels.f32(), x.pixels.stride, pixels, width, moments);
  stream.launch("group_norm statistics", group_statistics, static_cast<unsigned>(groups), kThreads, 0, moments, pieces,
                static_cast<double>(pixels * width), eps, result);
  stream.launch("group_norm", act == Activation::silu ? normalise<Activation::silu> : normalise<Activation::none>,
                std::min(blocks(values, kThreads), 65536u), kThreads, 0, x.pixels.f32(), x.pixels.stride, values, channels, width, result,
                weight.f32(), bias.f32(), out.pixels.f32(), out.pixels.stride);
}

}  // namespace dimoo::cuda
