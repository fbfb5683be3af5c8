// Ops that follow from others, for devices that have nothing better: what fused kernels are compared with.
#include <algorithm>
#include <cmath>

#include "base/quantile.h"
#include "device/device.h"

namespace dimoo {
namespace {

/// The values of a tensor, rows `stride` apart.
std::vector<float> on_host(Device& device, Tensor x) {
  std::vector<float> values(static_cast<size_t>(x.rows * x.stride));
  if (x.rows > 0) device.download(values.data(), x);
  return values;
}

float at_quantile(std::vector<float> values, const Quantile& place) {
  const auto lower = values.begin() + place.lower;
  std::nth_element(values.begin(), lower, values.end());
  return place.between(*lower, place.upper == place.lower ? *lower : *std::min_element(lower + 1, values.end()));
}

}  // namespace

void Device::do_project(Tensor x, const Weight& w, const Turn& turn, std::span<const Placement> placements, Tensor out) {
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
  for (int64_t row = 0; row < x.rows; row++) {
    const auto begin = values.begin() + row * x.stride;
    if (!std::all_of(begin, begin + x.cols, [](float v) { return std::isfinite(v); })) return false;
  }
  return true;
}

void Device::choose(std::span<const ChooseJob> jobs) {
  for (const ChooseJob& job : jobs) {
    std::vector<float> maxima = on_host(*this, job.maxima);
    for (int64_t row = 0; row < job.maxima.rows; row++)
      maxima[static_cast<size_t>(row)] = maxima[static_cast<size_t>(row * job.maxima.stride)];
    maxima.resize(static_cast<size_t>(job.maxima.rows));
    const float threshold = at_quantile(maxima, quantile(job.maxima.rows, job.ratio));
    job.rows->clear();
    for (size_t row = 0; row < maxima.size(); row++)
      if (maxima[row] <= threshold) job.rows->push_back(static_cast<int32_t>(row));
  }
}

}  // namespace dimoo
