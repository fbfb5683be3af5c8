// One NVIDIA GPU as a device: a stream and its pool, weights as stored, kernels from kernels.h. Ops queue work and return; `settle`,
// downloads, `channel_sums` and `nearest` wait for it.
#pragma once
#include <string>
#include <vector>

#include "cuda/lists.h"
#include "cuda/weight.h"

namespace dimoo::cuda {

class CudaDevice : public Device {
 public:
  CudaDevice(int index, const DeviceOptions& options);

  std::string id() const override { return "cuda:" + std::to_string(index_); }
  std::string name() const override { return name_; }
  std::vector<VariantReport> variants() const override;
  int threads() const override { return 1; }

  MemoryReport memory() const override;
  Activity activity() const override { return stream_.activity(); }
  Buffer allocate(int64_t bytes) override { return on().scratch(bytes); }
  void upload(Tensor to, const void* from) override;
  void download(void* to, Tensor from) override;
  void settle() override { on().readbacks().settle(); }
  void abandon() noexcept override { stream_.readbacks().abandon(); }
  bool copies_weights() const override { return true; }
  int64_t panel_bytes(const HostTensor&, Precision) const override { return 0; }
  int64_t scratch_bytes(int64_t rows, int64_t width, int64_t hidden) const override;
  void set_panel_budget(int64_t) override {}
  int64_t filled_rows(int64_t rows) const override;
  int64_t saturating_rows() const override { return kSaturatingRows; }
  void repeat(const void* owner, std::span<const int64_t> shape, FunctionRef<void()> ops) override;
  void set_cancel(const CancelToken* cancel) override { stream_.set_cancel(cancel); }

  DType operand_type(DType stored, Precision precision) const override;
  DType kv_type(Precision precision, int64_t head_dim) const override;
  bool fuses_projections() const override { return true; }
  bool finite(Tensor x) override;
  void choose(std::span<const ChooseJob> jobs) override;
  void unmask(std::span<const UnmaskJob> jobs) override;
  void unmask_text(std::span<const TextUnmaskJob> jobs) override;

 protected:
  std::unique_ptr<Weight> do_prepare(const HostTensor& tensor, Precision precision) override;
  std::unique_ptr<Weight> do_prepare_conv(const HostTensor& tensor, int64_t in, int64_t size, Sampling sampling) override;
  void do_embed(const Weight& table, std::span<const int32_t> ids, Tensor out) override;
  void do_norm(Tensor x, Tensor weight, float eps, Tensor out) override;
  void do_linear(Tensor x, const Weight& w, Epilogue epilogue, Tensor out) override;
  void do_gated(Tensor x, const Weight& gate, const Weight& up, Tensor out) override;
  void do_project(Tensor x, const Weight& w, const Turn& turn, std::span<const Placement> placements, Tensor out) override;
  void do_rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads) override;
  void do_attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out) override;
  void do_gather(Tensor x, std::span<const int32_t> rows, Tensor out) override;
  void do_scatter(Tensor x, std::span<const int32_t> rows, Tensor out) override;
  void do_row_max(Tensor x, Tensor out) override;
  void do_channel_sums(Image x, std::span<double> sums) override;
  void do_conv(Image x, const ChannelScale& scale, const Weight& kernel, Tensor bias, Image residual, Image out) override;
  void do_nearest(Tensor x, const Weight& table, std::span<int32_t> ids) override;

 private:
  /// Passes of more rows keep the GPU busy for longer than the host takes to launch them.
  static constexpr int64_t kMostRepeatedRows = 2048;
  /// Rows of a pass from which on a GPU multiplies hardly faster.
  static constexpr int64_t kSaturatingRows = 8192;

  /// The stream, with this thread speaking to its GPU.
  Stream& on();
  /// `project` as the ops it is made of.
  void project_in_steps(Tensor x, const Weight& w, const Turn& turn, std::span<const Placement> placements, Tensor out);
  /// x (r, k) as operand of tensor core products: as it lies, or rounded into `memory`.
  Operand operand(Tensor x, Buffer& memory);
  /// `out` where ops that only write f32 put it first: itself, or `memory`.
  Tensor exact(Tensor out, Buffer& memory);

  int index_;
  std::string name_;
  Stream stream_;
  WeightStore weights_;
  Lists lists_;
};

}  // namespace dimoo::cuda
