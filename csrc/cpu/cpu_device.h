// A CPU that has a table of kernels: products and attention in blocks over packed panels, which are kept within a budget.
#pragma once
#include <memory>
#include <string>

#include "cpu/host_device.h"
#include "cpu/product.h"

namespace dimoo::cpu {

class CpuDevice : public HostDevice {
 public:
  /// `kernels` outlive this; `variant` is what they are called.
  CpuDevice(const DeviceOptions& options, std::string variant, const Kernels& kernels);

  std::vector<VariantReport> variants() const override;
  MemoryReport memory() const override;
  int64_t panel_bytes(const HostTensor& tensor, Precision precision) const override;
  int64_t conv_panel_bytes(const HostTensor& tensor, Sampling sampling) const override;
  int64_t scratch_bytes(int64_t rows, int64_t width, int64_t hidden) const override;
  void set_panel_budget(int64_t bytes) override { panel_budget_ = bytes; }

 protected:
  std::unique_ptr<Weight> do_prepare(const HostTensor& tensor, Precision precision) override;
  std::unique_ptr<Weight> do_prepare_conv(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) override;
  void do_norm(Tensor x, Tensor weight, float eps, Tensor out) override;
  void do_linear(Tensor x, const Weight& w, Epilogue epilogue, Tensor out) override;
  void do_gated(Tensor x, const Weight& gate, const Weight& up, Tensor out) override;
  void do_rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads) override;
  void do_attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) override;
  void do_channel_sums(Image x, std::span<double> sums) override;
  void do_conv(Image x, const ChannelScale& scale, const Weight& kernel, Tensor bias, Image residual, Image out) override;
  void do_nearest(Tensor x, const Weight& table, std::span<int32_t> ids) override;

 private:
  /// Packs all panels of a weight at its first use, when the budget has room.
  const CpuWeight& use(const Weight& weight);
  Buffer pack_all(const CpuWeight& w, const std::shared_ptr<HostMemory>& memory);
  Products products() { return {kernels_, pool_, scratch_}; }

  std::string variant_;
  const Kernels& kernels_;
  Scratch scratch_;
  int64_t panel_budget_;
  std::shared_ptr<HostMemory> passing_ = std::make_shared<HostMemory>();  // of panels packed for one op
};

}  // namespace dimoo::cpu
