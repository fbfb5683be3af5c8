// Two batches in flight: while the threads fill one, the first task of the same job writes the other.
#include "jobs/tensor_stream.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "base/error.h"
#include "source/quantize.h"

namespace dimoo {
namespace {

constexpr int kChunksPerThread = 4;

/// The largest f32 that stays finite in `type`; for blocks the f16 scale is what overflows.
float largest_finite(DType type) {
  switch (type) {
    case DType::f16: return 65504.0f;
    case DType::bf16: return 3.3895314e38f;
    case DType::q8_0: return 127.0f * 65504.0f;
    case DType::q6_k:
    case DType::q5_k:
    case DType::q4_k:
    case DType::q4_0: return 7.0f * 65504.0f;
    default: return 3.4028235e38f;
  }
}

struct Batch {
  std::vector<Chunk> chunks;
  std::vector<std::vector<std::byte>> bytes;  // per chunk, kept between batches
};

class Stream {
 public:
  Stream(GgufWriter& writer, const std::vector<OutTensor>& tensors, const TensorFeed& feed, ThreadPool& pool)
      : writer_(writer), tensors_(tensors), feed_(feed), pool_(pool), scratch_(static_cast<size_t>(pool.threads())) {}

  void run(const Progress& progress, const char* phase, const CancelToken& cancel) {
    int64_t total = 0, done = 0;
    for (const OutTensor& tensor : tensors_) total += bytes_of(tensor, tensor.values());
    Batch filling, written;
    do {
      cancel.check();
      next_batch(filling);
      const auto fresh = static_cast<int64_t>(filling.chunks.size());
      pool_.run(fresh + 1, [&](int64_t task, int worker) {
        if (task == 0)
          write(written);
        else
          make(filling, static_cast<size_t>(task - 1), scratch_[static_cast<size_t>(worker)]);
      });
      for (const Chunk& chunk : written.chunks) {
        done += bytes_of(tensors_[chunk.tensor], chunk.count);
        feed_.done(chunk);
      }
      if (progress && !written.chunks.empty()) progress(phase, done, total);
      std::swap(filling, written);
    } while (!written.chunks.empty());
  }

 private:
  static int64_t bytes_of(const OutTensor& tensor, int64_t values) { return type_bytes(tensor.type, values); }

  void next_batch(Batch& batch) {
    batch.chunks.clear();
    const auto most = static_cast<size_t>(std::min(pool_.threads() * kChunksPerThread, 64));
    while (batch.chunks.size() < most && at_.tensor < tensors_.size()) {
      const int64_t values = tensors_[at_.tensor].values();
      at_.count = std::min(kChunkValues, values - at_.first);
      batch.chunks.push_back(at_);
      at_.first += at_.count;
      if (at_.first == values) at_ = {at_.tensor + 1, 0, 0};
    }
    batch.bytes.resize(std::max(batch.bytes.size(), batch.chunks.size()));
  }

  void make(Batch& batch, size_t index, std::vector<float>& values) {
    const Chunk& chunk = batch.chunks[index];
    const OutTensor& tensor = tensors_[chunk.tensor];
    std::vector<std::byte>& out = batch.bytes[index];
    out.resize(static_cast<size_t>(bytes_of(tensor, chunk.count)));
    if (tensor.stored) std::memcpy(out.data(), tensor.stored + bytes_of(tensor, chunk.first), out.size());
    if (tensor.type == DType::i8) return;  // bytes, not weights
    values.resize(kChunkValues);
    feed_.fill(chunk, values.data());
    check(tensor, largest_magnitude(values.data(), chunk.count));
    if (!tensor.stored) quantize(tensor.type, values.data(), chunk.count, out.data());
  }

  static void check(const OutTensor& tensor, uint32_t largest) {
    if (largest >= 0x7f800000u) fail(Code::model_corrupt, "tensor ", tensor.name, ": expected finite weights, got NaN or infinity");
    if (const float value = std::bit_cast<float>(largest); !tensor.stored && value > largest_finite(tensor.type))
      fail(Code::request_invalid, "type: tensor ", tensor.name, " has a value of ", value, ", too large for ", type_info(tensor.type).name);
  }

  void write(const Batch& batch) {
    for (size_t i = 0; i < batch.chunks.size(); i++) writer_.write(batch.bytes[i]);
  }

  GgufWriter& writer_;
  const std::vector<OutTensor>& tensors_;
  const TensorFeed& feed_;
  ThreadPool& pool_;
  std::vector<std::vector<float>> scratch_;  // per worker
  Chunk at_{0, 0, 0};
};

}  // namespace

int64_t OutTensor::values() const {
  int64_t count = 1;
  for (const int64_t side : shape) count *= side;
  return count;
}

uint32_t largest_magnitude(const float* values, int64_t count) {
  int32_t largest = 0;
  for (int64_t i = 0; i < count; i++) {
    const auto magnitude = static_cast<int32_t>(std::bit_cast<uint32_t>(values[i]) & 0x7fffffffu);
    largest = std::max(largest, magnitude);
  }
  return static_cast<uint32_t>(largest);
}

void stream_tensors(GgufWriter& writer, const std::vector<OutTensor>& tensors, const TensorFeed& feed, ThreadPool& pool,
                    const Progress& progress, const char* phase, const CancelToken& cancel) {
  for (const OutTensor& tensor : tensors) writer.declare(tensor.name, tensor.type, tensor.shape);
  pool.set_cancel(&cancel);
  Stream(writer, tensors, feed, pool).run(progress, phase, cancel);
  pool.set_cancel(nullptr);
}

}  // namespace dimoo
