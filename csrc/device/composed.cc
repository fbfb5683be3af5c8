// Ops that follow from others, for devices that have nothing better: what fused kernels are compared with.
#include <algorithm>
#include <cmath>

#include "base/quantile.h"
#include "device/device.h"

namespace dimoo {
namespace {

/// The values of a tensor, rows side by side.
std::vector<float> on_host(Device& device, Tensor x) {
  std::vector<float> values(static_cast<size_t>(x.rows * x.stride));
  if (x.rows > 0) device.download(values.data(), x);
  for (int64_t r = 1; r < x.rows; r++) std::copy_n(values.begin() + r * x.stride, x.cols, values.begin() + r * x.cols);
  values.resize(static_cast<size_t>(x.rows * x.cols));
  return values;
}

}  // namespace

void Device::project(Tensor x, const Weight& w, const Turn& turn, std::span<const Placement> placements, Tensor out) {
  linear(x, w, out);
  if (turn.heads > 0) rotary(out, turn.positions, turn.table, turn.heads);
  std::vector<int32_t> in_order;
  for (const Placement& p : placements) {
    in_order.clear();
    for (int64_t i = 0; p.rows.empty() && i < p.count; i++) in_order.push_back(static_cast<int32_t>(i));
    scatter(out.slice(p.first, p.count), p.rows.empty() ? std::span<const int32_t>(in_order) : p.rows, p.out);
  }
}

bool Device::finite(Tensor x) {
  const std::vector<float> values = on_host(*this, x);
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

void Device::choose(std::span<const ChooseJob> jobs) {
  for (const ChooseJob& job : jobs) {
    const std::vector<float> maxima = on_host(*this, job.maxima);
    std::vector<float> sorted = maxima;
    std::sort(sorted.begin(), sorted.end());
    const Quantile place = quantile(job.maxima.rows, job.ratio);
    const float threshold = place.between(sorted[static_cast<size_t>(place.lower)], sorted[static_cast<size_t>(place.upper)]);
    job.rows->clear();
    for (size_t row = 0; row < maxima.size(); row++)
      if (maxima[row] <= threshold) job.rows->push_back(static_cast<int32_t>(row));
  }
}

}  // namespace dimoo
