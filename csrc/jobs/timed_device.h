// A device that forwards every op to another and adds up the time and the operations of each phase: how `bench` looks inside a
// pass without timers in the code that runs in production. Times are the caller's: a device that queues its work shows only what
// its caller waits for.
#pragma once
#include <chrono>
#include <map>
#include <set>
#include <string>

#include "device/device.h"

namespace dimoo {

/// Of one phase since the last `take`. Operations count a multiply-add as two and are known for products and attention.
struct PhaseTime {
  double seconds = 0;
  double operations[3] = {};  // by Arithmetic
};
using PhaseTimes = std::map<std::string, PhaseTime>;

class TimedDevice : public Device {
 public:
  /// `inner` must outlive this. Attention counts as f32 in Precision::f32 and as bf16 in `fast`.
  TimedDevice(Device& inner, Precision precision) : inner_(inner), precision_(precision) {}

  /// What was added up since the last call.
  PhaseTimes take() { return std::exchange(phases_, {}); }

  std::string id() const override { return inner_.id(); }
  std::string name() const override { return inner_.name(); }
  std::vector<VariantReport> variants() const override { return inner_.variants(); }
  int threads() const override { return inner_.threads(); }
  void set_threads(int threads) override { inner_.set_threads(threads); }
  double peak(Arithmetic arithmetic) override { return inner_.peak(arithmetic); }
  MemoryReport memory() const override { return inner_.memory(); }
  Activity activity() const override { return inner_.activity(); }
  Buffer allocate(int64_t bytes) override { return inner_.allocate(bytes); }
  void upload(Tensor to, const void* from) override;
  void download(void* to, Tensor from) override;
  void settle() override;
  void abandon() noexcept override { inner_.abandon(); }
  bool copies_weights() const override { return inner_.copies_weights(); }
  int64_t panel_bytes(const HostTensor& tensor, Precision precision) const override { return inner_.panel_bytes(tensor, precision); }
  int64_t conv_panel_bytes(const HostTensor& tensor, Sampling sampling) const override { return inner_.conv_panel_bytes(tensor, sampling); }
  int64_t scratch_bytes(int64_t rows, int64_t width, int64_t hidden) const override { return inner_.scratch_bytes(rows, width, hidden); }
  int64_t saturating_rows() const override { return inner_.saturating_rows(); }
  int64_t filled_rows(int64_t rows) const override { return inner_.filled_rows(rows); }
  void repeat(const void* owner, std::span<const int64_t> shape, FunctionRef<void()> ops) override { inner_.repeat(owner, shape, ops); }
  void set_panel_budget(int64_t bytes) override { inner_.set_panel_budget(bytes); }
  void set_cancel(const CancelToken* cancel) override { inner_.set_cancel(cancel); }

  DType operand_type(DType stored, Precision precision) const override { return inner_.operand_type(stored, precision); }
  DType kv_type(Precision precision, int64_t head_dim) const override { return inner_.kv_type(precision, head_dim); }
  bool fuses_projections() const override { return inner_.fuses_projections(); }
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
  /// What a weight's products are made of, and whether they are the head's.
  struct Kind {
    Arithmetic arithmetic = Arithmetic::f32;
    bool head = false;
  };
  template <class Body>
  void timed(const char* phase, Body body);
  void count_product(Tensor x, const Weight& w);
  const char* phase_of(const Weight& w) const { return kinds_.at(&w).head ? "head" : "products"; }

  Device& inner_;
  Precision precision_;
  std::map<const Weight*, Kind> kinds_;
  PhaseTimes phases_;
};

}  // namespace dimoo
