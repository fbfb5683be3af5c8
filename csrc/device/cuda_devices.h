// The GPUs of this machine as the CUDA runtime reports them. Works without a driver and in a build without CUDA: then one
// entry says why. A physical GPU is reported with reason "not-built" as long as this build holds no compute kernels for it.
#pragma once
#include <vector>

#include "device/registry.h"

namespace dimoo {

/// Never throws; DIMOO_DEVICE=cpu in the environment skips the probe (reason "disabled-by-env").
std::vector<DeviceReport> cuda_devices();

/// What this build was made for, e.g. "80-real 90a-real"; empty without CUDA.
const char* cuda_architectures();

}  // namespace dimoo
