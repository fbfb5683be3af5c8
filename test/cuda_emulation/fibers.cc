#include "fibers.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(DIMOO_EMULATION_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

// void switch_stack(void** save, void* load): the callee-saved registers of x86-64's System V calls, and the stack pointer.
asm(R"(
.text
.globl dimoo_switch_stack
.type dimoo_switch_stack, @function
dimoo_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size dimoo_switch_stack, .-dimoo_switch_stack
)");
extern "C" void dimoo_switch_stack(void** save, void* load);

// Absent where no kernel has shared variables.
extern "C" char __start_emulated_shared[] __attribute__((weak));
extern "C" char __stop_emulated_shared[] __attribute__((weak));

emulation::Index threadIdx, blockIdx, blockDim, gridDim;

namespace emulation {

void* g_dynamic_shared = nullptr;

namespace {

constexpr size_t kStack = 256 << 10;
constexpr unsigned kWarp = 32, kMostThreads = 1024;

enum class State { ready, at_warp, at_block, done };

struct Copy {
  void* to;
  const void* from;
  int bytes, filled;
};

struct Fiber {
  std::byte* stack = nullptr;
  void* sp = nullptr;
  void* tsan = nullptr;
  State state = State::done;
  Index index{};
  const char* file = nullptr;  // of the barrier it waits at
  int line = 0;
  unsigned exchanges = 0;
  std::deque<std::vector<Copy>> groups;  // of cp.async; the last one is open
  alignas(16) std::byte slots[2][kSlot];
};

struct Barrier {
  unsigned arrived = 0, done = 0;
};

/// The block that runs.
struct Block {
  unsigned threads = 0, warps = 0;
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<Barrier> warp;
  Barrier all;
  int any[2] = {};
  unsigned phase = 0;
  Fiber* running = nullptr;
  void* host = nullptr;
  void* host_tsan = nullptr;
  const std::function<void()>* body = nullptr;
  std::string error;
  char order_all = 0, order_warp[kMostThreads / kWarp] = {};  // addresses that ThreadSanitizer ties barriers to
};
Block g_block;

void release([[maybe_unused]] void* at) {
#if defined(DIMOO_EMULATION_TSAN)
  __tsan_release(at);
#endif
}
void acquire([[maybe_unused]] void* at) {
#if defined(DIMOO_EMULATION_TSAN)
  __tsan_acquire(at);
#endif
}

#if defined(__SANITIZE_ADDRESS__)
const void* g_host_bottom = nullptr;
size_t g_host_size = 0;
#endif

void to_host(bool leaves = false) {
  Fiber& self = *g_block.running;
#if defined(DIMOO_EMULATION_TSAN)
  __tsan_switch_to_fiber(g_block.host_tsan, __tsan_switch_to_fiber_no_sync);
#endif
#if defined(__SANITIZE_ADDRESS__)
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(leaves ? nullptr : &fake, g_host_bottom, g_host_size);
#else
  (void)leaves;
#endif
  dimoo_switch_stack(&self.sp, g_block.host);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake, &g_host_bottom, &g_host_size);
#endif
}

void to_fiber(Fiber& fiber) {
  g_block.running = &fiber;
  threadIdx = fiber.index;
#if defined(DIMOO_EMULATION_TSAN)
  __tsan_switch_to_fiber(fiber.tsan, __tsan_switch_to_fiber_no_sync);
#endif
#if defined(__SANITIZE_ADDRESS__)
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, fiber.stack, kStack);
#endif
  dimoo_switch_stack(&g_block.host, fiber.sp);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
}

/// All that have not ended have arrived: on they go.
void open_warp(unsigned warp) {
  Barrier& barrier = g_block.warp[warp];
  if (barrier.arrived == 0 || barrier.arrived + barrier.done < kWarp) return;
  if (barrier.done > 0) {
    const Fiber& any = *g_block.fibers[warp * kWarp];
    g_block.error = "some threads of a warp ended while others wait for them (thread 0 at " + std::string(any.file ? any.file : "?") + ")";
    return;
  }
  const Fiber& first = *g_block.fibers[warp * kWarp];
  for (unsigned i = warp * kWarp; i < (warp + 1) * kWarp; i++) {
    Fiber& fiber = *g_block.fibers[i];
    if (fiber.file != first.file || fiber.line != first.line)
      g_block.error = "threads of a warp wait at different places: " + std::string(first.file) + ":" + std::to_string(first.line) +
                      " and " + fiber.file + ":" + std::to_string(fiber.line);
    fiber.state = State::ready;
  }
  barrier.arrived = 0;
}

void open_block() {
  Barrier& barrier = g_block.all;
  if (barrier.arrived == 0 || barrier.arrived + barrier.done < g_block.threads) return;
  const Fiber* first = nullptr;
  for (unsigned i = 0; i < g_block.threads; i++) {
    Fiber& fiber = *g_block.fibers[i];
    if (fiber.state != State::at_block) continue;
    if (!first) first = &fiber;
    if (fiber.file != first->file || fiber.line != first->line)
      g_block.error = "threads of a block wait at different places: " + std::string(first->file) + ":" + std::to_string(first->line) +
                      " and " + fiber.file + ":" + std::to_string(fiber.line);
    fiber.state = State::ready;
  }
  if (barrier.done > 0)
    g_block.error =
        "threads of a block ended while others wait at " + std::string(first ? first->file : "?") + ":" + std::to_string(first->line);
  barrier.arrived = 0;
  g_block.phase++;
  g_block.any[g_block.phase % 2] = 0;
}

void entry() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &g_host_bottom, &g_host_size);
#endif
  Fiber& self = *g_block.running;
  acquire(&g_block.order_all);
  (*g_block.body)();
  release(&g_block.order_all);  // copies that nobody waited for stay away: no thread may count on them
  self.state = State::done;
  g_block.all.done++;
  g_block.warp[self.index.x / kWarp].done++;
  open_warp(self.index.x / kWarp);
  open_block();
  to_host(true);
  std::abort();
}

void prepare(Fiber& fiber, unsigned index) {
  if (!fiber.stack) {
    void* memory = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("emulation: no memory for a stack");
    fiber.stack = static_cast<std::byte*>(memory);
#if defined(DIMOO_EMULATION_TSAN)
    fiber.tsan = __tsan_create_fiber(0);
#endif
  }
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(fiber.stack, kStack);  // frames of the last thread that never returned
#endif
  auto* top = reinterpret_cast<void**>(fiber.stack + kStack) - 2;  // keeps calls aligned to 16 bytes
  *top = reinterpret_cast<void*>(&entry);
  for (int i = 1; i <= 6; i++) top[-i] = nullptr;
  fiber.sp = top - 6;
  fiber.state = State::ready;
  fiber.index = {index, 0, 0};
  fiber.exchanges = 0;
  fiber.groups.assign(1, {});
}

/// Runs the threads of a warp until all wait for the block or have ended.
bool run_warp(unsigned warp) {
  bool ran = false;
  for (bool again = true; again && g_block.error.empty();) {
    again = false;
    for (unsigned i = 0; i < kWarp && g_block.error.empty(); i++) {
      Fiber& fiber = *g_block.fibers[warp * kWarp + (order().reverse ? kWarp - 1 - i : i)];
      if (fiber.state != State::ready) continue;
      to_fiber(fiber);
      ran = again = true;
    }
  }
  return ran;
}

void run_block() {
  if (__start_emulated_shared && !order().eager)
    std::memset(__start_emulated_shared, 0xff, static_cast<size_t>(__stop_emulated_shared - __start_emulated_shared));
  release(&g_block.order_all);
  g_block.all = {};
  g_block.warp.assign(g_block.warps, {});
  for (unsigned i = 0; i < g_block.threads; i++) prepare(*g_block.fibers[i], i);
  for (bool ran = true; ran && g_block.error.empty();) {
    ran = false;
    for (unsigned w = 0; w < g_block.warps; w++) ran = run_warp(order().reverse ? g_block.warps - 1 - w : w) || ran;
  }
  acquire(&g_block.order_all);
  if (g_block.error.empty() && g_block.all.done < g_block.threads) g_block.error = "threads wait for ever";
}

void wait_at(State state, const char* file, int line) {
  Fiber& self = *g_block.running;
  self.file = file, self.line = line, self.state = state;
  const unsigned warp = self.index.x / kWarp;
  void* tie = state == State::at_block ? &g_block.order_all : &g_block.order_warp[warp];
  release(tie);
  if (state == State::at_block) {
    g_block.all.arrived++;
    open_block();
  } else {
    g_block.warp[warp].arrived++;
    open_warp(warp);
  }
  to_host();
  acquire(tie);
}

}  // namespace

const Order& order() {
  static const Order from_environment = [] {
    const char* text = std::getenv("DIMOO_EMULATION");
    const std::string words = text ? text : "";
    return Order{words.find("reverse") != std::string::npos, words.find("eager") != std::string::npos};
  }();
  return from_environment;
}

void run_grid(Index blocks, unsigned threads, size_t shared_bytes, const std::function<void()>& thread) {
  if (threads == 0 || threads > kMostThreads || threads % kWarp) throw std::runtime_error("emulation: a block of an odd size");
  Block& b = g_block;
  b.threads = threads, b.warps = threads / kWarp, b.body = &thread, b.error.clear();
  while (b.fibers.size() < threads) b.fibers.push_back(std::make_unique<Fiber>());
#if defined(DIMOO_EMULATION_TSAN)
  b.host_tsan = __tsan_get_current_fiber();
#endif
  const uint64_t count = uint64_t{blocks.x} * blocks.y * blocks.z;
  for (uint64_t i = 0; i < count && b.error.empty(); i++) {
    const uint64_t at = order().reverse ? count - 1 - i : i;
    // Exactly as large as asked for, so that AddressSanitizer sees its end.
    void* shared = nullptr;
    if (shared_bytes > 0 && posix_memalign(&shared, 1024, shared_bytes) != 0) throw std::bad_alloc();
    if (shared_bytes > 0) std::memset(shared, 0xff, shared_bytes);
    g_dynamic_shared = shared, blockDim = {threads, 1, 1}, gridDim = blocks;
    blockIdx = {static_cast<unsigned>(at % blocks.x), static_cast<unsigned>(at / blocks.x % blocks.y),
                static_cast<unsigned>(at / blocks.x / blocks.y)};
    run_block();
    std::free(shared);
  }
  if (!b.error.empty()) throw std::runtime_error("emulation: " + b.error);
}

void block_barrier(const char* file, int line) { wait_at(State::at_block, file, line); }

int block_or(int predicate, const char* file, int line) {
  const unsigned phase = g_block.phase;
  g_block.any[phase % 2] |= predicate != 0;
  wait_at(State::at_block, file, line);
  return g_block.any[phase % 2];
}

void warp_barrier(const char* file, int line) { wait_at(State::at_warp, file, line); }

void* own_slot() { return g_block.running->slots[g_block.running->exchanges % 2]; }

void exchange(const char* file, int line) {
  wait_at(State::at_warp, file, line);
  g_block.running->exchanges++;
}

const void* shown(int lane) {
  const Fiber& self = *g_block.running;
  return g_block.fibers[self.index.x / kWarp * kWarp + static_cast<unsigned>(lane)]->slots[(self.exchanges - 1) % 2];
}

namespace {

void perform(const Copy& copy) {
  auto* to = static_cast<std::byte*>(copy.to);
  if (copy.filled > 0) std::memcpy(to, copy.from, static_cast<size_t>(copy.filled));
  std::memset(to + copy.filled, 0, static_cast<size_t>(copy.bytes - copy.filled));
}

}  // namespace

void copy_async(void* to, const void* from, int bytes, int filled) {
  if (reinterpret_cast<uintptr_t>(to) % static_cast<uintptr_t>(bytes) || reinterpret_cast<uintptr_t>(from) % static_cast<uintptr_t>(bytes))
    broken("cp.async between addresses that are not aligned", __FILE__, __LINE__);
  const Copy copy{to, from, bytes, filled};
  if (order().eager) return perform(copy);
  g_block.running->groups.back().push_back(copy);
}

void copy_commit() { g_block.running->groups.emplace_back(); }

void copy_wait(int pending) {
  auto& groups = g_block.running->groups;
  while (groups.size() > static_cast<size_t>(pending) + 1) {
    for (const Copy& copy : groups.front()) perform(copy);
    groups.pop_front();
  }
}

void broken(const char* what, const char* file, int line) {
  g_block.error = std::string(what) + " at " + file + ":" + std::to_string(line);
  to_host();
  std::abort();
}

}  // namespace emulation
