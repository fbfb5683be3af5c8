// A matrix bound to a GPU. It is uploaded once as stored (plain types with rows padded to 16 bytes); slices of a matrix that is already
// there share its memory.
#pragma once
#include <map>
#include <memory>

#include "cuda/kernels.h"

namespace dimoo::cuda {

/// What the products with a matrix are made of.
enum class Compute { f32, bf16 };

class CudaWeight : public Weight {
 public:
  CudaWeight(Matrix matrix, Compute compute, std::shared_ptr<Buffer> memory, int64_t taps = 1, Sampling sampling = Sampling::same)
      : Weight(matrix.rows, matrix.cols, compute == Compute::bf16 ? DType::bf16 : DType::f32, taps, sampling),
        matrix_(matrix),
        compute_(compute),
        memory_(std::move(memory)) {}
  const Matrix& matrix() const { return matrix_; }
  Compute compute() const { return compute_; }

 private:
  Matrix matrix_;
  Compute compute_;
  std::shared_ptr<Buffer> memory_;
};

/// docs/contracts.md#precision: F32 weights keep f32, all others compute in bf16 when fast.
Compute compute_for(DType type, Precision precision);

class WeightStore {
 public:
  explicit WeightStore(Stream& stream) : stream_(stream) {}
  std::unique_ptr<Weight> matrix(const HostTensor& tensor, Precision precision);
  /// (out, in, size, size) in f32 with taps outermost.
  std::unique_ptr<Weight> kernel(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling);

 private:
  struct Uploaded {
    HostTensor host;
    int64_t pitch = 0;
    std::weak_ptr<Buffer> memory;
  };
  std::shared_ptr<Buffer> upload(const HostTensor& tensor, int64_t pitch);

  Stream& stream_;
  std::map<const std::byte*, Uploaded> known_;  // by first byte; the source's mapping outlives its weights
};

}  // namespace dimoo::cuda
