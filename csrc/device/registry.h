// Which devices this build has. The only place that names csrc/cpu and cuda/.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "device/device.h"

namespace dimoo {

/// What this process can use, and why the rest cannot be used (api-sketch `DeviceReport`). Never throws.
struct DeviceReport {
  std::string id;  // "cpu", "cuda:0"
  bool usable = false;
  std::string reason;  // empty when usable, else a word of the API's closed list
  std::string name;
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;
  std::string compute_capability, driver_version, required_driver_version;
};
std::vector<DeviceReport> inspect_devices();

/// device/unavailable with the reason for a device this build or machine does not have.
std::unique_ptr<Device> create_device(const std::string& id, const DeviceOptions& options);

}  // namespace dimoo
