// Uploads go through the stream's pinned staging in pieces, so the host copies one piece while the one before is on its way.
#include <algorithm>
#include <cstring>
#include <vector>

#include "cuda/dequantize.h"
#include "cuda/weight.h"

namespace dimoo::cuda {
namespace {

constexpr int64_t kAlignment = 16;     // of the rows of plain types: what cp.async copies
constexpr int64_t kPiece = 4ll << 20;  // bytes padded on the host at a time

int64_t pitch_of(DType type, int64_t cols) {
  const int64_t bytes = type_bytes(type, cols);
  return is_quantized(type) ? bytes : (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

Compute compute_for(DType type, Precision precision) {
  return precision == Precision::f32 || type == DType::f32 ? Compute::f32 : Compute::bf16;
}

std::shared_ptr<Buffer> WeightStore::upload(const HostTensor& tensor, int64_t pitch) {
  auto memory = std::make_shared<Buffer>(stream_.scratch(tensor.rows * pitch));
  auto* to = static_cast<std::byte*>(memory->data());
  const int64_t bytes = type_bytes(tensor.type, tensor.cols);
  if (bytes == pitch) {
    stream_.upload(to, tensor.data, tensor.rows * pitch);
    return memory;
  }
  const int64_t rows = std::max<int64_t>(1, kPiece / pitch);
  std::vector<std::byte> piece(static_cast<size_t>(std::min(rows, tensor.rows) * pitch));
  for (int64_t first = 0; first < tensor.rows; first += rows) {
    const int64_t count = std::min(rows, tensor.rows - first);
    for (int64_t r = 0; r < count; r++)
      std::memcpy(piece.data() + r * pitch, tensor.data + (first + r) * bytes, static_cast<size_t>(bytes));
    stream_.upload(to + first * pitch, piece.data(), count * pitch);
  }
  return memory;
}

std::unique_ptr<Weight> WeightStore::matrix(const HostTensor& tensor, Precision precision) {
  const int64_t pitch = pitch_of(tensor.type, tensor.cols);
  std::shared_ptr<Buffer> memory;
  int64_t first_row = 0;
  std::erase_if(known_, [](const auto& entry) { return entry.second.memory.expired(); });
  if (auto at = known_.upper_bound(tensor.data); at != known_.begin()) {
    const Uploaded& near = (--at)->second;
    const int64_t before = tensor.data - near.host.data;
    const bool same = near.host.type == tensor.type && near.host.cols == tensor.cols && before % type_bytes(tensor.type, tensor.cols) == 0;
    if (same && before + tensor.bytes() <= near.host.bytes() && (memory = near.memory.lock()))
      first_row = before / type_bytes(tensor.type, tensor.cols);
  }
  if (!memory) {
    memory = upload(tensor, pitch);
    known_[tensor.data] = {tensor, pitch, memory};
  }
  const Matrix matrix{static_cast<const std::byte*>(memory->data()) + first_row * pitch, tensor.type, tensor.rows, tensor.cols, pitch};
  return std::make_unique<CudaWeight>(matrix, compute_for(tensor.type, precision), std::move(memory));
}

std::unique_ptr<Weight> WeightStore::kernel(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) {
  const int64_t taps = size * size, pitch = pitch_of(DType::f32, tensor.cols), row_bytes = type_bytes(tensor.type, tensor.cols);
  std::vector<float> plain(static_cast<size_t>(tensor.cols + kEight)), ordered(static_cast<size_t>(tensor.rows * tensor.cols));
  for (int64_t r = 0; r < tensor.rows; r++) {
    with_type(tensor.type, [&]<DType kType>() {
      for (int64_t k = 0; k < tensor.cols; k += kEight) load_eight<kType>(tensor.data + r * row_bytes, k, tensor.cols, plain.data() + k);
    });
    for (int64_t tap = 0; tap < taps; tap++)
      for (int64_t c = 0; c < in; c++)
        ordered[static_cast<size_t>(r * tensor.cols + tap * in + c)] = plain[static_cast<size_t>(c * taps + tap)];
  }
  const HostTensor f32{tensor.name, DType::f32, tensor.rows, tensor.cols, reinterpret_cast<const std::byte*>(ordered.data())};
  auto memory = upload(f32, pitch);
  const Matrix matrix{static_cast<const std::byte*>(memory->data()), DType::f32, tensor.rows, tensor.cols, pitch};
  return std::make_unique<CudaWeight>(matrix, Compute::f32, std::move(memory), taps, sampling);
}

}  // namespace dimoo::cuda
