// The products and the cosine are f32 on purpose: with steps divisible by 3 the ratio becomes 0.49999997 and one cell fewer
// stays masked, as in the original.
#include "diffusion/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace dimoo {
namespace {

int64_t keep_of(float ratio, int64_t masked, int64_t step, int64_t steps) {
  if (step >= steps - 1) return 0;
  return std::max<int64_t>(1, static_cast<int64_t>(std::floor(static_cast<float>(masked) * ratio)));
}

}  // namespace

float cosine_ratio(int64_t step, int64_t steps) {
  const auto progress = static_cast<float>(static_cast<double>(step + 1) / static_cast<double>(steps));
  return std::cos(progress * static_cast<float>(std::numbers::pi / 2));
}

int64_t cosine_keep(int64_t masked, int64_t step, int64_t steps) { return keep_of(cosine_ratio(step, steps), masked, step, steps); }

int64_t Schedule::keep(int64_t masked, int64_t step, int64_t steps) const {
  switch (kind) {
    case Kind::cosine: return cosine_keep(masked, step, steps);
    case Kind::linear: return keep_of(1.0f - static_cast<float>(step + 1) / static_cast<float>(steps), masked, step, steps);
    case Kind::table: return keep_of(table[static_cast<size_t>(step)], masked, step, steps);
  }
  return 0;
}

}  // namespace dimoo
