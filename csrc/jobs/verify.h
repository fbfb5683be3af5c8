// Reads every weight of a checkpoint once.
#pragma once
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "source/source.h"

namespace dimoo {

struct NonFinite {
  std::string tensor;
  int64_t count;
};
/// Tensors with values that are not finite, in the source's order.
std::vector<NonFinite> find_non_finite(const Source& source, const Progress& progress = {}, const CancelToken* cancel = nullptr);
/// model/corrupt naming the first such tensor.
void refuse_non_finite(const Source& source, const Progress& progress = {}, const CancelToken* cancel = nullptr);

}  // namespace dimoo
