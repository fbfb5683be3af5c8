// Rows are dequantised in parallel; a tensor's pages are given back once it was read.
#include "jobs/verify.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/thread_pool.h"
#include "source/quantize.h"

namespace dimoo {
namespace {

constexpr int64_t kRows = 64;  // rows of one task

int64_t count_non_finite(const SourceTensor& tensor, ThreadPool& pool) {
  const int64_t cols = tensor.shape.back(), rows = tensor.values() / cols, row_bytes = type_bytes(tensor.type, cols);
  std::atomic<int64_t> count{0};
  pool.run((rows + kRows - 1) / kRows, [&](int64_t task, int) {
    std::vector<float> row(static_cast<size_t>(cols));
    for (int64_t r = task * kRows; r < std::min(rows, (task + 1) * kRows); r++) {
      dequantize(tensor.type, tensor.data + r * row_bytes, cols, row.data());
      count += std::count_if(row.begin(), row.end(), [](float v) { return !std::isfinite(v); });
    }
  });
  return count;
}

void release(const Source& source, const SourceTensor& tensor) {
  for (const MappedFile& file : source.files()) {
    const std::byte* begin = file.bytes().data();
    if (tensor.data >= begin && tensor.data < begin + file.bytes().size())
      file.release(static_cast<size_t>(tensor.data - begin), static_cast<size_t>(tensor.bytes));
  }
}

}  // namespace

std::vector<NonFinite> find_non_finite(const Source& source, const Progress& progress, const CancelToken* cancel) {
  ThreadPool pool;
  pool.set_cancel(cancel);
  int64_t total = 0, done = 0;
  for (const SourceTensor& tensor : source.tensors()) total += tensor.bytes;
  std::vector<NonFinite> found;
  for (const SourceTensor& tensor : source.tensors()) {
    if (cancel) cancel->check();
    if (tensor.type == DType::i8 || tensor.type == DType::i32) continue;
    if (const int64_t count = count_non_finite(tensor, pool)) found.push_back({tensor.name, count});
    release(source, tensor);
    done += tensor.bytes;
    if (progress) progress("verify", done, total);
  }
  return found;
}

void refuse_non_finite(const Source& source, const Progress& progress, const CancelToken* cancel) {
  const auto found = find_non_finite(source, progress, cancel);
  if (!found.empty())
    fail(Code::model_corrupt, source.path(), ": ", found.front().tensor, ": ", found.front().count, " values are not finite");
}

}  // namespace dimoo
