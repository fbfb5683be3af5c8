// Brings host lists over, and chooses between exact f32 and tensor cores by the weight alone.
#include <algorithm>
#include <cstdlib>

#include "cuda/cuda_device.h"
#include "device/cuda_devices.h"

namespace dimoo::cuda {
namespace {

const CudaWeight& of(const Weight& weight) { return static_cast<const CudaWeight&>(weight); }

/// As asked for; the environment's where nobody asks.
Tuning tuning_from(const std::string& variant) {
  const char* forced = std::getenv("DIMOO_CUDA_VARIANT");
  return tuning_of(!variant.empty() ? variant : forced ? forced : "");
}

std::string hardware_name(int index) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
  return properties.name;
}

}  // namespace

CudaDevice::CudaDevice(int index, const DeviceOptions& options)
    : index_(index), name_(hardware_name(index)), stream_(index, tuning_from(options.variant)), weights_(stream_), lists_(stream_) {}

Stream& CudaDevice::on() {
  stream_.use();
  return stream_;
}

std::vector<VariantReport> CudaDevice::variants() const {
  const std::vector<std::string> products{"mma", "f32"}, only{"f32"}, decisions{"cuda"};
  std::vector<VariantReport> reports{{"linear f32", "f32", only}, {"linear bf16", "mma", products}};
  reports.push_back({"attention", products.front(), products});
  for (const char* op : {"norm", "rotary", "conv", "nearest"}) reports.push_back({op, "f32", only});
  reports.push_back({"unmask", "cuda", decisions});
  for (const TuningChoice& choice : choices(stream_.tuning())) reports.push_back({choice.name, choice.chosen, choice.available});
  return reports;
}

MemoryReport CudaDevice::memory() const {
  stream_.use();
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return {stream_.pool()->used(), static_cast<int64_t>(free) + stream_.pool()->idle(), static_cast<int64_t>(total), stream_.pool()->peak()};
}

void CudaDevice::upload(Tensor to, const void* from) { on().upload(to.data, from, to.rows * type_bytes(to.type, to.stride)); }

void CudaDevice::download(void* to, Tensor from) { on().download(to, from.data, from.rows * type_bytes(from.type, from.stride)); }

std::unique_ptr<Weight> CudaDevice::do_prepare(const HostTensor& tensor, Precision precision) {
  on();
  return weights_.matrix(tensor, precision);
}

std::unique_ptr<Weight> CudaDevice::do_prepare_conv(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) {
  on();
  return weights_.kernel(tensor, in, size, sampling);
}

/// The largest of: x in bf16, the second product of a gated pair in f32, attention's operands in bf16 with what chunks left; two matrices
/// of a block, or one of the head, in bf16; and lists, as long as they get, with what decisions and choices take. Recorded passes keep
/// theirs apart, with up to half as much again, and a graph's nodes.
int64_t CudaDevice::scratch_bytes(int64_t rows, int64_t width, int64_t hidden) const {
  constexpr int64_t kLists = 4 * static_cast<int64_t>(Lists::kKept), kDecisions = 64, kRest = 1 << 20, kChunks = 16, kGraphs = 16 << 20;
  const int64_t each = std::max(4 * std::max(width, hidden), 6 * width) + kLists + kDecisions;
  const int64_t parts = std::min(rows * width * 4 * kChunks, kMostAttentionParts);
  const int64_t expanded = expands(stream_.tuning(), rows, width) ? 2 * width * std::max(2 * hidden, kMostExpanded) : 0;
  const int64_t recorded = (std::min(rows, kMostRepeatedRows) * each + parts + expanded) * 3 / 2 + kGraphs;
  return rows * each + parts + expanded + recorded + kRest;
}

/// Up to the next tile of products, which would compute those rows anyway.
int64_t CudaDevice::filled_rows(int64_t rows) const {
  if (rows > kMostRepeatedRows) return rows;
  const int64_t step = rows <= 256 ? 32 : rows <= 1024 ? 64 : 128;
  return (rows + step - 1) / step * step;
}

void CudaDevice::repeat(const void* owner, std::span<const int64_t> shape, FunctionRef<void()> ops) {
  on();
  shape.front() > kMostRepeatedRows ? ops() : stream_.repeat(owner, shape, ops);
}

void CudaDevice::do_embed(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  on();
  cuda::embed(stream_, of(table).matrix(), lists_.on_device(ids), out);
}

void CudaDevice::do_norm(Tensor x, Tensor weight, float eps, Tensor out) { cuda::norm(on(), x, weight, eps, out); }

Operand CudaDevice::operand(Tensor x, Buffer& memory) {
  const int64_t pitch = mma_pitch(x.cols);
  const bool fits = x.type == DType::bf16 && x.cols == pitch && x.stride % 8 == 0 && reinterpret_cast<uintptr_t>(x.data) % 16 == 0;
  if (fits) return {static_cast<const uint16_t*>(x.data), x.rows, x.stride};
  memory = stream_.scratch(x.rows * pitch * 2);
  auto* to = static_cast<uint16_t*>(memory.data());
  round_rows(stream_, x, to, pitch);
  return {to, x.rows, pitch};
}

Tensor CudaDevice::exact(Tensor out, Buffer& memory) {
  if (out.type == DType::f32) return out;
  memory = stream_.scratch(out.rows * out.cols * 4);
  return {static_cast<float*>(memory.data()), out.rows, out.cols};
}

void CudaDevice::do_linear(Tensor x, const Weight& weight, Epilogue epilogue, Tensor out) {
  const CudaWeight& w = of(weight);
  on();
  if (w.compute() == Compute::f32) return linear_f32(stream_, x, w.matrix(), epilogue, out);
  Buffer memory;
  linear_mma(stream_, operand(x, memory), w.matrix(), epilogue, out);
}

void CudaDevice::do_gated(Tensor x, const Weight& gate, const Weight& up, Tensor out) {
  const CudaWeight &g = of(gate), &u = of(up);
  on();
  Buffer memory, wide;
  if (g.compute() == Compute::bf16 && u.compute() == Compute::bf16 && g.matrix().type == u.matrix().type)
    return gated_mma(stream_, operand(x, memory), g.matrix(), u.matrix(), out);
  const Buffer other = stream_.scratch(out.rows * out.cols * 4);
  const Tensor first = exact(out, wide), second(static_cast<float*>(other.data()), out.rows, out.cols);
  do_linear(x, g, Epilogue::store, first);
  do_linear(x, u, Epilogue::store, second);
  silu_times(stream_, first, second);
  if (out.type != DType::f32) cuda::scatter(stream_, first, nullptr, out);
}

DType CudaDevice::operand_type(DType stored, Precision precision) const {
  return compute_for(stored, precision) == Compute::bf16 ? DType::bf16 : DType::f32;
}

DType CudaDevice::kv_type(Precision precision, int64_t head_dim) const {
  return precision == Precision::fast && attention_mma_fits(head_dim) ? DType::bf16 : DType::f32;
}

void CudaDevice::project_in_steps(Tensor x, const Weight& w, const Turn& turn, std::span<const Placement> placements, Tensor out) {
  if (out.type == DType::f32) return Device::do_project(x, w, turn, placements, out);
  Buffer wide;
  on();
  const Tensor first = exact(out, wide);
  Device::do_project(x, w, turn, placements, first);
  cuda::scatter(stream_, first, nullptr, out);
}

void CudaDevice::do_project(Tensor x, const Weight& w, const Turn& turn, std::span<const Placement> placements, Tensor out) {
  const CudaWeight& weight = of(w);
  if (weight.compute() == Compute::f32 || placements.size() >= Lists::kAtOnce) return project_in_steps(x, w, turn, placements, out);
  on();
  Turned turned{};
  if (turn.heads > 0) {
    turned = {lists_.on_device(turn.positions), turn.table.f32(), turn.table.stride, static_cast<int>(turn.table.cols / 2)};
  }
  std::vector<PlacedRows> places;
  for (const Placement& p : placements) {
    places.push_back({p.first, p.count, p.rows.empty() ? nullptr : lists_.on_device(p.rows), p.out.data, p.out.stride});
  }
  Buffer memory;
  project_mma(stream_, operand(x, memory), weight.matrix(), turned, places, out);
}

void CudaDevice::do_rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads) {
  on();
  cuda::rotary(stream_, x, lists_.on_device(positions), table, heads);
}

void CudaDevice::do_attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) {
  const int64_t hd = q.cols / heads;
  on();
  const bool fast = std::all_of(spans.begin(), spans.end(), [](const AttentionSpan& span) { return span.precision == Precision::fast; });
  if (out.type != DType::f32 && (out.stride % 2 != 0 || reinterpret_cast<uintptr_t>(out.data) % 4 != 0))
    fail(Code::internal, "attention: rows of bf16 results must lie at even places, got a stride of ", out.stride);
  if (fast && attention_mma_fits(hd)) return attention_mma(stream_, q, spans, heads, kv_heads, out);
  if (hd > kMostHeadDim) fail(Code::model_unsupported, "attention: head dimension must be at most ", kMostHeadDim, ", got ", hd);
  for (const AttentionSpan& span : spans)
    if (span.k.type != DType::f32 || span.v.type != DType::f32)
      fail(Code::internal, "attention: exact attention beside fast expects f32 keys and values");
  if (q.type != DType::f32 || out.type != DType::f32) fail(Code::internal, "attention: exact attention expects f32 queries and results");
  attention_f32(stream_, q, spans, heads, kv_heads, out);
}

void CudaDevice::do_gather(Tensor x, std::span<const int32_t> rows, Tensor out) {
  on();
  cuda::gather(stream_, x, lists_.on_device(rows), out);
}

void CudaDevice::do_scatter(Tensor x, std::span<const int32_t> rows, Tensor out) {
  on();
  cuda::scatter(stream_, x, lists_.on_device(rows), out);
}

void CudaDevice::do_row_max(Tensor x, Tensor out) { cuda::row_max(on(), x, out); }

bool CudaDevice::finite(Tensor x) {
  if (x.rows > 0) cuda::finite(on(), x);
  return true;
}

void CudaDevice::choose(std::span<const ChooseJob> jobs) { cuda::choose(on(), jobs); }

void CudaDevice::unmask(std::span<const UnmaskJob> jobs) { cuda::unmask(on(), jobs); }

void CudaDevice::unmask_text(std::span<const TextUnmaskJob> jobs) { cuda::unmask_text(on(), jobs); }

void CudaDevice::do_channel_sums(Image x, std::span<double> sums) {
  const Buffer list = on().list(std::span<const double>(sums));
  cuda::channel_sums(stream_, x, static_cast<double*>(list.data()));
  stream_.download(sums.data(), list.data(), static_cast<int64_t>(sums.size_bytes()));
}

void CudaDevice::do_conv(Image x, const ChannelScale& scale, const Weight& weight, Tensor bias, Image residual, Image out) {
  const CudaWeight& kernel = of(weight);
  if (scale.scale.empty())
    return cuda::conv(on(), x, {nullptr, nullptr, Activation::none}, kernel.matrix(), kernel.taps(), bias, kernel.sampling(), residual,
                      out);
  const Buffer factors = on().list(scale.scale), shifts = stream_.list(scale.shift);
  const Scaling scaling{static_cast<const float*>(factors.data()), static_cast<const float*>(shifts.data()), scale.act};
  cuda::conv(stream_, x, scaling, kernel.matrix(), kernel.taps(), bias, kernel.sampling(), residual, out);
}

void CudaDevice::do_nearest(Tensor x, const Weight& table, std::span<int32_t> ids) {
  const Buffer found = on().scratch(x.rows * 4);
  cuda::nearest(stream_, x, of(table).matrix(), static_cast<int32_t*>(found.data()));
  stream_.download(ids.data(), found.data(), x.rows * 4);
}

}  // namespace dimoo::cuda

namespace dimoo {

std::unique_ptr<Device> create_cuda_device(int index, const DeviceOptions& options) {
  return std::make_unique<cuda::CudaDevice>(index, options);
}

}  // namespace dimoo
