// Reads every weight of a checkpoint once.
#pragma once
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "source/source.h"

namespace dimoo {

struct NonFinite {
  std::string tensor;
  int64_t count;
};
/// What a look at every weight finds, in the source's order. A weight of nothing but zeros was never written, or lost on the way; biases
/// may be.
struct WeightScan {
  std::vector<NonFinite> non_finite;
  std::vector<std::string> zeros;
};
WeightScan scan_weights(const Source& source, const Progress& progress = {}, const CancelToken* cancel = nullptr);
/// Tensors with values that are not finite, in the source's order.
std::vector<NonFinite> find_non_finite(const Source& source, const Progress& progress = {}, const CancelToken* cancel = nullptr);
/// model/corrupt naming the first such tensor.
void refuse_non_finite(const Source& source, const Progress& progress = {}, const CancelToken* cancel = nullptr);

}  // namespace dimoo
