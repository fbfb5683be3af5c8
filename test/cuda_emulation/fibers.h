// The threads of one block as fibers of one host thread. A fiber runs until it waits for its warp or its block; barriers that not all
// threads reach, or reach at different lines, are errors (what compute-sanitizer's synccheck finds). Under ThreadSanitizer each fiber
// counts as a thread that only barriers order (racecheck).
#pragma once
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

namespace emulation {

struct Index {
  unsigned x, y, z;
};

}  // namespace emulation

// Where the running fiber is, by CUDA's names.
extern emulation::Index threadIdx, blockIdx, blockDim, gridDim;

namespace emulation {

extern void* g_dynamic_shared;  // of the running block

/// How fibers and copies are ordered: each must give the same results. Set from DIMOO_EMULATION (forward, reverse, eager).
struct Order {
  bool reverse = false;  // threads, warps and blocks from the last to the first
  bool eager = false;    // streams and cp.async act at once, not as late as they may
};
const Order& order();

/// Runs every block of a grid. Throws std::runtime_error where a thread breaks the rules.
void run_grid(Index blocks, unsigned threads, size_t shared_bytes, const std::function<void()>& thread);

inline int lane() { return static_cast<int>(threadIdx.x % 32); }
void block_barrier(const char* file, int line);
int block_or(int predicate, const char* file, int line);
void warp_barrier(const char* file, int line);

/// 256 bytes that this thread shows to its warp until the warp's next exchange but one.
inline constexpr int kSlot = 256;
void* own_slot();
/// Waits for the warp; then `shown(lane)` is what each lane put into its slot. The results are valid until the next call but one.
void exchange(const char* file, int line);
const void* shown(int lane);

/// Queues a copy of the running thread (cp.async), ends a group of them, waits until at most `pending` groups are under way.
void copy_async(void* to, const void* from, int bytes, int filled);
void copy_commit();
void copy_wait(int pending);

[[noreturn]] void broken(const char* what, const char* file, int line);

template <class T>
T shuffle(unsigned mask, T value, int from, const char* file, int line) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= kSlot);
  if (mask != 0xffffffffu) broken("a shuffle of a part of the warp", file, line);
  std::memcpy(own_slot(), &value, sizeof value);
  exchange(file, line);
  std::memcpy(&value, shown(from), sizeof value);
  return value;
}

inline unsigned ballot(unsigned mask, int predicate, const char* file, int line) {
  if (mask != 0xffffffffu) broken("a ballot of a part of the warp", file, line);
  *static_cast<int*>(own_slot()) = predicate != 0;
  exchange(file, line);
  unsigned bits = 0;
  for (int i = 0; i < 32; i++) bits |= static_cast<unsigned>(*static_cast<const int*>(shown(i))) << i;
  return bits;
}

template <class T, class Combine>
T atomically(T* at, Combine combine) {
#if defined(__SANITIZE_THREAD__)
  T old = __atomic_load_n(at, __ATOMIC_RELAXED);
  __atomic_store_n(at, combine(old), __ATOMIC_RELAXED);
  return old;
#else
  T old = *at;
  *at = combine(old);
  return old;
#endif
}

template <class To, class From>
To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

}  // namespace emulation
