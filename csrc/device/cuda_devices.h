// The GPUs of this machine as the CUDA runtime reports them. Works without a driver and in a build without CUDA: then one
// entry says why. A GPU that no kernel of this build fits is reported with reason "arch-unsupported".
#pragma once
#include <memory>
#include <vector>

#include "device/registry.h"

namespace dimoo {

/// Never throws; DIMOO_DEVICE=cpu in the environment skips the probe (reason "disabled-by-env").
std::vector<DeviceReport> cuda_devices();

/// What this build was made for, e.g. "80-real 90a-real"; empty without CUDA.
const char* cuda_architectures();

/// GPU `index`, one that `cuda_devices` reports as usable.
std::unique_ptr<Device> create_cuda_device(int index, const DeviceOptions& options);

}  // namespace dimoo
