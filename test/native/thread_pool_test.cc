// The pool: every task once, on any number of threads; errors and cancellation reach the caller; idle threads cost nothing.
#include "base/thread_pool.h"

#include <time.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

#include "test/native/check.h"

using namespace dimoo;
using namespace std::chrono_literals;

namespace {

double process_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

TEST(every_task_runs_once_on_any_number_of_threads) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    CHECK_EQ(pool.threads(), threads);
    for (const int64_t tasks : {0, 1, 2, 3, 7, 100, 5000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
      std::atomic<bool> in_range{true};
      pool.run(tasks, [&](int64_t index, int worker) {
        runs[static_cast<size_t>(index)]++;
        if (worker < 0 || worker >= threads) in_range = false;
      });
      for (const auto& count : runs) CHECK_EQ(count.load(), 1);
      CHECK(in_range);
    }
  }
}

TEST(many_short_jobs_in_a_row) {
  ThreadPool pool(4);
  int64_t expected = 0;
  std::atomic<int64_t> sum{0};
  for (int64_t job = 0; job < 20000; job++) {
    const int64_t tasks = job % 6;
    pool.run(tasks, [&](int64_t index, int) { sum += index + job; });
    expected += tasks * job + tasks * (tasks - 1) / 2;
    CHECK_EQ(sum.load(), expected);
  }
}

TEST(a_worker_runs_one_task_at_a_time) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> busy(4);
  std::atomic<bool> shared{false};
  pool.run(2000, [&](int64_t, int worker) {
    if (busy[static_cast<size_t>(worker)]++ != 0) shared = true;
    pool.run(3, [&](int64_t, int inner) {  // serial, as the same worker
      if (inner != worker) shared = true;
    });
    busy[static_cast<size_t>(worker)]--;
  });
  CHECK(!shared);
}

TEST(tasks_really_run_at_the_same_time) {
  ThreadPool pool(2);
  std::atomic<int> arrived{0};
  pool.run(2, [&](int64_t, int) {
    arrived++;
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (arrived < 2 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  });
  CHECK_EQ(arrived.load(), 2);  // a serial pool would have waited ten seconds
}

TEST(threads_may_change_between_runs) {
  ThreadPool pool(2);
  int most = 2;
  for (const int threads : {1, 5, 3, 8, 2, 1, 4}) {
    pool.set_threads(threads);
    most = std::max(most, threads);
    CHECK_EQ(pool.threads(), threads);
    CHECK_EQ(pool.most_threads(), most);
    std::atomic<bool> in_range{true};
    std::atomic<int> ran{0}, arrived{0};
    for (int job = 0; job < 50; job++)
      pool.run(40, [&](int64_t, int worker) {  // long enough for a worker that may not to come
        ran++;
        if (worker >= threads) in_range = false;
        std::this_thread::yield();
      });
    CHECK_EQ(ran.load(), 50 * 40);
    CHECK(in_range);
    pool.run(threads, [&](int64_t, int) {  // so many at once
      arrived++;
      const auto until = std::chrono::steady_clock::now() + 10s;
      while (arrived < threads && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    });
    CHECK_EQ(arrived.load(), threads);
  }
}

TEST(a_worker_that_comes_late_takes_nothing_of_a_run_that_may_not_use_it) {
  ThreadPool pool(8);
  std::atomic<bool> in_range{true};
  for (int round = 0; round < 4000; round++) {
    const int threads = round % 2 ? 2 : 8;  // the many wake up while the few are at work
    pool.set_threads(threads);
    pool.run(8, [&](int64_t, int worker) {
      if (worker >= threads) in_range = false;
    });
  }
  CHECK(in_range);
}

TEST(errors_reach_the_caller_and_skip_what_is_left) {
  for (const int threads : {1, 2, 8}) {
    ThreadPool pool(threads);
    std::atomic<int> ran{0};
    CHECK_THROWS(pool.run(1000,
                          [&](int64_t index, int) {
                            ran++;
                            if (index == 10) fail(Code::internal, "task ten");
                            std::this_thread::sleep_for(100us);
                          }),
                 Code::internal, "task ten");
    CHECK(ran.load() < 1000);
    ran = 0;
    pool.run(50, [&](int64_t, int) { ran++; });
    CHECK_EQ(ran.load(), 50);  // the pool goes on
  }
}

TEST(cancelling_skips_tasks_that_have_not_started) {
  for (const int threads : {1, 2, 8}) {
    ThreadPool pool(threads);
    CancelToken cancel;
    pool.set_cancel(&cancel);
    std::atomic<int> ran{0};
    CHECK_THROWS(pool.run(1000,
                          [&](int64_t, int) {
                            if (++ran == 5) cancel.cancel();
                            std::this_thread::sleep_for(100us);
                          }),
                 Code::aborted, "aborted");
    CHECK(ran.load() < 1000);
    CHECK_THROWS(pool.run(3, [&](int64_t, int) { ran = -1; }), Code::aborted, "aborted");
    CHECK(ran.load() >= 0);
    pool.set_cancel(nullptr);
    ran = 0;
    pool.run(20, [&](int64_t, int) { ran++; });
    CHECK_EQ(ran.load(), 20);
  }
}

TEST(idle_workers_sleep) {
  ThreadPool pool(8);
  pool.run(100, [](int64_t, int) {});
  std::this_thread::sleep_for(20ms);
  const double before = process_cpu_seconds();
  std::this_thread::sleep_for(300ms);
  CHECK_NEAR(process_cpu_seconds() - before, 0, 0.01);
}

TEST(two_pools_side_by_side) {
  std::atomic<int64_t> total{0};
  const auto use = [&] {
    ThreadPool pool(3);
    for (int job = 0; job < 300; job++) pool.run(20, [&](int64_t index, int) { total += index; });
  };
  std::thread other(use);
  use();
  other.join();
  CHECK_EQ(total.load(), int64_t{2 * 300 * 190});
}
