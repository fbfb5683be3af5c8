// Worker threads of one engine. `run` splits a job into numbered tasks; which thread takes a task never changes what the
// task computes, so results do not depend on the number of threads. Idle workers sleep; they do not spin between steps.
#pragma once
#include <cstdint>
#include <memory>

#include "base/cancel.h"
#include "base/function_ref.h"

namespace dimoo {

/// CPUs this process may use: affinity mask and cgroup quotas (base/cgroup.h), at least 1.
int usable_cpus();

class ThreadPool {
 public:
  static constexpr int kMost = 1024;
  /// `threads` counts the calling thread; 0 means usable_cpus().
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Of the runs to come.
  int threads() const;
  /// The most that `set_threads` has asked for. Any thread.
  int most_threads() const;
  /// Between runs: how many threads the next ones use, 1 to kMost; more than ever are started here, and stay.
  void set_threads(int threads);
  /// Calls task(index, worker) for index 0 .. tasks-1, worker in 0 .. threads-1, and returns when all have ended. The first
  /// exception is rethrown here. With a cancel token set, tasks not yet started are skipped once it is raised, then
  /// Error{aborted} is thrown. Calls from inside a task run serially.
  void run(int64_t tasks, FunctionRef<void(int64_t index, int worker)> task);
  /// Watched by `run` until replaced; null watches nothing.
  void set_cancel(const CancelToken* cancel);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dimoo
