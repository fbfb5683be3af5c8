#include <algorithm>

#include "cuda/pace.h"
#include "cuda/runtime.h"

namespace dimoo::cuda {
namespace {

constexpr double kLaunch = 2e-6;  // seconds that the smallest kernel takes
/// Of one multiprocessor and one cycle: half of what tensor cores of the slowest of these GPUs do at best (512 on sm_86 and sm_89), a
/// quarter of f32's and of memory's.
constexpr double kTensor = 256, kPlain = 64, kBytes = 2;
/// Where a driver does not tell its GPU's clock, as within some virtual machines: less than that of any of them.
constexpr int kSlowestKilohertz = 1'000'000;

int kilohertz_of(int device) {
  int kilohertz = 0;
  if (cudaDeviceGetAttribute(&kilohertz, cudaDevAttrClockRate, device) != cudaSuccess) cudaGetLastError();
  return kilohertz > 0 ? kilohertz : kSlowestKilohertz;
}

}  // namespace

Pace::Pace(cudaStream_t stream, int device) : stream_(stream) {
  int processors = 1;
  check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), "cudaDeviceGetAttribute");
  const double cycles = 1e3 * kilohertz_of(device) * processors;
  per_operation_ = 1 / (cycles * kTensor), per_plain_ = 1 / (cycles * kPlain), per_byte_ = 1 / (cycles * kBytes);
  for (cudaEvent_t& event : events_) check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate");
}

Pace::~Pace() {
  for (const cudaEvent_t event : events_) cudaEventDestroy(event);
}

double Pace::seconds(const Effort& e) const {
  return kLaunch + std::max({e.tensor * per_operation_, e.plain * per_plain_, e.bytes * per_byte_});
}

void Pace::end() {
  if (open_ == kAhead) {  // the oldest of them is the one that is used again
    check(cudaEventSynchronize(events_[next_]), "cudaEventSynchronize");
    open_--;
  }
  check(cudaEventRecord(events_[next_], stream_), "cudaEventRecord");
  next_ = (next_ + 1) % kAhead, open_++, groups_++, spent_ = 0;
}

}  // namespace dimoo::cuda
