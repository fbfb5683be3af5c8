// out (n, k) = w (n, k) of another stored type, dequantised exactly and rounded to bf16: what many rows are multiplied with. Reads each
// stored byte once and writes 2 bytes a value.
#include "cuda/dequantize.h"
#include "cuda/kernels.h"
#include "cuda/ptx/convert.cuh"

namespace dimoo::cuda {
namespace {

constexpr int kThreads = 256;

/// A thread makes eight values at a time; rows of the result are padded to 16 bytes.
template <DType kType>
__global__ void __launch_bounds__(kThreads) expand_kernel(Matrix w, uint16_t* out, int64_t eights) {
  const int64_t at = blockIdx.x * int64_t{kThreads} + threadIdx.x, row = at / eights, k = at % eights * kEight;
  if (row >= w.rows) return;
  float v[kEight];
  load_eight<kType>(w.data + row * w.pitch, k, w.cols, v);
  const uint4 packed{ptx::pack_bf16(v[0], v[1]), ptx::pack_bf16(v[2], v[3]), ptx::pack_bf16(v[4], v[5]), ptx::pack_bf16(v[6], v[7])};
  reinterpret_cast<uint4*>(out)[at] = packed;
}

}  // namespace

Buffer expand(Stream& stream, Matrix& w) {
  const int64_t eights = (w.cols + kEight - 1) / kEight;
  Buffer memory = stream.scratch(w.rows * eights * kEight * 2);
  auto* out = static_cast<uint16_t*>(memory.data());
  stream.expect({.bytes = static_cast<double>(w.rows * (w.pitch + eights * kEight * 2))});
  with_type(w.type, [&]<DType kType>() {
    if constexpr (kType != DType::f32 && kType != DType::bf16)
      stream.launch("expand", expand_kernel<kType>, blocks(w.rows * eights, kThreads), kThreads, 0, w, out, eights);
  });
  w = {static_cast<const std::byte*>(memory.data()), DType::bf16, w.rows, w.cols, eights * kEight * 2};
  return memory;
}

}  // namespace dimoo::cuda
