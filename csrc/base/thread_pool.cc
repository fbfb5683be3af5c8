// Workers wait on a condition variable; before that they look for new work for a few microseconds, because the ops of a pass
// follow each other closely. Tasks are taken from one atomic word; a job ends when its tasks have, not when every worker has
// looked at it, so a worker that the system keeps waiting holds up nobody.
#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/cgroup.h"
#include "base/machine.h"

namespace dimoo {
namespace {

constexpr auto kSpin = std::chrono::microseconds(40);  // ops of a pass follow each other within this time

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Looks for `ready` for a short while; false when it did not come.
template <class Ready>
bool spin(Ready ready) {
  const auto until = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; i++) {
      if (ready()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < until);
  return false;
}

/// What this thread is doing, for calls from inside a task.
struct Inside {
  const void* pool = nullptr;
  int worker = 0;
};
thread_local Inside inside;

}  // namespace

int usable_cpus() { return std::min(affinity_cpus(), cgroup_cpus()); }

struct ThreadPool::Impl {
  static constexpr int kLeftBits = 40;
  static constexpr uint64_t kLeft = (uint64_t{1} << kLeftBits) - 1;

  std::vector<std::thread> workers;
  std::atomic<int> threads{1}, most{1};  // that take tasks, the caller's among them; that there are
  std::mutex mutex;
  std::condition_variable wake, idle;
  int sleeping = 0;
  bool stop = false;
  std::exception_ptr error;

  // Threads that may take tasks << 40 | tasks that nobody has taken. Who takes one may read the job below, which stays as it is until
  // every task has ended; a worker that comes late, or that this run may not use, takes nothing and touches nothing.
  std::atomic<uint64_t> left{0};
  std::atomic<int64_t> open{0};  // tasks that have not ended
  FunctionRef<void(int64_t, int)>* task = nullptr;
  int64_t tasks = 0;
  const CancelToken* cancel = nullptr;

  /// Whether `worker` may take one of the tasks that `seen` says are left.
  static bool may_take(uint64_t seen, int worker) { return seen & kLeft && static_cast<uint64_t>(worker) < seen >> kLeftBits; }

  bool has_work(int worker) const { return may_take(left.load(std::memory_order_acquire), worker); }

  /// How many tasks were left before this one was taken; 0: none.
  int64_t take(int worker) {
    uint64_t seen = left.load(std::memory_order_acquire);
    while (may_take(seen, worker))
      if (left.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel)) return static_cast<int64_t>(seen & kLeft);
    return 0;
  }

  /// Takes all tasks that are left, for nobody to run. The caller holds one that has not ended.
  int64_t drop() { return static_cast<int64_t>(left.fetch_and(~kLeft, std::memory_order_acq_rel) & kLeft); }

  void work(int worker) {
    const Inside outside = std::exchange(inside, {this, worker});
    while (const int64_t number = take(worker)) {
      int64_t ended = 1;
      try {
        if (cancel) cancel->check();
        (*task)(tasks - number, worker);
      } catch (...) {
        ended += drop();
        std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
      }
      if (open.fetch_sub(ended, std::memory_order_acq_rel) == ended) {
        std::lock_guard lock(mutex);
        idle.notify_one();
      }
    }
    inside = outside;
  }

  void loop(int worker) {
    for (;;) {
      if (!spin([&] { return has_work(worker); })) {
        std::unique_lock lock(mutex);
        sleeping++;
        wake.wait(lock, [&] { return stop || has_work(worker); });
        sleeping--;
        if (stop) return;
      }
      work(worker);
    }
  }

  /// Wakes as many sleepers as there are tasks for; all of them where some may take none.
  void wake_for(int64_t count) {
    int64_t wanted;
    {
      std::lock_guard lock(mutex);  // a worker is either asleep or sees the new tasks
      wanted = std::min<int64_t>(count, sleeping);
    }
    if (threads < most) return wake.notify_all();
    for (; wanted > 0; wanted--) wake.notify_one();
  }
};

ThreadPool::ThreadPool(int threads) : impl_(std::make_unique<Impl>()) { set_threads(threads > 0 ? threads : usable_cpus()); }

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->wake.notify_all();
  for (std::thread& worker : impl_->workers) worker.join();
}

int ThreadPool::threads() const { return impl_->threads; }

int ThreadPool::most_threads() const { return impl_->most; }

void ThreadPool::set_threads(int threads) {
  Impl& pool = *impl_;
  pool.threads = std::clamp(threads, 1, kMost);
  for (; pool.most < pool.threads; pool.most++) pool.workers.emplace_back([&pool, worker = pool.most.load()] { pool.loop(worker); });
}

void ThreadPool::set_cancel(const CancelToken* cancel) { impl_->cancel = cancel; }

void ThreadPool::run(int64_t tasks, FunctionRef<void(int64_t, int)> task) {
  Impl& pool = *impl_;
  if (tasks <= 0) return;
  if (inside.pool) {
    for (int64_t index = 0; index < tasks; index++) {
      if (pool.cancel) pool.cancel->check();
      task(index, inside.pool == &pool ? inside.worker : 0);
    }
    return;
  }
  pool.task = &task;
  pool.tasks = tasks;
  pool.open.store(tasks, std::memory_order_relaxed);
  pool.left.store(static_cast<uint64_t>(pool.threads) << Impl::kLeftBits | static_cast<uint64_t>(tasks), std::memory_order_release);
  if (tasks > 1 && pool.threads > 1) pool.wake_for(tasks - 1);
  pool.work(0);
  const auto ended = [&] { return pool.open.load(std::memory_order_acquire) == 0; };
  spin(ended);
  std::unique_lock lock(pool.mutex);  // also lets the last task's owner leave the lock before this round's end
  pool.idle.wait(lock, ended);
  if (pool.error) std::rethrow_exception(std::exchange(pool.error, nullptr));
}

}  // namespace dimoo
