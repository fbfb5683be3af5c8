#include "cpu/host_device.h"

#include <algorithm>
#include <cstring>

#include "base/machine.h"
#include "cpu/dispatch.h"
#include "cpu/unmask.h"

namespace dimoo::cpu {

std::string cpu_name() { return processor_name(); }

HostDevice::HostDevice(const DeviceOptions& options) : pool_(options.threads) {}

std::vector<VariantReport> HostDevice::reports(const std::string& chosen, const std::string& chosen_for_bf16) const {
  std::vector<std::string> all, by_name;
  for (const Variant& variant : cpu::variants()) {
    all.push_back(variant.name);
    if (variant.selection == Selection::by_name) by_name.push_back(variant.name);
  }
  std::vector<VariantReport> reports{{"linear f32", chosen, all, by_name}, {"linear int8", chosen, all, by_name}};
  reports.push_back({"linear bf16", chosen_for_bf16, all, by_name});
  for (const char* op : {"attention", "norm", "rotary", "gated", "conv", "nearest"}) reports.push_back({op, chosen, all, by_name});
  reports.push_back({"unmask", "portable", {"portable"}, {}});
  return reports;
}

MemoryReport HostDevice::memory() const { return {buffers_->used() + panels_->used(), available_memory(), total_memory()}; }

Buffer HostDevice::allocate(int64_t bytes) {
  expect_available(bytes);
  return cpu::allocate(buffers_, bytes);
}

void HostDevice::upload(Tensor to, const void* from) {
  std::memcpy(to.data, from, static_cast<size_t>(to.rows * type_bytes(to.type, to.stride)));
}

void HostDevice::download(void* to, Tensor from) {
  std::memcpy(to, from.data, static_cast<size_t>(from.rows * type_bytes(from.type, from.stride)));
}

void HostDevice::do_embed(const Weight& table, std::span<const int32_t> ids, Tensor out) {
  each_row(out.rows, [&](int64_t r) { of(table).row(ids[static_cast<size_t>(r)], out.f32_row(r)); });
}

void HostDevice::do_gather(Tensor x, std::span<const int32_t> rows, Tensor out) {
  each_row(out.rows,
           [&](int64_t r) { std::memcpy(out.f32_row(r), x.f32_row(rows[static_cast<size_t>(r)]), static_cast<size_t>(x.cols) * 4); });
}

void HostDevice::do_scatter(Tensor x, std::span<const int32_t> rows, Tensor out) {
  each_row(x.rows,
           [&](int64_t r) { std::memcpy(out.f32_row(rows[static_cast<size_t>(r)]), x.f32_row(r), static_cast<size_t>(x.cols) * 4); });
}

void HostDevice::do_row_max(Tensor x, Tensor out) {
  each_row(x.rows, [&](int64_t r) { *out.f32_row(r) = *std::max_element(x.f32_row(r), x.f32_row(r) + x.cols); });
}

void HostDevice::unmask(std::span<const UnmaskJob> jobs) { cpu::unmask(pool_, jobs); }

void HostDevice::unmask_text(std::span<const TextUnmaskJob> jobs) { cpu::unmask_text(pool_, jobs); }

}  // namespace dimoo::cpu
