// What every device in host memory is: a thread pool, memory that is counted, matrices that stay where their source has them, and the ops
// that do not depend on an instruction set. cpu/portable.h and cpu/cpu_device.h add the others.
#pragma once
#include <memory>
#include <string>

#include "base/thread_pool.h"
#include "cpu/weight.h"

namespace dimoo::cpu {

/// The processor as the system names it.
std::string cpu_name();

class HostDevice : public Device {
 public:
  explicit HostDevice(const DeviceOptions& options);

  std::string id() const override { return "cpu"; }
  std::string name() const override { return cpu_name(); }
  int threads() const override { return pool_.threads(); }
  void set_threads(int threads) override { pool_.set_threads(threads); }
  double peak(Arithmetic arithmetic) override;

  MemoryReport memory() const override;
  Buffer allocate(int64_t bytes) override;
  void upload(Tensor to, const void* from) override;
  void download(void* to, Tensor from) override;
  void set_cancel(const CancelToken* cancel) override { pool_.set_cancel(cancel); }

  void unmask(std::span<const UnmaskJob> jobs) override;
  void unmask_text(std::span<const TextUnmaskJob> jobs) override;

 protected:
  void do_embed(const Weight& table, std::span<const int32_t> ids, Tensor out) override;
  void do_gather(Tensor x, std::span<const int32_t> rows, Tensor out) override;
  void do_scatter(Tensor x, std::span<const int32_t> rows, Tensor out) override;
  void do_row_max(Tensor x, Tensor out) override;

  /// Rows in pieces, in parallel.
  template <class Body>
  void each_row(int64_t rows, Body body) {
    constexpr int64_t kPiece = 16;
    pool_.run((rows + kPiece - 1) / kPiece, [&](int64_t task, int) {
      for (int64_t r = task * kPiece; r < (rows - task * kPiece < kPiece ? rows : (task + 1) * kPiece); r++) body(r);
    });
  }
  /// What an op is made of, for `variants`.
  std::vector<VariantReport> reports(const std::string& chosen, const std::string& chosen_for_bf16) const;

  ThreadPool pool_;
  std::shared_ptr<HostMemory> buffers_ = std::make_shared<HostMemory>(), panels_ = std::make_shared<HostMemory>();
};

inline const CpuWeight& of(const Weight& weight) { return static_cast<const CpuWeight&>(weight); }

}  // namespace dimoo::cpu
