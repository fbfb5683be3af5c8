// The GPUs of this machine, asked through the runtime alone: it is linked statically and opens the driver by itself, so this also runs,
// and says why, where there is no driver.
#include <cuda_runtime.h>

#include <cstdlib>
#include <cstring>

#include "device/cuda_devices.h"

namespace dimoo {
namespace {

std::string version_text(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

std::vector<DeviceReport> absent(const char* reason, const std::string& driver = "") {
  DeviceReport report;
  report.id = "cuda:0";
  report.reason = reason;
  report.driver_version = driver;
  if (std::strcmp(reason, "driver-too-old") == 0) report.required_driver_version = version_text(CUDART_VERSION);
  return {report};
}

/// Binaries serve their own generation: 8.x from 8.0, 9.0, 10.x from 10.0, 12.x from 12.0; PTX everything after 12.0.
bool has_kernels(int major) { return major == 8 || major == 9 || major == 10 || major >= 12; }

DeviceReport describe(int index, const std::string& driver) {
  DeviceReport report;
  report.id = "cuda:" + std::to_string(index);
  report.driver_version = driver;
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, index) != cudaSuccess) {
    cudaGetLastError();
    report.reason = "no-device";
    return report;
  }
  report.name = properties.name;
  report.compute_capability = std::to_string(properties.major) + "." + std::to_string(properties.minor);
  // Free bytes stay 0: asking for them makes a context, which itself takes hundreds of megabytes.
  report.usable = has_kernels(properties.major);
  if (!report.usable) report.reason = "arch-unsupported";
  report.total_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  return report;
}

}  // namespace

std::vector<DeviceReport> cuda_devices() {
  const char* forced = std::getenv("DIMOO_DEVICE");
  if (forced && std::strcmp(forced, "cpu") == 0) return absent("disabled-by-env");
  int driver = 0, count = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) return absent("no-driver");
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver) return absent("driver-too-old", version_text(driver));
  if (status != cudaSuccess || count == 0) return absent("no-device", version_text(driver));
  std::vector<DeviceReport> reports;
  for (int index = 0; index < count; index++) reports.push_back(describe(index, version_text(driver)));
  return reports;
}

const char* cuda_architectures() { return DIMOO_CUDA_ARCHS; }

}  // namespace dimoo
