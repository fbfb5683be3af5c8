// The oracle: every op as plain loops, the way the equations are written. Pinned by the golden data; every fast variant is compared with
// it. Runs on any machine and is the device where no better variant fits. The pool's tasks are outputs that do not depend on each other, so
// threads change nothing.
#pragma once
#include "cpu/host_device.h"

namespace dimoo::cpu {

/// It rounds where the fast variants round.
Compute portable_compute(DType type, Precision precision);

class PortableDevice : public HostDevice {
 public:
  using HostDevice::HostDevice;
  std::vector<VariantReport> variants() const override;
  int64_t panel_bytes(const HostTensor&, Precision) const override { return 0; }
  int64_t scratch_bytes(int64_t rows, int64_t width, int64_t hidden) const override;
  void set_panel_budget(int64_t) override {}

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
};

}  // namespace dimoo::cpu
