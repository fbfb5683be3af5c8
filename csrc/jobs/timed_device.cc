// One line per op: the phase it belongs to and, for products and attention, what it multiplies.
#include "jobs/timed_device.h"

namespace dimoo {
namespace {

Arithmetic arithmetic_of(DType type, Precision precision) {
  if (precision == Precision::f32 || type == DType::f32) return Arithmetic::f32;
  return type == DType::f16 || type == DType::bf16 ? Arithmetic::bf16 : Arithmetic::int8;
}

double product_operations(int64_t rows, const Weight& w) {
  return 2.0 * static_cast<double>(rows) * static_cast<double>(w.rows()) * static_cast<double>(w.cols());
}

}  // namespace

template <class Body>
void TimedDevice::timed(const char* phase, Body body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  phases_[phase].seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void TimedDevice::count_product(Tensor x, const Weight& w) {
  phases_[phase_of(w)].operations[static_cast<int>(kinds_.at(&w).arithmetic)] += product_operations(x.rows, w);
}

std::unique_ptr<Weight> TimedDevice::do_prepare(const HostTensor& tensor, Precision precision) {
  auto weight = inner_.prepare(tensor, precision);
  kinds_[weight.get()] = {arithmetic_of(tensor.type, precision), tensor.name == "output.weight" || tensor.name == "token_embd.weight"};
  return weight;
}

std::unique_ptr<Weight> TimedDevice::do_prepare_conv(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) {
  return inner_.prepare_conv(tensor, in, size, sampling);
}

void TimedDevice::upload(Tensor to, const void* from) {
  timed("copies", [&] { inner_.upload(to, from); });
}

void TimedDevice::download(void* to, Tensor from) {
  timed("copies", [&] { inner_.download(to, from); });
}

void TimedDevice::do_embed(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  timed("embed", [&] { inner_.embed(table, ids, out); });
}

void TimedDevice::do_norm(Tensor x, Tensor weight, float eps, Tensor out) {
  timed("norm", [&] { inner_.norm(x, weight, eps, out); });
}

void TimedDevice::do_linear(Tensor x, const Weight& w, Epilogue epilogue, Tensor out) {
  timed(phase_of(w), [&] { epilogue == Epilogue::add ? inner_.linear_add(x, w, out) : inner_.linear(x, w, out); });
  count_product(x, w);
}

void TimedDevice::do_gated(Tensor x, const Weight& gate, const Weight& up, Tensor out) {
  timed("products", [&] { inner_.gated(x, gate, up, out); });
  count_product(x, gate);
  count_product(x, up);
}

/// Rotary and scatter are parts of the product where the device makes them so, and then no phase of their own.
void TimedDevice::do_project(Tensor x, const Weight& w, const Turn& turn, std::span<const Placement> placements, Tensor out) {
  if (!inner_.fuses_projections()) return Device::do_project(x, w, turn, placements, out);
  timed("products", [&] { inner_.project(x, w, turn, placements, out); });
  count_product(x, w);
}

void TimedDevice::do_rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads) {
  timed("rotary", [&] { inner_.rotary(x, positions, table, heads); });
}

void TimedDevice::do_attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) {
  timed("attention", [&] { inner_.attention(q, spans, heads, kv_heads, out); });
  const auto arithmetic = precision_ == Precision::f32 ? Arithmetic::f32 : Arithmetic::bf16;
  for (const AttentionSpan& span : spans)
    phases_["attention"].operations[static_cast<int>(arithmetic)] +=
        4.0 * static_cast<double>(span.count) * static_cast<double>(span.k.rows) * static_cast<double>(q.cols);
}

void TimedDevice::do_gather(Tensor x, std::span<const int32_t> rows, Tensor out) {
  timed("copies", [&] { inner_.gather(x, rows, out); });
}

void TimedDevice::do_scatter(Tensor x, std::span<const int32_t> rows, Tensor out) {
  timed("copies", [&] { inner_.scatter(x, rows, out); });
}

void TimedDevice::do_row_max(Tensor x, Tensor out) {
  timed("unmask", [&] { inner_.row_max(x, out); });
}

bool TimedDevice::finite(Tensor x) {
  bool all = true;
  timed("copies", [&] { all = inner_.finite(x); });
  return all;
}

void TimedDevice::choose(std::span<const ChooseJob> jobs) {
  timed("unmask", [&] { inner_.choose(jobs); });
}

void TimedDevice::settle() {
  timed("unmask", [&] { inner_.settle(); });
}

void TimedDevice::unmask(std::span<const UnmaskJob> jobs) {
  timed("unmask", [&] { inner_.unmask(jobs); });
}

void TimedDevice::unmask_text(std::span<const TextUnmaskJob> jobs) {
  timed("unmask", [&] { inner_.unmask_text(jobs); });
}

void TimedDevice::do_channel_sums(Image x, std::span<double> sums) {
  timed("vq", [&] { inner_.channel_sums(x, sums); });
}

void TimedDevice::do_conv(Image x, const ChannelScale& scale, const Weight& kernel, Tensor bias, Image residual, Image out) {
  timed("vq", [&] { inner_.conv(x, scale, kernel, bias, residual, out); });
}

void TimedDevice::do_nearest(Tensor x, const Weight& table, std::span<int32_t> ids) {
  timed("vq", [&] { inner_.nearest(x, table, ids); });
}

}  // namespace dimoo
