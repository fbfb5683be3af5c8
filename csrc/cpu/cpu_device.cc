// Each op hands over to the blocked driver of its kind, with the kernels that this device was made of.
#include "cpu/cpu_device.h"

#include <algorithm>
#include <cmath>

#include "cpu/attention.h"
#include "cpu/convolution.h"

namespace dimoo::cpu {
namespace {

bool has_panels(const CpuWeight& kernel) { return kernel.rows() > kFewChannels || kernel.sampling() == Sampling::twice; }

CpuWeight bound_kernel(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) {
  return {tensor, in, size, sampling, sampling == Sampling::twice ? Taps::phases : Taps::plain};
}

}  // namespace

CpuDevice::CpuDevice(const DeviceOptions& options, std::string variant, const Kernels& kernels)
    : HostDevice(options),
      variant_(std::move(variant)),
      kernels_(kernels),
      scratch_(ThreadPool::kMost),
      panel_budget_(options.panel_bytes >= 0 ? options.panel_bytes : INT64_MAX) {}

std::vector<VariantReport> CpuDevice::variants() const {
  return reports(variant_, kernels_.tile_bf16 ? variant_ : variant_ + " (widened to f32)");
}

MemoryReport CpuDevice::memory() const {
  MemoryReport report = HostDevice::memory();
  report.used += scratch_.bytes();
  return report;
}

std::unique_ptr<Weight> CpuDevice::do_prepare(const HostTensor& tensor, Precision precision) {
  return std::make_unique<CpuWeight>(tensor, compute_for(tensor.type, precision, kernels_));
}

std::unique_ptr<Weight> CpuDevice::do_prepare_conv(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) {
  return std::make_unique<CpuWeight>(bound_kernel(tensor, in, size, sampling));
}

int64_t CpuDevice::panel_bytes(const HostTensor& tensor, Precision precision) const {
  const CpuWeight weight(tensor, compute_for(tensor.type, precision, kernels_));
  return weight.panels() * weight.panel_bytes();
}

int64_t CpuDevice::conv_panel_bytes(const HostTensor& tensor, Sampling sampling) const {
  const int64_t size = sampling == Sampling::twice ? 3 : 1, in = tensor.cols / (size * size);  // else the size does not matter
  const CpuWeight kernel = bound_kernel(tensor, in, size, sampling);
  return has_panels(kernel) ? kernel.panels() * kernel.panel_bytes() : 0;
}

int64_t CpuDevice::scratch_bytes(int64_t rows, int64_t width, int64_t hidden) const {
  const int64_t k = std::max(width, hidden);
  const int64_t packed = std::min<int64_t>(rows + 6, 1536) * k * 4;
  const int64_t own = std::max<int64_t>(k * kPanel * 4 + 1536 * kPanel * 4, (512 * 192 * 2 + 704 * 256) * 4);
  return packed + own * pool_.most_threads();
}

Buffer CpuDevice::pack_all(const CpuWeight& w, const std::shared_ptr<HostMemory>& memory) {
  Buffer packed = cpu::allocate(memory, w.panels() * w.panel_bytes());
  auto* data = static_cast<std::byte*>(packed.data());
  pool_.run(w.panels(), [&](int64_t panel, int) { w.pack(panel, data + panel * w.panel_bytes()); });
  return packed;
}

const CpuWeight& CpuDevice::use(const Weight& weight) {
  auto& w = const_cast<CpuWeight&>(of(weight));  // panels are a cache: the matrix itself stays
  if (w.packed || panels_->used() + w.panels() * w.panel_bytes() > panel_budget_) return w;
  w.keep(pack_all(w, panels_));
  return w;
}

void CpuDevice::do_norm(Tensor x, Tensor weight, float eps, Tensor out) {
  each_row(x.rows, [&](int64_t r) { kernels_.norm(x.f32_row(r), weight.f32(), x.cols, eps, out.f32_row(r)); });
}

void CpuDevice::do_linear(Tensor x, const Weight& w, Epilogue epilogue, Tensor out) { products().linear(x, use(w), epilogue, out); }

/// Two matrices that compute differently (mixed types) are two products.
void CpuDevice::do_gated(Tensor x, const Weight& gate, const Weight& up, Tensor out) {
  const CpuWeight &g = use(gate), &u = use(up);
  if (g.compute() == u.compute() && g.group() == u.group()) return products().gated(x, g, u, out);
  const Buffer other = allocate(x.rows * u.rows() * 4);
  const Tensor product(static_cast<float*>(other.data()), x.rows, u.rows());
  products().linear(x, g, Epilogue::store, out);
  products().linear(x, u, Epilogue::store, product);
  each_row(x.rows, [&](int64_t r) { kernels_.silu_times(out.f32_row(r), product.f32_row(r), out.cols); });
}

void CpuDevice::do_rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads) {
  each_row(x.rows,
           [&](int64_t r) { kernels_.rotary(x.f32_row(r), table.f32_row(positions[static_cast<size_t>(r)]), heads, x.cols / heads); });
}

void CpuDevice::do_attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) {
  cpu::attention(products(), q, spans, heads, kv_heads, out);
}

/// Every rectangle of pixels walks the whole kernel: without room in the cache it is packed once for this call.
void CpuDevice::do_conv(Image x, const ChannelScale& in, const Weight& weight, Tensor bias, Image residual, Image out) {
  const bool panels = has_panels(of(weight));
  const CpuWeight& kernel = panels ? use(weight) : of(weight);
  const Convolution conv{x, in, kernel, bias, residual, out};
  if (!panels) return cpu::convolve(products(), conv, nullptr);
  const Buffer packed = kernel.packed ? Buffer() : pack_all(kernel, passing_);
  cpu::convolve(products(), conv, kernel.packed ? kernel.packed : static_cast<const std::byte*>(packed.data()));
}

void CpuDevice::do_channel_sums(Image x, std::span<double> sums) {
  const int64_t channels = x.channels(), rows = x.rows();
  std::vector<double> parts(static_cast<size_t>(rows * channels * 2));
  pool_.run(rows, [&](int64_t row, int) {
    double* at = parts.data() + row * channels * 2;
    kernels_.channel_sums(x.pixels.f32_row(row * x.width), x.width, channels, x.pixels.stride, at, at + channels);
  });
  for (size_t i = 0; i < parts.size(); i++) sums[i % sums.size()] += parts[i];
}

void CpuDevice::do_nearest(Tensor x, const Weight& weight, std::span<int32_t> ids) {
  const CpuWeight& table = use(weight);
  const Buffer temporary = table.packed ? Buffer() : pack_all(table, passing_);
  const std::byte* packed = table.packed ? table.packed : static_cast<const std::byte*>(temporary.data());
  pool_.run(x.rows, [&](int64_t r, int) {
    float distance[kPanel], best = INFINITY;
    for (int64_t panel = 0; panel < table.panels(); panel++) {
      const auto* at = reinterpret_cast<const float*>(packed + panel * table.panel_bytes());
      kernels_.distances(x.f32_row(r), at, x.cols, distance);
      for (int64_t j = 0; j < std::min<int64_t>(kPanel, table.rows() - panel * kPanel); j++)
        if (distance[j] < best) best = distance[j], ids[static_cast<size_t>(r)] = static_cast<int32_t>(panel * kPanel + j);
    }
  });
}

}  // namespace dimoo::cpu
