// What this machine can do at most: independent chains of multiply-adds in registers, on all threads of a pool, wall clock.
// Ops on the same threads are reported as fractions of it; both are measured in turns, so a busy machine bends both alike.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "base/thread_pool.h"

namespace bench {

enum class Kind { f32, bf16, int8 };

inline const char* kind_name(Kind kind) {
  switch (kind) {
    case Kind::f32: return "f32";
    case Kind::bf16: return "bf16";
    case Kind::int8: return "int8";
  }
  return "";
}

/// Operations (a multiply-add is two) of one call on one thread; the widest instruction this machine has for the kind.
int64_t burn(Kind kind, int64_t rounds);

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Gop/s of one burst of about 20 ms on every thread.
inline double ceiling(dimoo::ThreadPool& pool, Kind kind) {
  constexpr int64_t kRounds = 20000;
  const int64_t tasks = 60 * pool.threads();  // taken as they come, so one slow thread does not set the time
  const int64_t ops = burn(kind, 1) * kRounds * tasks;
  const auto start = std::chrono::steady_clock::now();
  pool.run(tasks, [&](int64_t, int) { burn(kind, kRounds); });
  return static_cast<double>(ops) / seconds_since(start) * 1e-9;
}

struct Measured {
  double seconds = 0;  // median of the op
  double ceiling = 0;  // median, Gop/s, measured between its repetitions
};

/// Median of `repeats` after one warm-up call, ceilings in between.
template <class Body>
Measured measure(dimoo::ThreadPool& pool, Kind kind, int repeats, Body body) {
  std::vector<double> times, ceilings;
  body();
  for (int i = 0; i < repeats; i++) {
    ceilings.push_back(ceiling(pool, kind));
    const auto start = std::chrono::steady_clock::now();
    body();
    times.push_back(seconds_since(start));
  }
  return {median(times), median(ceilings)};
}

}  // namespace bench
