// Workers wait on a condition variable; inside a pass they first look for new work for a few microseconds, because the ops of
// a pass follow each other closely. Tasks are taken from one atomic counter.
#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace dimoo {
namespace {

constexpr int kSpins = 2000;  // some tens of microseconds at most

/// CPUs that the cgroup's quota allows; a large number when there is none.
int quota_cpus() {
  std::string quota;
  double period = 0;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2 >> quota >> period && quota != "max" && period > 0)
    return std::max(1, static_cast<int>(std::stod(quota) / period));
  double used = 0;
  std::ifstream v1("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (v1 >> used && v1_period >> period && used > 0 && period > 0) return std::max(1, static_cast<int>(used / period));
  return 1 << 20;
}

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

thread_local bool inside_task = false;

}  // namespace

int usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cpus = static_cast<int>(std::thread::hardware_concurrency());
  if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = CPU_COUNT(&set);
  return std::max(1, std::min(cpus, quota_cpus()));
}

struct ThreadPool::Impl {
  std::vector<std::thread> workers;
  std::mutex mutex;
  std::condition_variable wake, idle;
  std::atomic<uint64_t> round{0};  // odd numbers never occur: +1 per job
  bool stop = false;
  int busy = 0;  // workers that have not yet left the present job
  const CancelToken* cancel = nullptr;

  FunctionRef<void(int64_t, int)>* task = nullptr;
  int64_t tasks = 0;
  std::atomic<int64_t> next{0};
  std::exception_ptr error;

  void work(int worker) {
    inside_task = true;
    try {
      for (;;) {
        if (cancel && cancel->cancelled()) break;
        const int64_t index = next.fetch_add(1, std::memory_order_relaxed);
        if (index >= tasks) break;
        (*task)(index, worker);
      }
    } catch (...) {
      next.store(tasks, std::memory_order_relaxed);
      std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
    inside_task = false;
  }

  void loop(int worker) {
    uint64_t seen = 0;
    for (;;) {
      for (int spin = 0; spin < kSpins && round.load(std::memory_order_acquire) == seen; spin++) relax();
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return stop || round.load(std::memory_order_relaxed) != seen; });
        if (stop) return;
        seen = round.load(std::memory_order_relaxed);
      }
      work(worker);
      std::lock_guard lock(mutex);
      if (--busy == 0) idle.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>()) {
  const int count = threads > 0 ? threads : usable_cpus();
  for (int worker = 1; worker < count; worker++) impl_->workers.emplace_back([this, worker] { impl_->loop(worker); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->wake.notify_all();
  for (std::thread& worker : impl_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(impl_->workers.size()) + 1; }

void ThreadPool::set_cancel(const CancelToken* cancel) { impl_->cancel = cancel; }

void ThreadPool::run(int64_t tasks, FunctionRef<void(int64_t, int)> task) {
  Impl& pool = *impl_;
  if (tasks <= 0) return;
  if (inside_task) {
    for (int64_t index = 0; index < tasks; index++) task(index, 0);
    return;
  }
  {
    std::lock_guard lock(pool.mutex);
    pool.task = &task;
    pool.tasks = tasks;
    pool.next.store(0, std::memory_order_relaxed);
    pool.error = nullptr;
    if (tasks > 1) {
      pool.busy = static_cast<int>(pool.workers.size());
      pool.round.fetch_add(1, std::memory_order_release);
    }
  }
  if (tasks > 1) pool.wake.notify_all();
  pool.work(0);
  std::unique_lock lock(pool.mutex);
  pool.idle.wait(lock, [&] { return pool.busy == 0; });
  pool.task = nullptr;
  if (pool.error) std::rethrow_exception(std::exchange(pool.error, nullptr));
  if (pool.cancel) pool.cancel->check();
}

}  // namespace dimoo
