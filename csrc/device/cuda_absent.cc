// A build without CUDA: says so.
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "device/cuda_devices.h"

namespace dimoo {

std::vector<DeviceReport> cuda_devices() {
  const char* forced = std::getenv("DIMOO_DEVICE");
  DeviceReport none;
  none.id = "cuda:0";
  none.reason = forced && std::strcmp(forced, "cpu") == 0 ? "disabled-by-env" : "not-built";
  return {none};
}

const char* cuda_architectures() { return ""; }

std::unique_ptr<Device> create_cuda_device(int index, const DeviceOptions&) {
  fail(Code::device_unavailable, "cuda:", index, ": not-built");
}

}  // namespace dimoo
