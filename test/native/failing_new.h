// This program's own operator new, which fails when it is told to: allocations of some threads, one of them or one in so many. To be
// included by one source file of a program.
#pragma once
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace failing_new {

/// Counts allocations of some threads; the one that it comes down to fails, and then every `every`-th.
struct Failing {
  std::atomic<bool> armed{false};
  std::atomic<int64_t> left{0}, failed{0};
  int64_t every = 0;  // 0: only one
  bool callers = false;
};
inline Failing failing;
inline thread_local bool is_caller = false;  // of this thread

inline bool fails() {
  if (!failing.armed.load(std::memory_order_relaxed) || is_caller != failing.callers) return false;
  const int64_t left = failing.left.fetch_sub(1);
  if (left > 0 || (left < 0 && (failing.every == 0 || left % failing.every))) return false;
  failing.failed++;
  return true;
}

inline void* take(std::size_t bytes) {
  void* memory = fails() ? nullptr : std::malloc(bytes ? bytes : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}

/// While it stands, allocation `nth` fails (and then one in `every`), of the caller's threads or of all others.
class Fails {
 public:
  Fails(int64_t nth, int64_t every, bool callers) {
    failing.left = nth, failing.failed = 0, failing.every = every, failing.callers = callers;
    failing.armed = true;
  }
  ~Fails() { failing.armed = false; }
  int64_t failed() const { return failing.failed; }
};

}  // namespace failing_new

void* operator new(std::size_t bytes) { return failing_new::take(bytes); }
void* operator new[](std::size_t bytes) { return failing_new::take(bytes); }
// std::stable_sort asks so, and does with less memory where there is none.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return failing_new::fails() ? nullptr : std::malloc(bytes ? bytes : 1);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return failing_new::fails() ? nullptr : std::malloc(bytes ? bytes : 1);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
