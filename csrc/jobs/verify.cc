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

struct Counts {
  std::atomic<int64_t> non_finite{0}, other_than_zero{0};
};

void count(const SourceTensor& tensor, ThreadPool& pool, Counts& counts) {
  const int64_t cols = tensor.shape.back(), rows = tensor.values() / cols, row_bytes = type_bytes(tensor.type, cols);
  pool.run((rows + kRows - 1) / kRows, [&](int64_t task, int) {
    std::vector<float> row(static_cast<size_t>(cols));
    for (int64_t r = task * kRows; r < std::min(rows, (task + 1) * kRows); r++) {
      dequantize(tensor.type, tensor.data + r * row_bytes, cols, row.data());
      counts.non_finite += std::count_if(row.begin(), row.end(), [](float v) { return !std::isfinite(v); });
      counts.other_than_zero += std::any_of(row.begin(), row.end(), [](float v) { return v != 0; });
    }
  });
}

void release(const Source& source, const SourceTensor& tensor) {
  for (const MappedFile& file : source.files()) {
    const std::byte* begin = file.bytes().data();
    if (tensor.data >= begin && tensor.data < begin + file.bytes().size())
      file.release(static_cast<size_t>(tensor.data - begin), static_cast<size_t>(tensor.bytes));
  }
}

}  // namespace

WeightScan scan_weights(const Source& source, const Progress& progress, const CancelToken* cancel) {
  ThreadPool pool;
  pool.set_cancel(cancel);
  int64_t total = 0, done = 0;
  for (const SourceTensor& tensor : source.tensors()) total += tensor.bytes;
  WeightScan found;
  for (const SourceTensor& tensor : source.tensors()) {
    if (cancel) cancel->check();
    if (tensor.type == DType::i8 || tensor.type == DType::i32) continue;
    Counts counts;
    count(tensor, pool, counts);
    if (counts.non_finite > 0) found.non_finite.push_back({tensor.name, counts.non_finite});
    if (counts.other_than_zero == 0 && tensor.name.ends_with(".weight")) found.zeros.push_back(tensor.name);
    release(source, tensor);
    done += tensor.bytes;
    if (progress) progress("verify", done, total);
  }
  return found;
}

std::vector<NonFinite> find_non_finite(const Source& source, const Progress& progress, const CancelToken* cancel) {
  return scan_weights(source, progress, cancel).non_finite;
}

void refuse_non_finite(const Source& source, const Progress& progress, const CancelToken* cancel) {
  const auto found = find_non_finite(source, progress, cancel);
  if (!found.empty())
    fail(Code::model_corrupt, source.path(), ": ", found.front().tensor, ": ", found.front().count, " values are not finite");
}

}  // namespace dimoo
