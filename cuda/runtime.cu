// Streams, pools and staging.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "cuda/runtime.h"

namespace dimoo::cuda {
namespace {

/// Names that not every CUDA since 12.8 has: an error that the GPU contained to this process, as of memory that failed; a client that the
/// server of MPS ended.
constexpr int kErrorContained = 226, kErrorMpsClientTerminated = 810;

/// Errors after which no call of this process' context succeeds any more.
bool stays(cudaError_t status) {
  if (status == kErrorContained || status == kErrorMpsClientTerminated) return true;
  switch (status) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorDevicesUnavailable:
    case cudaErrorContextIsDestroyed:
    case cudaErrorUnknown: return true;
    default: return false;
  }
}

}  // namespace

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  if (status == cudaErrorMemoryAllocation) {
    size_t free = 0, total = 0;
    if (cudaMemGetInfo(&free, &total) != cudaSuccess) cudaGetLastError();
    throw Error(Code::device_out_of_memory, text(what, ": ", cudaGetErrorString(status), "; the GPU has ", free, " bytes left"), 0,
                static_cast<int64_t>(free));
  }
  fail(stays(status) ? Code::device_lost : Code::internal, what, ": ", cudaGetErrorString(status));
}

Pool::Pool(int device) : device_(device) {
  check(cudaSetDevice(device), "cudaSetDevice");
  check(cudaDeviceGetDefaultMemPool(&pool_, device), "cudaDeviceGetDefaultMemPool");
  uint64_t keep = UINT64_MAX;  // memory given back stays with this process until another allocation needs it
  check(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep), "cudaMemPoolSetAttribute");
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
}

Pool::~Pool() {
  cudaSetDevice(device_);
  cudaStreamSynchronize(stream_);
  cudaMemPoolTrimTo(pool_, 0);
  cudaStreamDestroy(stream_);
}

void* Pool::take(int64_t bytes) {
  if (held_) fail(Code::internal, "cuda:", device_, ": no memory can be taken while a pass is recorded");
  void* data = nullptr;
  const auto size = static_cast<size_t>(std::max<int64_t>(bytes, 1));
  cudaError_t status = cudaMallocAsync(&data, size, stream_);
  if (status == cudaErrorMemoryAllocation) {  // pieces given back may be too small for this one: once more without them
    cudaGetLastError();
    trim();
    status = cudaMallocAsync(&data, size, stream_);
  }
  if (status == cudaErrorMemoryAllocation || status == cudaErrorInvalidValue) {
    cudaGetLastError();
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    throw Error(Code::device_out_of_memory, text("cuda:", device_, ": needs ", bytes, " bytes, has ", free), bytes,
                static_cast<int64_t>(free));
  }
  check(status, "cudaMallocAsync");
  const int64_t now = used_ += bytes;
  if (now > peak_) peak_ = now;
  return data;
}

/// Errors are let go: after a lost device there is nothing to give back to.
void Pool::give_back(void* data, size_t bytes) noexcept {
  used_ -= static_cast<int64_t>(bytes);
  const std::lock_guard lock(mutex_);
  if (held_) return waiting_.push_back(data);
  cudaSetDevice(device_);
  if (cudaFreeAsync(data, stream_) != cudaSuccess) cudaGetLastError();
}

void Pool::trim() {
  check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
  if (cudaMemPoolTrimTo(pool_, 0) != cudaSuccess) cudaGetLastError();
}

void Pool::hold(bool held) {
  const std::lock_guard lock(mutex_);
  held_ = held;
  if (held) return;
  for (void* data : std::exchange(waiting_, {}))
    if (cudaFreeAsync(data, stream_) != cudaSuccess) cudaGetLastError();
}

int64_t Pool::idle() const {
  uint64_t reserved = 0, taken = 0;
  check(cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrReservedMemCurrent, &reserved), "cudaMemPoolGetAttribute");
  check(cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrUsedMemCurrent, &taken), "cudaMemPoolGetAttribute");
  return static_cast<int64_t>(reserved - std::min(reserved, taken));
}

std::byte* pinned_memory(int64_t bytes) {
  void* data = nullptr;
  const cudaError_t status = cudaMallocHost(&data, static_cast<size_t>(bytes));
  if (status == cudaErrorMemoryAllocation) {  // what is short is not the GPU's memory
    cudaGetLastError();
    throw Error(Code::device_out_of_memory, text("cudaMallocHost: this machine has no ", bytes, " bytes of memory that can be pinned"),
                bytes, 0);
  }
  check(status, "cudaMallocHost");
  return static_cast<std::byte*>(data);
}

Buffer allocate(const std::shared_ptr<Pool>& pool, int64_t bytes) { return Buffer(pool->take(bytes), static_cast<size_t>(bytes), pool); }

Stream::Stream(int device, const Tuning& tuning)
    : pool_(std::make_shared<Pool>(device)),
      wait_each_(std::getenv("DIMOO_CUDA_SYNC") != nullptr),
      tuning_(tuning),
      pace_(pool_->stream(), device) {
  staging_ = pinned_memory(2 * kHalf);
  for (cudaEvent_t& event : free_) check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate");
  const auto attribute = [&](cudaDeviceAttr which) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute");
    return value;
  };
  processors_ = attribute(cudaDevAttrMultiProcessorCount);
  shared_bytes_ = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
  most_shared_ = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
}

Stream::~Stream() {
  cudaSetDevice(pool_->device());
  cudaStreamSynchronize(pool_->stream());
  for (const cudaEvent_t event : free_) cudaEventDestroy(event);
  cudaFreeHost(staging_);
}

void Stream::use() const { check(cudaSetDevice(pool_->device()), "cudaSetDevice"); }

/// On to the other half, once the copies out of it are done.
void Stream::turn() {
  check(cudaEventRecord(free_[half_], pool_->stream()), "cudaEventRecord");
  half_ ^= 1, filled_ = 0;
  if (cudaEventQuery(free_[half_]) == cudaSuccess) return;
  cudaGetLastError();
  activity_.waits++;
  check(cudaEventSynchronize(free_[half_]), "cudaEventSynchronize");
}

void Stream::upload(void* to, const void* from, int64_t bytes) {
  constexpr int64_t kAlignment = 16;
  for (int64_t done = 0; done < bytes;) {
    if (filled_ == kHalf) turn();
    const int64_t piece = std::min(bytes - done, kHalf - filled_);
    std::byte* at = staging_ + half_ * kHalf + filled_;
    std::memcpy(at, static_cast<const std::byte*>(from) + done, static_cast<size_t>(piece));
    check(cudaMemcpyAsync(static_cast<std::byte*>(to) + done, at, static_cast<size_t>(piece), cudaMemcpyHostToDevice, pool_->stream()),
          "upload");
    filled_ = std::min(kHalf, (filled_ + piece + kAlignment - 1) / kAlignment * kAlignment);
    done += piece;
  }
}

void Stream::wait(const char* what) {
  activity_.waits++;
  check(cudaStreamSynchronize(pool_->stream()), what);
  pace_.idle();
}

void Stream::allow(const void* kernel, const char* name) {
  if (allowed_.contains(kernel)) return;
  cudaFuncAttributes attributes{};
  with_room(name, [&] { return cudaFuncGetAttributes(&attributes, kernel); });  // the first to ask loads its code
  const int64_t most = most_shared_ - static_cast<int64_t>(attributes.sharedSizeBytes);
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(most)), name);
  allowed_.insert(kernel);
}

void Stream::start(cudaGraphExec_t graph) { check(cudaGraphLaunch(graph, pool_->stream()), "cudaGraphLaunch"); }

void Stream::clear(void* to, int64_t bytes) { check(cudaMemsetAsync(to, 0, static_cast<size_t>(bytes), pool_->stream()), "clear"); }

void Stream::download(void* to, const void* from, int64_t bytes) {
  for (int64_t done = 0; done < bytes;) {
    turn();
    const int64_t piece = std::min(bytes - done, kHalf);
    std::byte* at = staging_ + half_ * kHalf;
    check(cudaMemcpyAsync(at, static_cast<const std::byte*>(from) + done, static_cast<size_t>(piece), cudaMemcpyDeviceToHost,
                          pool_->stream()),
          "download");
    wait("download");
    std::memcpy(static_cast<std::byte*>(to) + done, at, static_cast<size_t>(piece));
    done += piece;
  }
}

}  // namespace dimoo::cuda
