// Checks shapes at each op's door, then hands over to the variant: the fast drivers, or the portable loops.
#include "cpu/cpu_device.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "base/machine.h"
#include "cpu/attention.h"
#include "cpu/convolution.h"
#include "cpu/portable.h"
#include "cpu/unmask.h"

namespace dimoo::cpu {
namespace {

void expect(bool holds, const char* op, const char* what, int64_t expected, int64_t actual) {
  if (!holds) fail(Code::internal, op, ": ", what, " must be ", expected, ", got ", actual);
}

void check_linear(const char* op, Tensor x, const CpuWeight& w, Tensor out) {
  expect(x.cols == w.cols(), op, "columns of x", w.cols(), x.cols);
  expect(out.cols == w.rows(), op, "columns of out", w.rows(), out.cols);
  expect(out.rows == x.rows, op, "rows of out", x.rows, out.rows);
}

/// Rows in pieces, in parallel.
template <class Body>
void each_rows(ThreadPool& pool, int64_t rows, int64_t piece, Body body) {
  pool.run((rows + piece - 1) / piece, [&](int64_t task, int) {
    for (int64_t r = task * piece; r < std::min(rows, (task + 1) * piece); r++) body(r);
  });
}

constexpr int64_t kRowPiece = 16;

bool has_panels(const CpuWeight& kernel) { return kernel.rows() > kFewChannels || kernel.sampling() == Sampling::twice; }

}  // namespace

CpuDevice::CpuDevice(const DeviceOptions& options) : CpuDevice(options, choose_variant(options.variant)) {}

CpuDevice::CpuDevice(const DeviceOptions& options, Variant variant)
    : variant_(std::move(variant)),
      pool_(options.threads),
      scratch_(ThreadPool::kMost),
      panel_budget_(options.panel_bytes >= 0 ? options.panel_bytes : INT64_MAX),
      panels_(std::make_shared<std::atomic<int64_t>>(0)),
      buffers_(std::make_shared<std::atomic<int64_t>>(0)) {}

std::string cpu_name() { return processor_name(); }

std::vector<VariantReport> CpuDevice::variants() const {
  std::vector<std::string> all, by_name;
  for (const Variant& variant : cpu::variants()) {
    all.push_back(variant.name);
    if (variant.selection == Selection::by_name) by_name.push_back(variant.name);
  }
  const auto chosen = [&](const char* op, const char* suffix) {
    return VariantReport{op, variant_.kernels ? variant_.name + suffix : "portable", all, by_name};
  };
  const bool bf16 = variant_.kernels && variant_.kernels->tile_bf16;
  std::vector<VariantReport> reports{chosen("linear f32", ""), chosen("linear int8", "")};
  reports.push_back(bf16 || !variant_.kernels ? chosen("linear bf16", "") : chosen("linear bf16", " (widened to f32)"));
  for (const char* op : {"attention", "norm", "rotary", "gated", "conv", "group_norm", "nearest"}) reports.push_back(chosen(op, ""));
  reports.push_back({"unmask", "portable", {"portable"}, {}});
  return reports;
}

MemoryReport CpuDevice::memory() const {
  return {buffers_->load() + panels_->load() + scratch_.bytes(), available_memory(), total_memory()};
}

Buffer CpuDevice::allocate(int64_t bytes) { return allocate_counted(bytes, buffers_); }

void CpuDevice::upload(Tensor to, const void* from) {
  std::memcpy(to.data, from, static_cast<size_t>(to.rows * type_bytes(to.type, to.stride)));
}

void CpuDevice::download(void* to, Tensor from) {
  std::memcpy(to, from.data, static_cast<size_t>(from.rows * type_bytes(from.type, from.stride)));
}

std::unique_ptr<Weight> CpuDevice::prepare(const HostTensor& tensor, Precision precision) {
  const int block = type_info(tensor.type).block;
  if (tensor.cols % block)
    fail(Code::model_corrupt, tensor.name, ": columns must be a multiple of ", block, " for ", type_info(tensor.type).name, ", got ",
         tensor.cols);
  return std::make_unique<CpuWeight>(tensor, compute_for(tensor.type, precision, variant_.kernels));
}

std::unique_ptr<Weight> CpuDevice::prepare_conv(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) {
  expect(tensor.cols == in * size * size, "conv", "values per output channel", in * size * size, tensor.cols);
  expect(sampling != Sampling::twice || size == 3, "conv", "size of an upsampling kernel", 3, size);
  const bool phases = variant_.kernels && sampling == Sampling::twice;
  return std::make_unique<CpuWeight>(tensor, in, size, sampling, phases ? Taps::phases : Taps::plain);
}

int64_t CpuDevice::panel_bytes(const HostTensor& tensor, Precision precision) const {
  if (!variant_.kernels) return 0;
  const CpuWeight weight(tensor, compute_for(tensor.type, precision, variant_.kernels));
  return weight.panels() * weight.panel_bytes();
}

int64_t CpuDevice::conv_panel_bytes(const HostTensor& tensor, Sampling sampling) const {
  const int64_t size = sampling == Sampling::twice ? 3 : 1, in = tensor.cols / (size * size);  // else the size does not matter
  const CpuWeight kernel(tensor, in, size, sampling, sampling == Sampling::twice ? Taps::phases : Taps::plain);
  return variant_.kernels && has_panels(kernel) ? kernel.panels() * kernel.panel_bytes() : 0;
}

int64_t CpuDevice::scratch_bytes(int64_t rows, int64_t width, int64_t hidden) const {
  const int64_t k = std::max(width, hidden);
  const int64_t packed = std::min<int64_t>(rows + 6, 1536) * k * 4;
  const int64_t own = std::max<int64_t>(k * kPanel * 4 + 1536 * kPanel * 4, (512 * 192 * 2 + 704 * 256) * 4);
  return packed + own * pool_.most_threads();
}

Buffer CpuDevice::pack_all(const CpuWeight& w) {
  Buffer packed = allocate_aligned(w.panels() * w.panel_bytes());
  auto* data = static_cast<std::byte*>(packed.data());
  pool_.run(w.panels(), [&](int64_t panel, int) { w.pack(panel, data + panel * w.panel_bytes()); });
  return packed;
}

const CpuWeight& CpuDevice::use(const Weight& weight) {
  auto& w = const_cast<CpuWeight&>(static_cast<const CpuWeight&>(weight));  // panels are a cache: the matrix itself stays
  if (w.packed || !variant_.kernels || panels_->load() + w.panels() * w.panel_bytes() > panel_budget_) return w;
  w.keep(pack_all(w), panels_);
  return w;
}

void CpuDevice::embed(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  const auto& w = static_cast<const CpuWeight&>(table);
  expect(out.cols == w.cols(), "embed", "columns of out", w.cols(), out.cols);
  for (const int32_t id : ids)
    if (id < 0 || id >= w.rows()) fail(Code::request_invalid, "embed: ids must lie in 0..", w.rows() - 1, ", got ", id);
  each_rows(pool_, out.rows, kRowPiece, [&](int64_t r) { w.row(ids[static_cast<size_t>(r)], out.f32_row(r)); });
}

void CpuDevice::norm(Tensor x, Tensor weight, float eps, Tensor out) {
  expect(weight.cols == x.cols, "norm", "length of weight", x.cols, weight.cols);
  if (!variant_.kernels) return portable::norm(pool_, x, weight, eps, out);
  each_rows(pool_, x.rows, kRowPiece, [&](int64_t r) { variant_.kernels->norm(x.f32_row(r), weight.f32(), x.cols, eps, out.f32_row(r)); });
}

void CpuDevice::linear(Tensor x, const Weight& weight, Tensor out) {
  const CpuWeight& w = use(weight);
  check_linear("linear", x, w, out);
  if (!variant_.kernels) return portable::linear(pool_, x, w, false, out);
  products().linear(x, w, Epilogue::store, out);
}

void CpuDevice::linear_add(Tensor x, const Weight& weight, Tensor out) {
  const CpuWeight& w = use(weight);
  check_linear("linear_add", x, w, out);
  if (!variant_.kernels) return portable::linear(pool_, x, w, true, out);
  products().linear(x, w, Epilogue::add, out);
}

void CpuDevice::gated(Tensor x, const Weight& gate, const Weight& up, Tensor out) {
  const CpuWeight &g = use(gate), &u = use(up);
  check_linear("gated", x, g, out);
  check_linear("gated", x, u, out);
  if (!variant_.kernels || g.compute() != u.compute() || g.group() != u.group()) return gated_apart(x, g, u, out);
  products().gated(x, g, u, out);
}

void CpuDevice::gated_apart(Tensor x, const CpuWeight& gate, const CpuWeight& up, Tensor out) {
  if (!variant_.kernels) return portable::gated(pool_, x, gate, up, out);
  const Buffer other = allocate(x.rows * up.rows() * 4);
  const Tensor product(static_cast<float*>(other.data()), x.rows, up.rows());
  products().linear(x, gate, Epilogue::store, out);
  products().linear(x, up, Epilogue::store, product);
  each_rows(pool_, x.rows, kRowPiece, [&](int64_t r) { variant_.kernels->silu_times(out.f32_row(r), product.f32_row(r), out.cols); });
}

void CpuDevice::rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads) {
  expect(table.cols == x.cols / heads, "rotary", "columns of the table", x.cols / heads, table.cols);
  if (!variant_.kernels) return portable::rotary(pool_, x, positions, table, heads);
  each_rows(pool_, x.rows, kRowPiece, [&](int64_t r) {
    variant_.kernels->rotary(x.f32_row(r), table.f32_row(positions[static_cast<size_t>(r)]), heads, x.cols / heads);
  });
}

void CpuDevice::attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) {
  expect(heads % kv_heads == 0, "attention", "heads modulo key/value heads", 0, heads % kv_heads);
  if (!variant_.kernels) return portable::attention(pool_, q, spans, heads, kv_heads, out);
  cpu::attention(products(), q, spans, heads, kv_heads, out);
}

void CpuDevice::gather(Tensor x, std::span<const int32_t> rows, Tensor out) {
  each_rows(pool_, out.rows, kRowPiece,
            [&](int64_t r) { std::memcpy(out.f32_row(r), x.f32_row(rows[static_cast<size_t>(r)]), static_cast<size_t>(x.cols) * 4); });
}

void CpuDevice::scatter(Tensor x, std::span<const int32_t> rows, Tensor out) {
  for (const int32_t row : rows)
    if (row < 0 || row >= out.rows) fail(Code::internal, "scatter: rows must lie in 0..", out.rows - 1, ", got ", row);
  each_rows(pool_, x.rows, kRowPiece,
            [&](int64_t r) { std::memcpy(out.f32_row(rows[static_cast<size_t>(r)]), x.f32_row(r), static_cast<size_t>(x.cols) * 4); });
}

void CpuDevice::row_max(Tensor x, Tensor out) {
  each_rows(pool_, x.rows, kRowPiece, [&](int64_t r) { *out.f32_row(r) = *std::max_element(x.f32_row(r), x.f32_row(r) + x.cols); });
}

void CpuDevice::unmask(std::span<const UnmaskJob> jobs) { cpu::unmask(pool_, jobs); }

void CpuDevice::unmask_text(std::span<const TextUnmaskJob> jobs) { cpu::unmask_text(pool_, jobs); }

void CpuDevice::conv(Image x, const Weight& weight, Tensor bias, Image residual, Image out) {
  conv_scaled(x, {}, weight, bias, residual, out);
}

void CpuDevice::conv_scaled(Image x, const ChannelScale& in, const Weight& weight, Tensor bias, Image residual, Image out) {
  const auto& plain = static_cast<const CpuWeight&>(weight);
  const bool panels = variant_.kernels && has_panels(plain);
  const CpuWeight& kernel = panels ? use(weight) : plain;
  expect(kernel.cols() == x.channels() * kernel.taps(), "conv", "values of a kernel", x.channels() * kernel.taps(), kernel.cols());
  expect(out.channels() == kernel.rows(), "conv", "channels of out", kernel.rows(), out.channels());
  expect(in.scale.empty() || static_cast<int64_t>(in.scale.size()) == x.channels(), "conv", "channels of the scale", x.channels(),
         static_cast<int64_t>(in.scale.size()));
  const Convolution conv{x, in, kernel, bias, residual, out};
  const Rows touched = touched_rows(conv);
  expect(x.first <= touched.first, "conv", "first row of x at most", touched.first, x.first);
  expect(x.first + x.rows() >= touched.end, "conv", "end of the rows of x at least", touched.end, x.first + x.rows());
  if (!variant_.kernels) return portable::convolve(pool_, conv);
  if (!panels) return cpu::convolve(products(), conv, nullptr);
  // Every rectangle of pixels walks the whole kernel: without room in the cache it is packed once for this call.
  const Buffer packed = kernel.packed ? Buffer() : pack_all(kernel);
  cpu::convolve(products(), conv, kernel.packed ? kernel.packed : static_cast<const std::byte*>(packed.data()));
}

void CpuDevice::channel_sums(Image x, std::span<double> sums) {
  const int64_t channels = x.channels(), rows = x.rows();
  expect(static_cast<int64_t>(sums.size()) == 2 * channels, "channel_sums", "sums", 2 * channels, static_cast<int64_t>(sums.size()));
  std::vector<double> parts(static_cast<size_t>(rows * channels * 2));
  const auto add = variant_.kernels ? variant_.kernels->channel_sums : portable::channel_sums;
  pool_.run(rows, [&](int64_t row, int) {
    double* at = parts.data() + row * channels * 2;
    add(x.pixels.f32_row(row * x.width), x.width, channels, x.pixels.stride, at, at + channels);
  });
  for (size_t i = 0; i < parts.size(); i++) sums[i % sums.size()] += parts[i];
}

void CpuDevice::nearest(Tensor x, const Weight& weight, std::span<int32_t> ids) {
  const CpuWeight& table = use(weight);
  expect(x.cols == table.cols(), "nearest", "columns of x", table.cols(), x.cols);
  if (!variant_.kernels) return portable::nearest(pool_, x, table, ids);
  const Buffer temporary = table.packed ? Buffer() : pack_all(table);
  const std::byte* packed = table.packed ? table.packed : static_cast<const std::byte*>(temporary.data());
  pool_.run(x.rows, [&](int64_t r, int) {
    float distance[kPanel], best = INFINITY;
    for (int64_t panel = 0; panel < table.panels(); panel++) {
      const auto* at = reinterpret_cast<const float*>(packed + panel * table.panel_bytes());
      variant_.kernels->distances(x.f32_row(r), at, x.cols, distance);
      for (int64_t j = 0; j < std::min<int64_t>(kPanel, table.rows() - panel * kPanel); j++)
        if (distance[j] < best) best = distance[j], ids[static_cast<size_t>(r)] = static_cast<int32_t>(panel * kPanel + j);
    }
  });
}

void CpuDevice::group_norm(Image x, Tensor weight, Tensor bias, int groups, float eps, Activation act, Image out) {
  expect(x.channels() % groups == 0, "group_norm", "channels modulo groups", 0, x.channels() % groups);
  if (!variant_.kernels) return portable::group_norm(pool_, x, weight, bias, groups, eps, act, out);
  constexpr int64_t kPiece = 1024;  // pixels of one partial sum: fixed, so the sum does not depend on threads
  const int64_t pixels = x.pixels.rows, channels = x.channels(), width = channels / groups;
  const int64_t pieces = (pixels + kPiece - 1) / kPiece;
  std::vector<double> sums(static_cast<size_t>(pieces * channels * 2));
  pool_.run(pieces, [&](int64_t piece, int) {
    double* at = sums.data() + piece * channels * 2;
    variant_.kernels->channel_sums(x.pixels.f32_row(piece * kPiece), std::min(kPiece, pixels - piece * kPiece), channels, x.pixels.stride,
                                   at, at + channels);
  });
  std::vector<float> scale(static_cast<size_t>(channels)), shift(static_cast<size_t>(channels));
  for (int64_t g = 0; g < groups; g++) {
    double sum = 0, squares = 0;
    for (int64_t piece = 0; piece < pieces; piece++)
      for (int64_t c = g * width; c < (g + 1) * width; c++) {
        sum += sums[static_cast<size_t>(piece * channels * 2 + c)];
        squares += sums[static_cast<size_t>((piece * 2 + 1) * channels + c)];
      }
    const double count = static_cast<double>(pixels * width), mean = sum / count;
    const double factor = 1.0 / std::sqrt(std::max(0.0, squares / count - mean * mean) + eps);
    for (int64_t c = g * width; c < (g + 1) * width; c++) {
      scale[static_cast<size_t>(c)] = static_cast<float>(factor * weight.f32()[c]);
      shift[static_cast<size_t>(c)] = static_cast<float>(bias.f32()[c] - mean * factor * weight.f32()[c]);
    }
  }
  each_rows(pool_, pixels, 64, [&](int64_t p) {
    variant_.kernels->scale_shift(x.pixels.f32_row(p), scale.data(), shift.data(), channels, act == Activation::silu,
                                  out.pixels.f32_row(p));
  });
}

}  // namespace dimoo::cpu
