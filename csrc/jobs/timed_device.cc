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

std::unique_ptr<Weight> TimedDevice::prepare(const HostTensor& tensor, Precision precision) {
  auto weight = inner_.prepare(tensor, precision);
  kinds_[weight.get()] = {arithmetic_of(tensor.type, precision), tensor.name == "output.weight" || tensor.name == "token_embd.weight"};
  return weight;
}

std::unique_ptr<Weight> TimedDevice::prepare_conv(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) {
  return inner_.prepare_conv(tensor, in, size, sampling);
}

void TimedDevice::upload(Tensor to, const void* from) {
  timed("copies", [&] { inner_.upload(to, from); });
}

void TimedDevice::download(void* to, Tensor from) {
  timed("copies", [&] { inner_.download(to, from); });
}

void TimedDevice::embed(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  timed("embed", [&] { inner_.embed(table, ids, out); });
}

void TimedDevice::norm(Tensor x, Tensor weight, float eps, Tensor out) {
  timed("norm", [&] { inner_.norm(x, weight, eps, out); });
}

void TimedDevice::linear(Tensor x, const Weight& w, Tensor out) {
  timed(phase_of(w), [&] { inner_.linear(x, w, out); });
  count_product(x, w);
}

void TimedDevice::linear_add(Tensor x, const Weight& w, Tensor out) {
  timed(phase_of(w), [&] { inner_.linear_add(x, w, out); });
  count_product(x, w);
}

void TimedDevice::gated(Tensor x, const Weight& gate, const Weight& up, Tensor out) {
  timed("products", [&] { inner_.gated(x, gate, up, out); });
  count_product(x, gate);
  count_product(x, up);
}

/// Rotary and scatter are parts of the product where the device makes them so, and then no phase of their own.
void TimedDevice::project(Tensor x, const Weight& w, const Turn& turn, std::span<const Placement> placements, Tensor out) {
  if (!inner_.fuses_projections()) return Device::project(x, w, turn, placements, out);
  timed("products", [&] { inner_.project(x, w, turn, placements, out); });
  count_product(x, w);
}

void TimedDevice::rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads) {
  timed("rotary", [&] { inner_.rotary(x, positions, table, heads); });
}

void TimedDevice::attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) {
  timed("attention", [&] { inner_.attention(q, spans, heads, kv_heads, out); });
  const auto arithmetic = precision_ == Precision::f32 ? Arithmetic::f32 : Arithmetic::bf16;
  for (const AttentionSpan& span : spans)
    phases_["attention"].operations[static_cast<int>(arithmetic)] +=
        4.0 * static_cast<double>(span.count) * static_cast<double>(span.k.rows) * static_cast<double>(q.cols);
}

void TimedDevice::gather(Tensor x, std::span<const int32_t> rows, Tensor out) {
  timed("copies", [&] { inner_.gather(x, rows, out); });
}

void TimedDevice::scatter(Tensor x, std::span<const int32_t> rows, Tensor out) {
  timed("copies", [&] { inner_.scatter(x, rows, out); });
}

void TimedDevice::row_max(Tensor x, Tensor out) {
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

void TimedDevice::group_norm(Image x, Tensor weight, Tensor bias, int groups, float eps, Activation act, Image out) {
  timed("vq", [&] { inner_.group_norm(x, weight, bias, groups, eps, act, out); });
}

void TimedDevice::conv(Image x, const Weight& kernel, Tensor bias, Image residual, Image out) {
  timed("vq", [&] { inner_.conv(x, kernel, bias, residual, out); });
}

void TimedDevice::channel_sums(Image x, std::span<double> sums) {
  timed("vq", [&] { inner_.channel_sums(x, sums); });
}

void TimedDevice::conv_scaled(Image x, const ChannelScale& scale, const Weight& kernel, Tensor bias, Image residual, Image out) {
  timed("vq", [&] { inner_.conv_scaled(x, scale, kernel, bias, residual, out); });
}

void TimedDevice::nearest(Tensor x, const Weight& table, std::span<int32_t> ids) {
  timed("vq", [&] { inner_.nearest(x, table, ids); });
}

}  // namespace dimoo
