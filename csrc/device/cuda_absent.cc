// A build without CUDA: says so.
#include "device/cuda_devices.h"

namespace dimoo {

std::vector<DeviceReport> cuda_devices() {
  DeviceReport none;
  none.id = "cuda:0";
  none.reason = "not-built";
  return {none};
}

const char* cuda_architectures() { return ""; }

}  // namespace dimoo
