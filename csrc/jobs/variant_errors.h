// How far each CPU variant's arithmetic is from exact arithmetic on the same stored weights: what
// `dimoo doctor --verify` prints (docs/contracts.md#precision).
#pragma once
#include <string>
#include <vector>

#include "base/cancel.h"

namespace dimoo {

struct VariantError {
  const char* op;  // "product" or "attention"
  std::string variant;
  const char* type;           // of the weights; of an attention, what its products are made of
  double relative_error = 0;  // root mean square of the errors over the result's root mean square
};

/// In the precision `fast`.
std::vector<VariantError> variant_errors(const std::vector<std::string>& variants, const CancelToken& cancel);

}  // namespace dimoo
