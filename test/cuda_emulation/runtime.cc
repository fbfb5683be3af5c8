// Streams, memory, events and graphs of the emulation. A stream's work waits until somebody waits for it (or runs at once with
// DIMOO_EMULATION=eager). Device memory can be touched only while that work runs: host code that reads a device pointer ends in a fault,
// as it would on a machine with a GPU.
#include <cuda_runtime.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

struct CUstream_st {
  std::deque<std::function<void()>> work;
  uint64_t queued = 0, done = 0;
  CUgraph_st* capture = nullptr;
};
struct CUevent_st {
  CUstream_st* stream = nullptr;
  uint64_t at = 0;
};
struct CUgraph_st {
  std::vector<std::function<void()>> nodes;
};
struct CUgraphExec_st {
  std::vector<std::function<void()>> nodes;
};

namespace {

constexpr size_t kTotal = size_t{8} << 30, kPage = 4096, kAlignment = 256;
constexpr int kMostShared = 99 << 10;  // of a block: what sm_86, sm_89 and sm_120 have

/// Device memory: one range that is open only while a stream's work runs. With AddressSanitizer every allocation is malloc's, so that its
/// ends are watched.
class Memory {
 public:
  void* take(size_t bytes) {
    if (used_ + bytes > kTotal) return nullptr;
    void* data = nullptr;
#if defined(__SANITIZE_ADDRESS__) || defined(DIMOO_EMULATION_TSAN)
    if (posix_memalign(&data, kAlignment, bytes) != 0) return nullptr;
    std::memset(data, 0xff, bytes);
#else
    const size_t size = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    data = first_fit(size);
    if (!data) return nullptr;
#endif
    taken_[data] = bytes;
    used_ += bytes;
    return data;
  }
  void give(void* data) {
    const auto at = taken_.find(data);
    if (at == taken_.end()) throw std::runtime_error("emulation: cudaFreeAsync of something else");
    const size_t bytes = at->second;
    taken_.erase(at);
    used_ -= bytes;
#if defined(__SANITIZE_ADDRESS__) || defined(DIMOO_EMULATION_TSAN)
    std::free(data);
#else
    std::memset(data, 0xee, bytes);
    free_[data] = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    const auto merged = free_.find(data);
    if (const auto next = std::next(merged); next != free_.end() && end(merged) == next->first)
      merged->second += next->second, free_.erase(next);
    if (merged != free_.begin())
      if (const auto before = std::prev(merged); end(before) == merged->first) before->second += merged->second, free_.erase(merged);
#endif
  }
  /// Whether all of it lies in one allocation.
  bool holds(const void* data, size_t bytes) const {
    auto at = taken_.upper_bound(const_cast<void*>(data));
    if (at == taken_.begin()) return false;
    --at;
    return static_cast<const std::byte*>(data) + bytes <= static_cast<const std::byte*>(at->first) + at->second;
  }
  size_t used() const { return used_; }
  /// Lets this process touch it, or not.
  void open(bool opened) {
    if (range_) mprotect(range_, kTotal, opened ? PROT_READ | PROT_WRITE : PROT_NONE);
  }

 private:
  using Pieces = std::map<void*, size_t>;
  static void* end(Pieces::iterator piece) { return static_cast<std::byte*>(piece->first) + piece->second; }
  void* first_fit(size_t size) {
    if (!range_) {
      range_ = mmap(nullptr, kTotal, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (range_ == MAP_FAILED) throw std::runtime_error("emulation: no device memory");
      free_[range_] = kTotal;
    }
    for (auto piece = free_.begin(); piece != free_.end(); ++piece) {
      if (piece->second < size) continue;
      void* data = piece->first;
      const size_t left = piece->second - size;
      free_.erase(piece);
      if (left > 0) free_[static_cast<std::byte*>(data) + size] = left;
      return data;
    }
    return nullptr;
  }

  Pieces taken_, free_;
  size_t used_ = 0;
  void* range_ = nullptr;
};

struct State {
  std::recursive_mutex mutex;
  Memory memory;
  std::map<void*, size_t> pinned;
  std::map<const void*, int> shared_limit;  // per kernel
  cudaError_t last = cudaSuccess, injected = cudaSuccess, sticky = cudaSuccess;
  bool running = false;
  int starved = 0;
  bool pinned_refused = false;
  int kilohertz = 100;  // so slow a clock that a pass of a small model is many groups of work
  bool clock_known = true;
  std::function<void()> watcher;
};
State& state() {
  static auto* all = new State;
  return *all;
}
using Lock = std::lock_guard<std::recursive_mutex>;

cudaError_t fail(cudaError_t error) { return state().last = error; }

bool stays(cudaError_t error) { return error >= cudaErrorIllegalAddress || error == cudaErrorECCUncorrectable; }

/// Errors that were asked for, and those that stay.
cudaError_t trouble() {
  State& s = state();
  if (s.sticky != cudaSuccess) return fail(s.sticky);
  const cudaError_t error = std::exchange(s.injected, cudaSuccess);
  if (stays(error)) s.sticky = error;
  return error == cudaSuccess ? error : fail(error);
}

/// Stream work up to number `until`.
void run(CUstream_st& stream, uint64_t until) {
  if (stream.done >= until) return;
  if (state().sticky != cudaSuccess) {  // a lost device does nothing more
    stream.work.clear();
    stream.done = stream.queued;
    return;
  }
  struct Opened {
    Opened() { state().memory.open(true), state().running = true; }
    ~Opened() { state().memory.open(false), state().running = false; }
  } const opened;
  while (stream.done < until) {
    const std::function<void()> work = std::move(stream.work.front());
    stream.work.pop_front();
    stream.done++;
    work();
  }
}

void enqueue(CUstream_st& stream, std::function<void()> work) {
  if (stream.capture) return stream.capture->nodes.push_back(std::move(work));
  stream.work.push_back(std::move(work));
  stream.queued++;
  if (emulation::order().eager) run(stream, stream.queued);
}

bool is_pinned(const void* data, size_t bytes) {
  auto at = state().pinned.upper_bound(const_cast<void*>(data));
  if (at == state().pinned.begin()) return false;
  --at;
  return static_cast<const std::byte*>(data) + bytes <= static_cast<const std::byte*>(at->first) + at->second;
}

}  // namespace

namespace emulation {

cudaError_t launch(const void* kernel, const cudaLaunchConfig_t& config, std::function<void()> thread) {
  const Lock lock(state().mutex);
  if (const cudaError_t error = trouble(); error != cudaSuccess) return error;
  if (state().starved > 0) return state().starved--, fail(cudaErrorMemoryAllocation);
  const auto limit = state().shared_limit.find(kernel);
  const size_t shared = limit == state().shared_limit.end() ? 48 << 10 : static_cast<size_t>(limit->second);
  const dim3 &grid = config.gridDim, &block = config.blockDim;
  if (config.dynamicSmemBytes > shared || grid.x == 0 || grid.y == 0 || grid.y > 65535 || grid.z != 1 || block.y != 1 || block.z != 1 ||
      block.x > 1024 || grid.x > 0x7fffffffu)
    return fail(cudaErrorInvalidConfiguration);
  enqueue(*config.stream, [grid, block, bytes = config.dynamicSmemBytes, thread = std::move(thread)] {
    if (state().watcher) state().watcher();
    run_grid({grid.x, grid.y, grid.z}, block.x, bytes, thread);
  });
  return cudaSuccess;
}

void starve(int launches) { state().starved = launches; }

void refuse_pinned() { state().pinned_refused = true; }

void tell_clock(int kilohertz, bool known) { state().kilohertz = kilohertz, state().clock_known = known; }

void watch(std::function<void()> watcher) { state().watcher = std::move(watcher); }

void inject(cudaError_t error) { state().injected = error, state().sticky = cudaSuccess; }

}  // namespace emulation

cudaError_t cudaDriverGetVersion(int* version) { return *version = 13000, cudaSuccess; }
cudaError_t cudaGetDeviceCount(int* count) { return *count = 2, cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device < 0 || device > 1) return fail(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "Emulated GPU");
  properties->totalGlobalMem = kTotal, properties->major = 8, properties->minor = 0;
  properties->multiProcessorCount = device == 0 ? 4 : 64;  // so that both ways of sharing out work are taken
  return cudaSuccess;
}
/// Shared memory as that of sm_86, sm_89 and sm_120, and of sm_80.
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp properties{};
  const cudaError_t status = cudaGetDeviceProperties(&properties, device);
  switch (attribute) {
    case cudaDevAttrClockRate:
      if (!state().clock_known) return fail(cudaErrorInvalidValue);
      *value = state().kilohertz;
      break;
    case cudaDevAttrMultiProcessorCount: *value = properties.multiProcessorCount; break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = (device == 0 ? 100 : 164) << 10; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = kMostShared; break;
  }
  return status;
}
cudaError_t cudaSetDevice(int device) { return device == 0 || device == 1 ? cudaSuccess : fail(cudaErrorInvalidDevice); }
cudaError_t cudaGetLastError() { return std::exchange(state().last, state().sticky); }
const char* cudaGetErrorString(cudaError_t status) { return status == cudaErrorIllegalAddress ? "an illegal memory access" : "an error"; }
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const Lock lock(state().mutex);
  return *total = kTotal, *free = kTotal - state().memory.used(), trouble();
}
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) { return *pool = nullptr, cudaSuccess; }
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t, cudaMemPoolAttr, void* value) {
  const Lock lock(state().mutex);
  const uint64_t used = state().memory.used();
  return std::memcpy(value, &used, sizeof used), cudaSuccess;
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t) { return cudaSuccess; }

cudaError_t cudaMallocHost(void** data, size_t bytes) {
  const Lock lock(state().mutex);
  if (std::exchange(state().pinned_refused, false) || posix_memalign(data, kPage, bytes) != 0) return fail(cudaErrorMemoryAllocation);
  std::memset(*data, 0xff, bytes);
  state().pinned[*data] = bytes;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* data) {
  const Lock lock(state().mutex);
  state().pinned.erase(data);
  return std::free(data), cudaSuccess;
}
cudaError_t cudaMallocAsync(void** data, size_t bytes, cudaStream_t stream) {
  const Lock lock(state().mutex);
  if (const cudaError_t error = trouble(); error != cudaSuccess) return error;
  if (stream->capture) return fail(cudaErrorStreamCaptureUnsupported);
  *data = state().memory.take(bytes);
  if (!*data) return fail(cudaErrorMemoryAllocation);
  enqueue(*stream, [at = *data, bytes] { std::memset(at, 0xff, bytes); });
  return cudaSuccess;
}
cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
  const Lock lock(state().mutex);
  if (stream->capture) return fail(cudaErrorStreamCaptureUnsupported);
  enqueue(*stream, [data] { state().memory.give(data); });
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const Lock lock(state().mutex);
  if (const cudaError_t error = trouble(); error != cudaSuccess) return error;
  if (kind == cudaMemcpyHostToDevice && !is_pinned(from, bytes))
    throw std::runtime_error("emulation: a copy from memory that is not pinned");
  if (kind == cudaMemcpyDeviceToHost && !is_pinned(to, bytes)) throw std::runtime_error("emulation: a copy to memory that is not pinned");
  enqueue(*stream, [=] {
    if (kind != cudaMemcpyDeviceToHost && !state().memory.holds(to, bytes))
      throw std::runtime_error("emulation: a copy outside of device memory");
    if (kind != cudaMemcpyHostToDevice && !state().memory.holds(from, bytes))
      throw std::runtime_error("emulation: a copy from outside of device memory");
    std::memcpy(to, from, bytes);
  });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  const Lock lock(state().mutex);
  if (const cudaError_t error = trouble(); error != cudaSuccess) return error;
  enqueue(*stream, [=] {
    if (!state().memory.holds(to, bytes)) throw std::runtime_error("emulation: a memset outside of device memory");
    std::memset(to, value, bytes);
  });
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return *stream = new CUstream_st, cudaSuccess; }
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(state().mutex);
  run(*stream, stream->queued);
  return delete stream, cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock(state().mutex);
  if (stream->capture) return fail(cudaErrorStreamCaptureUnsupported);
  if (const cudaError_t error = trouble(); error != cudaSuccess) return error;
  return run(*stream, stream->queued), cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return *event = new CUevent_st, cudaSuccess; }
cudaError_t cudaEventDestroy(cudaEvent_t event) { return delete event, cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Lock lock(state().mutex);
  if (stream->capture) return fail(cudaErrorStreamCaptureUnsupported);
  return event->stream = stream, event->at = stream->queued, cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Lock lock(state().mutex);
  return !event->stream || event->stream->done >= event->at ? cudaSuccess : fail(cudaErrorNotReady);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(state().mutex);
  if (const cudaError_t error = trouble(); error != cudaSuccess) return error;
  if (!event->stream) return cudaSuccess;
  return run(*event->stream, event->at), cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) { return *milliseconds = 1, cudaSuccess; }

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) { return *attributes = {}, cudaSuccess; }
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute, int value) {
  const Lock lock(state().mutex);
  if (value > kMostShared) return fail(cudaErrorInvalidValue);
  return state().shared_limit[kernel] = value, cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const Lock lock(state().mutex);
  return stream->capture = new CUgraph_st, cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Lock lock(state().mutex);
  return *graph = std::exchange(stream->capture, nullptr), cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  return *exec = new CUgraphExec_st{graph->nodes}, cudaSuccess;
}
cudaError_t cudaGraphExecUpdate(cudaGraphExec_t exec, cudaGraph_t graph, cudaGraphExecUpdateResultInfo*) {
  if (exec->nodes.size() != graph->nodes.size()) return fail(cudaErrorGraphExecUpdateFailure);
  return exec->nodes = graph->nodes, cudaSuccess;
}
cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) { return trouble(); }
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  const Lock lock(state().mutex);
  if (const cudaError_t error = trouble(); error != cudaSuccess) return error;
  if (state().starved > 0) return state().starved--, fail(cudaErrorMemoryAllocation);
  enqueue(*stream, [nodes = exec->nodes] {
    for (const auto& node : nodes) node();
  });
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return delete graph, cudaSuccess; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) { return delete exec, cudaSuccess; }
