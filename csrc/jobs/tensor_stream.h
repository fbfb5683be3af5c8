// Writes tensors into a GGUF file chunk by chunk: f32 values come from a feed, are checked to be finite and to fit, are brought
// into the file's type on all threads and written in order. Memory is bounded by chunks, never by a tensor.
#pragma once
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/function_ref.h"
#include "base/progress.h"
#include "base/thread_pool.h"
#include "source/gguf_writer.h"

namespace dimoo {

struct OutTensor {
  std::string name;
  DType type;
  std::vector<int64_t> shape;
  const std::byte* stored = nullptr;  // these very bytes are copied, not quantised again; always set for I8

  int64_t values() const;
};

/// Values [first, first + count) of tensor `tensor`; count is at most kChunkValues and starts at a multiple of it.
struct Chunk {
  size_t tensor;
  int64_t first, count;
};
inline constexpr int64_t kChunkValues = 1 << 18;

struct TensorFeed {
  /// Called on any thread, any number at once: the chunk's values.
  FunctionRef<void(const Chunk& chunk, float* to)> fill;
  /// Called in order once a chunk is in the file.
  FunctionRef<void(const Chunk& chunk)> done;
};

/// Declares and writes `tensors`. model/corrupt names a tensor with a value that is not finite, request/invalid one with a
/// value too large for its type; output/failed, aborted.
void stream_tensors(GgufWriter& writer, const std::vector<OutTensor>& tensors, const TensorFeed& feed, ThreadPool& pool,
                    const Progress& progress, const char* phase, const CancelToken& cancel);

/// The largest magnitude as f32 bits: 0x7f800000 and above is not finite.
uint32_t largest_magnitude(const float* values, int64_t count);

}  // namespace dimoo
