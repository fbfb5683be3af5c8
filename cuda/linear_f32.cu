// out (r, n) = or += x (r, k) w (n, k)^T, exact f32: the path of Precision::f32 and of F32 weights.
#include "cuda/tile_f32.cuh"

namespace dimoo::cuda {
namespace {

struct Rows {
  const float* x;
  int64_t stride, cols;
  __device__ void load(int64_t row, int64_t k, float* out) const {
    for (int i = 0; i < kEight; i++) out[i] = k + i < cols ? x[row * stride + k + i] : 0.0f;
  }
};

template <Epilogue kEpilogue>
struct Store {
  float* out;
  int64_t stride;
  __device__ void operator()(int64_t row, int64_t col, float value) const {
    float& to = out[row * stride + col];
    to = kEpilogue == Epilogue::add ? to + value : value;
  }
};

}  // namespace

void linear_f32(Stream& stream, Tensor x, const Matrix& w, Epilogue epilogue, Tensor out) {
  const Rows rows{x.f32(), x.stride, x.cols};
  if (epilogue == Epilogue::add)
    launch_product_f32(stream, "linear_add f32", rows, w, x.rows, Store<Epilogue::add>{out.f32(), out.stride});
  else
    launch_product_f32(stream, "linear f32", rows, w, x.rows, Store<Epilogue::store>{out.f32(), out.stride});
}

}  // namespace dimoo::cuda
