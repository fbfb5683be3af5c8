// The CPU as a device: host memory, a thread pool of its own, packed panels within a budget, and one variant of kernels.
#pragma once
#include <memory>
#include <string>

#include "cpu/dispatch.h"
#include "cpu/product.h"

namespace dimoo::cpu {

/// The processor as the system names it.
std::string cpu_name();

class CpuDevice : public Device {
 public:
  explicit CpuDevice(const DeviceOptions& options);
  /// With kernels that are none of this machine's variants: for tests of what it cannot run itself.
  CpuDevice(const DeviceOptions& options, Variant variant);

  std::string id() const override { return "cpu"; }
  std::string name() const override { return cpu_name(); }
  std::vector<VariantReport> variants() const override;
  int threads() const override { return pool_.threads(); }
  void set_threads(int threads) override { pool_.set_threads(threads); }
  double peak(Arithmetic arithmetic) override;

  MemoryReport memory() const override;
  Buffer allocate(int64_t bytes) override;
  void upload(Tensor to, const void* from) override;
  void download(void* to, Tensor from) override;
  std::unique_ptr<Weight> prepare(const HostTensor& tensor, Precision precision) override;
  std::unique_ptr<Weight> prepare_conv(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) override;
  int64_t panel_bytes(const HostTensor& tensor, Precision precision) const override;
  int64_t conv_panel_bytes(const HostTensor& tensor, Sampling sampling) const override;
  int64_t scratch_bytes(int64_t rows, int64_t width, int64_t hidden) const override;
  void set_panel_budget(int64_t bytes) override { panel_budget_ = bytes; }
  void set_cancel(const CancelToken* cancel) override { pool_.set_cancel(cancel); }

  void embed(const Weight& table, std::span<const int32_t> ids, Tensor out) override;
  void norm(Tensor x, Tensor weight, float eps, Tensor out) override;
  void linear(Tensor x, const Weight& w, Tensor out) override;
  void linear_add(Tensor x, const Weight& w, Tensor out) override;
  void gated(Tensor x, const Weight& gate, const Weight& up, Tensor out) override;
  void rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads) override;
  void attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) override;
  void gather(Tensor x, std::span<const int32_t> rows, Tensor out) override;
  void scatter(Tensor x, std::span<const int32_t> rows, Tensor out) override;
  void row_max(Tensor x, Tensor out) override;
  void unmask(std::span<const UnmaskJob> jobs) override;
  void unmask_text(std::span<const TextUnmaskJob> jobs) override;
  void group_norm(Image x, Tensor weight, Tensor bias, int groups, float eps, Activation act, Image out) override;
  void conv(Image x, const Weight& kernel, Tensor bias, Image residual, Image out) override;
  bool folds_norms() const override { return true; }
  void channel_sums(Image x, std::span<double> sums) override;
  void conv_scaled(Image x, const ChannelScale& in, const Weight& kernel, Tensor bias, Image residual, Image out) override;
  void nearest(Tensor x, const Weight& table, std::span<int32_t> ids) override;

 private:
  /// Packs all panels of a weight at its first use, when the budget has room.
  const CpuWeight& use(const Weight& weight);
  Buffer pack_all(const CpuWeight& w);
  /// gated for two matrices that compute differently (mixed types).
  void gated_apart(Tensor x, const CpuWeight& gate, const CpuWeight& up, Tensor out);
  Products products() { return {*variant_.kernels, pool_, scratch_}; }

  Variant variant_;
  ThreadPool pool_;
  Scratch scratch_;
  int64_t panel_budget_;
  Counter panels_;   // bytes of cached panels, shared with the weights
  Counter buffers_;  // bytes of `allocate`, shared with the buffers
};

}  // namespace dimoo::cpu
