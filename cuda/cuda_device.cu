// Checks shapes at each op's door, brings host lists over, and chooses between exact f32 and tensor cores by the weight alone.
#include <algorithm>

#include "cuda/cuda_device.h"
#include "device/cuda_devices.h"

namespace dimoo::cuda {
namespace {

void expect(bool holds, const char* op, const char* what, int64_t expected, int64_t actual) {
  if (!holds) fail(Code::internal, op, ": ", what, " must be ", expected, ", got ", actual);
}

void check_linear(const char* op, Tensor x, const Weight& w, Tensor out) {
  expect(x.cols == w.cols(), op, "columns of x", w.cols(), x.cols);
  expect(out.cols == w.rows(), op, "columns of out", w.rows(), out.cols);
  expect(out.rows == x.rows, op, "rows of out", x.rows, out.rows);
}

void check_rows(const char* op, std::span<const int32_t> rows, int64_t count, int64_t limit) {
  expect(static_cast<int64_t>(rows.size()) >= count, op, "listed rows", count, static_cast<int64_t>(rows.size()));
  for (const int32_t row : rows)
    if (row < 0 || row >= limit) fail(Code::internal, op, ": rows must lie in 0..", limit - 1, ", got ", row);
}

const CudaWeight& of(const Weight& weight) { return static_cast<const CudaWeight&>(weight); }
const int32_t* integers(const Buffer& buffer) { return static_cast<const int32_t*>(buffer.data()); }

std::string hardware_name(int index) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
  return properties.name;
}

}  // namespace

CudaDevice::CudaDevice(int index) : index_(index), name_(hardware_name(index)), stream_(index), weights_(stream_) {}

Stream& CudaDevice::on() {
  stream_.use();
  return stream_;
}

std::vector<VariantReport> CudaDevice::variants() const {
  const std::vector<std::string> products{"mma", "f32"}, only{"f32"}, decisions{"cuda"};
  std::vector<VariantReport> reports{{"linear f32", "f32", only}, {"linear bf16", "mma", products}};
  reports.push_back({"attention", products.front(), products});
  for (const char* op : {"norm", "rotary", "conv", "group_norm", "nearest"}) reports.push_back({op, "f32", only});
  reports.push_back({"unmask", "cuda", decisions});
  return reports;
}

MemoryReport CudaDevice::memory() const {
  stream_.use();
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return {stream_.pool()->used(), static_cast<int64_t>(free) + stream_.pool()->idle(), static_cast<int64_t>(total)};
}

void CudaDevice::upload(Tensor to, const void* from) { on().upload(to.data, from, to.rows * type_bytes(to.type, to.stride)); }

void CudaDevice::download(void* to, Tensor from) { on().download(to, from.data, from.rows * type_bytes(from.type, from.stride)); }

std::unique_ptr<Weight> CudaDevice::prepare(const HostTensor& tensor, Precision precision) {
  const int block = type_info(tensor.type).block;
  if (tensor.cols % block)
    fail(Code::model_corrupt, tensor.name, ": columns must be a multiple of ", block, " for ", type_info(tensor.type).name, ", got ",
         tensor.cols);
  on();
  return weights_.matrix(tensor, precision);
}

std::unique_ptr<Weight> CudaDevice::prepare_conv(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) {
  expect(tensor.cols == in * size * size, "conv", "values per output channel", in * size * size, tensor.cols);
  on();
  return weights_.kernel(tensor, in, size, sampling);
}

/// The largest of: x in bf16, the second product of a gated pair in f32, attention's operands in bf16; and lists.
int64_t CudaDevice::scratch_bytes(int64_t rows, int64_t width, int64_t hidden) const {
  constexpr int64_t kLists = 4 << 20;
  return rows * std::max(4 * std::max(width, hidden), 6 * width) + kLists;
}

void CudaDevice::embed(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  expect(out.cols == table.cols(), "embed", "columns of out", table.cols(), out.cols);
  expect(static_cast<int64_t>(ids.size()) >= out.rows, "embed", "ids", out.rows, static_cast<int64_t>(ids.size()));
  for (const int32_t id : ids)
    if (id < 0 || id >= table.rows()) fail(Code::request_invalid, "embed: ids must lie in 0..", table.rows() - 1, ", got ", id);
  const Buffer list = on().list(ids);
  cuda::embed(stream_, of(table).matrix(), integers(list), out);
}

void CudaDevice::norm(Tensor x, Tensor weight, float eps, Tensor out) {
  expect(weight.cols == x.cols, "norm", "length of weight", x.cols, weight.cols);
  cuda::norm(on(), x, weight, eps, out);
}

Buffer CudaDevice::rounded(Tensor x) {
  const int64_t pitch = mma_pitch(x.cols);
  Buffer operand = stream_.scratch(x.rows * pitch * 2);
  round_rows(stream_, x, static_cast<uint16_t*>(operand.data()), pitch);
  return operand;
}

void CudaDevice::product(Tensor x, const CudaWeight& w, Epilogue epilogue, Tensor out) {
  on();
  if (w.compute() == Compute::f32) return linear_f32(stream_, x, w.matrix(), epilogue, out);
  const Buffer operand = rounded(x);
  linear_mma(stream_, static_cast<const uint16_t*>(operand.data()), x.rows, w.matrix(), epilogue, out);
}

void CudaDevice::linear(Tensor x, const Weight& w, Tensor out) {
  check_linear("linear", x, w, out);
  product(x, of(w), Epilogue::store, out);
}

void CudaDevice::linear_add(Tensor x, const Weight& w, Tensor out) {
  check_linear("linear_add", x, w, out);
  product(x, of(w), Epilogue::add, out);
}

void CudaDevice::gated(Tensor x, const Weight& gate, const Weight& up, Tensor out) {
  check_linear("gated", x, gate, out);
  check_linear("gated", x, up, out);
  const CudaWeight &g = of(gate), &u = of(up);
  on();
  if (g.compute() == Compute::bf16 && u.compute() == Compute::bf16 && g.matrix().type == u.matrix().type) {
    const Buffer operand = rounded(x);
    return gated_mma(stream_, static_cast<const uint16_t*>(operand.data()), x.rows, g.matrix(), u.matrix(), out);
  }
  const Buffer other = stream_.scratch(out.rows * out.cols * 4);
  const Tensor second(static_cast<float*>(other.data()), out.rows, out.cols);
  product(x, g, Epilogue::store, out);
  product(x, u, Epilogue::store, second);
  silu_times(stream_, out, second);
}

void CudaDevice::rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads) {
  expect(table.cols == x.cols / heads, "rotary", "columns of the table", x.cols / heads, table.cols);
  check_rows("rotary", positions, x.rows, table.rows);
  const Buffer list = on().list(positions);
  cuda::rotary(stream_, x, integers(list), table, heads);
}

void CudaDevice::attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) {
  expect(heads % kv_heads == 0, "attention", "heads modulo key/value heads", 0, heads % kv_heads);
  const int64_t hd = q.cols / heads;
  on();
  const bool fast = std::all_of(spans.begin(), spans.end(), [](const AttentionSpan& span) { return span.precision == Precision::fast; });
  if (fast && attention_mma_fits(hd)) return attention_mma(stream_, q, spans, heads, kv_heads, out);
  if (hd > kMostHeadDim) fail(Code::model_unsupported, "attention: head dimension must be at most ", kMostHeadDim, ", got ", hd);
  attention_f32(stream_, q, spans, heads, kv_heads, out);
}

void CudaDevice::gather(Tensor x, std::span<const int32_t> rows, Tensor out) {
  check_rows("gather", rows, out.rows, x.rows);
  const Buffer list = on().list(rows);
  cuda::gather(stream_, x, integers(list), out);
}

void CudaDevice::scatter(Tensor x, std::span<const int32_t> rows, Tensor out) {
  check_rows("scatter", rows, x.rows, out.rows);
  const Buffer list = on().list(rows);
  cuda::scatter(stream_, x, integers(list), out);
}

void CudaDevice::row_max(Tensor x, Tensor out) { cuda::row_max(on(), x, out); }

void CudaDevice::unmask(std::span<const UnmaskJob> jobs) { cuda::unmask(on(), jobs); }

void CudaDevice::unmask_text(std::span<const TextUnmaskJob> jobs) { cuda::unmask_text(on(), jobs); }

void CudaDevice::group_norm(Image x, Tensor weight, Tensor bias, int groups, float eps, Activation act, Image out) {
  expect(x.channels() % groups == 0, "group_norm", "channels modulo groups", 0, x.channels() % groups);
  cuda::group_norm(on(), x, weight, bias, groups, eps, act, out);
}

void CudaDevice::conv(Image x, const Weight& weight, Tensor bias, Image residual, Image out) {
  const CudaWeight& kernel = of(weight);
  expect(kernel.cols() == x.channels() * kernel.taps(), "conv", "values of a kernel", x.channels() * kernel.taps(), kernel.cols());
  expect(out.channels() == kernel.rows(), "conv", "channels of out", kernel.rows(), out.channels());
  cuda::conv(on(), x, kernel.matrix(), kernel.taps(), bias, kernel.sampling(), residual, out);
}

void CudaDevice::nearest(Tensor x, const Weight& table, std::span<int32_t> ids) {
  expect(x.cols == table.cols(), "nearest", "columns of x", table.cols(), x.cols);
  expect(static_cast<int64_t>(ids.size()) == x.rows, "nearest", "ids", x.rows, static_cast<int64_t>(ids.size()));
  const Buffer found = on().scratch(x.rows * 4);
  cuda::nearest(stream_, x, of(table).matrix(), static_cast<int32_t*>(found.data()));
  stream_.download(ids.data(), found.data(), x.rows * 4);
}

}  // namespace dimoo::cuda

namespace dimoo {

std::unique_ptr<Device> create_cuda_device(int index) { return std::make_unique<cuda::CudaDevice>(index); }

}  // namespace dimoo
