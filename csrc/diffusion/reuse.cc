#include "diffusion/reuse.h"

namespace dimoo {

const char* pass_name(PassKind kind) {
  switch (kind) {
    case PassKind::full: return "full";
    case PassKind::cached: return "cached";
    case PassKind::text: return "text";
  }
  return "full";
}

bool ReusePolicy::refreshes(int64_t step, int64_t steps) const {
  const auto last = static_cast<int64_t>(static_cast<double>(steps) * warmup);
  return step <= last || (step - last) % refresh == 0;
}

}  // namespace dimoo
