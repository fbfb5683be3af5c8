// How far each CPU variant's arithmetic is from exact arithmetic on the same stored weights (docs/contracts.md#precision): what
// `dimoo doctor --verify` prints.
#pragma once
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"

namespace dimoo {

/// [{op: "product" | "attention", variant, type, relativeError}]: root mean square errors over the result's root mean square, in the
/// precision `fast`. Of an attention `type` is what its products are made of.
Json variant_errors(const std::vector<std::string>& variants, const CancelToken& cancel);

}  // namespace dimoo
