// Values are dequantised a row at a time; pages are given back as it goes.
#include "engine/verify.h"

#include <algorithm>
#include <cmath>

#include "source/quantize.h"

namespace dimoo {
namespace {

int64_t count_non_finite(const SourceTensor& tensor) {
  const int64_t cols = tensor.shape.back(), rows = tensor.values() / cols;
  std::vector<float> row(static_cast<size_t>(cols));
  int64_t count = 0;
  for (int64_t r = 0; r < rows; r++) {
    dequantize(tensor.type, tensor.data + r * type_bytes(tensor.type, cols), cols, row.data());
    count += std::count_if(row.begin(), row.end(), [](float v) { return !std::isfinite(v); });
  }
  return count;
}

}  // namespace

std::vector<NonFinite> find_non_finite(const Source& source, const Progress& progress, const CancelToken* cancel) {
  int64_t total = 0, done = 0;
  for (const SourceTensor& tensor : source.tensors()) total += tensor.bytes;
  std::vector<NonFinite> found;
  for (const SourceTensor& tensor : source.tensors()) {
    if (cancel) cancel->check();
    if (tensor.type == DType::i8 || tensor.type == DType::i32) continue;
    if (const int64_t count = count_non_finite(tensor)) found.push_back({tensor.name, count});
    done += tensor.bytes;
    if (progress) progress("verify", done, total);
  }
  return found;
}

void refuse_non_finite(const Source& source) {
  const auto found = find_non_finite(source);
  if (!found.empty()) fail(Code::model_corrupt, source.path(), ": ", found.front().tensor, ": ", found.front().count, " values are not finite");
}

}  // namespace dimoo
