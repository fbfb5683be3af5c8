// The CUDA runtime as the ops see it: one stream, its pool of memory, staging through pinned memory, and one way to launch a kernel.
// Every status is checked; an error that the context does not survive becomes device/lost.
#pragma once
#include <cuda_runtime.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/tensor.h"
#include "cuda/pace.h"
#include "cuda/readback.h"
#include "cuda/repeats.h"
#include "cuda/tuning.h"
#include "device/device.h"

namespace dimoo::cuda {

/// Throws device/lost for errors that stay, device/out-of-memory where the GPU had no memory for the call itself (as for code that is
/// loaded when a kernel first starts), internal otherwise; `what` names the call or kernel.
void check(cudaError_t status, const char* what);

/// Memory of one GPU in stream order. Shared by its buffers, so that they may outlive the device object.
class Pool : public MemoryOwner {
 public:
  explicit Pool(int device);
  ~Pool() override;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  void* take(int64_t bytes);
  void give_back(void* data, size_t bytes) noexcept override;
  /// Waits for what is queued and lets go of all memory that was given back.
  void trim();
  /// While the stream is captured, what is given back waits, and nothing can be taken.
  void hold(bool held);
  int device() const { return device_; }
  cudaStream_t stream() const { return stream_; }
  int64_t used() const { return used_; }
  /// The most that was used at once.
  int64_t peak() const { return peak_; }
  /// Bytes given back that this process keeps for its next allocation.
  int64_t idle() const;

 private:
  int device_;
  cudaStream_t stream_ = nullptr;
  cudaMemPool_t pool_ = nullptr;
  std::atomic<int64_t> used_{0}, peak_{0};
  std::mutex mutex_;
  bool held_ = false;           // guarded by mutex_
  std::vector<void*> waiting_;  // guarded by mutex_
};

/// Pages of this machine's memory that the GPU may copy to and from, to be given to cudaFreeHost. Throws device/out-of-memory.
std::byte* pinned_memory(int64_t bytes);

/// A Buffer of this pool.
Buffer allocate(const std::shared_ptr<Pool>& pool, int64_t bytes);

class Stream {
 public:
  explicit Stream(int device, const Tuning& tuning = {});
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const std::shared_ptr<Pool>& pool() const { return pool_; }
  void set_cancel(const CancelToken* cancel) { cancel_ = cancel; }
  void check_cancel() const {
    if (cancel_) cancel_->check();
  }
  /// Makes this thread speak to this GPU.
  void use() const;

  Buffer scratch(int64_t bytes) { return repeats_.watching() ? repeats_.scratch(bytes) : allocate(pool_, bytes); }
  /// Copies into pinned memory and goes on; `from` may change once this returns.
  void upload(void* to, const void* from, int64_t bytes);
  /// Sets bytes to zero.
  void clear(void* to, int64_t bytes);
  Readbacks& readbacks() { return readbacks_; }
  /// Waits for everything queued; counted.
  void wait(const char* what);
  /// What the next launch takes, where it is worth saying.
  void expect(const Effort& effort) { effort_ = effort; }
  const Activity& activity() const { return activity_; }
  /// Waits for everything before it and for the copy.
  void download(void* to, const void* from, int64_t bytes);
  /// A host list on the device, until the buffer goes.
  template <class T>
  Buffer list(std::span<const T> values) {
    if (repeats_.watching()) return repeats_.list(values.data(), static_cast<int64_t>(values.size_bytes()));
    Buffer buffer = scratch(static_cast<int64_t>(values.size_bytes()));
    upload(buffer.data(), values.data(), static_cast<int64_t>(values.size_bytes()));
    return buffer;
  }

  /// The one way to start a kernel: cancellation before it, its status after it, its name in the error.
  template <class... Parameters, class... Arguments>
  void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, int threads, int64_t shared, Arguments... arguments) {
    check_cancel();
    const Effort effort = std::exchange(effort_, {});
    if (grid.x == 0 || grid.y == 0) return;
    if (repeats_.watching() &&
        !repeats_.note(reinterpret_cast<const void*>(kernel), grid, threads, shared, static_cast<Parameters>(arguments)...))
      return;
    if (shared > kPlainShared) allow(reinterpret_cast<const void*>(kernel), name);
    const cudaLaunchConfig_t config{grid, dim3(static_cast<unsigned>(threads)), static_cast<size_t>(shared), pool_->stream(), nullptr, 0};
    if (!repeats_.watching()) activity_.launches++;
    with_room(name, [&] { return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...); });
    if (wait_each_) check(cudaStreamSynchronize(pool_->stream()), name);
    pace_.expect(effort);
    if (pace_.full()) repeats_.watching() ? repeats_.cut() : end_group();
  }
  /// `ops` may come again in this shape (cuda/repeats.h); not so where every launch is waited for.
  void repeat(const void* owner, std::span<const int64_t> shape, FunctionRef<void()> ops) {
    wait_each_ ? ops() : repeats_.run(owner, shape, ops);
  }
  Repeats& repeats() { return repeats_; }
  void start(cudaGraphExec_t graph);
  /// A recording has gone out.
  void replayed() { activity_.replays++; }
  /// What was queued is a group; then whoever cancelled is heard.
  void end_group() {
    pace_.end();
    activity_.groups = pace_.groups();
    check_cancel();
  }
  Pace& pace() { return pace_; }
  const Tuning& tuning() const { return tuning_; }
  /// Multiprocessors of this GPU, and bytes of shared memory of each; a block takes kReservedShared more than it asks for.
  int processors() const { return processors_; }
  int64_t shared_bytes() const { return shared_bytes_; }
  static constexpr int64_t kReservedShared = 1 << 10;

 private:
  static constexpr int64_t kPlainShared = 48 << 10;  // more must be asked for
  static constexpr int64_t kHalf = 8 << 20;          // bytes of each of two staging halves

  void turn();
  /// A call that takes memory beside the pool, which keeps all that was given back: where there is none, once more without that.
  template <class Call>
  void with_room(const char* name, Call call) {
    cudaError_t status = call();
    if (status == cudaErrorMemoryAllocation && !repeats_.watching()) {
      cudaGetLastError();
      pool_->trim();
      status = call();
    }
    check(status, name);
  }
  /// Lets a kernel have as much shared memory as this GPU gives to a block. Always as much: the limit is the process's, and what another
  /// stream's recording or launch counts on must not shrink.
  void allow(const void* kernel, const char* name);

  std::shared_ptr<Pool> pool_;
  const CancelToken* cancel_ = nullptr;
  std::byte* staging_ = nullptr;
  cudaEvent_t free_[2] = {};
  int half_ = 0;
  int64_t filled_ = 0;
  bool wait_each_ = false;
  Tuning tuning_;
  int processors_ = 1;
  int64_t shared_bytes_ = 0, most_shared_ = 0;  // of a multiprocessor, of a block
  std::set<const void*> allowed_;
  Effort effort_;
  Pace pace_;
  Activity activity_;
  Readbacks readbacks_{*this};
  Repeats repeats_{*this};
};

inline unsigned blocks(int64_t work, int64_t each) { return static_cast<unsigned>((work + each - 1) / each); }

}  // namespace dimoo::cuda
