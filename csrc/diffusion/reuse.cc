// The arithmetic of the quantile is torch.quantile's on fp32 values.
#include "diffusion/reuse.h"

#include <algorithm>

#include "base/quantile.h"

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

float least_sure_threshold(std::span<const float> maxima, double ratio) {
  std::vector<float> sorted(maxima.begin(), maxima.end());
  const Quantile place = quantile(static_cast<int64_t>(sorted.size()), ratio);
  const auto lower = static_cast<size_t>(place.lower), upper = static_cast<size_t>(place.upper);
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(lower), sorted.end());
  const float low = sorted[lower];
  const float high = upper == lower ? low : *std::min_element(sorted.begin() + static_cast<std::ptrdiff_t>(upper), sorted.end());
  return place.between(low, high);
}

std::vector<int32_t> least_sure(std::span<const float> maxima, double ratio) {
  const float threshold = least_sure_threshold(maxima, ratio);
  std::vector<int32_t> rows;
  for (size_t row = 0; row < maxima.size(); row++)
    if (maxima[row] <= threshold) rows.push_back(static_cast<int32_t>(row));
  return rows;
}

}  // namespace dimoo
