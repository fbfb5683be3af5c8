// The devices of this build. The only file that names an implementation.
#include "device/registry.h"

#include "base/thread_pool.h"
#include "cpu/dispatch.h"
#include "cpu/host_device.h"
#include "device/cuda_devices.h"

namespace dimoo {

std::vector<DeviceReport> inspect_devices() {
  std::vector<DeviceReport> reports;
  DeviceReport host;
  host.id = "cpu";
  host.usable = true;
  host.name = cpu::cpu_name();
  host.total_bytes = cpu::total_memory();
  host.free_bytes = cpu::available_memory();
  reports.push_back(host);
  for (DeviceReport& gpu : cuda_devices()) reports.push_back(std::move(gpu));
  return reports;
}

std::unique_ptr<Device> create_device(const std::string& id, const DeviceOptions& options) {
  if (id == "cpu") return cpu::choose_variant(options.variant).device(options);
  std::string known;
  for (const DeviceReport& report : inspect_devices()) {
    if (report.id == id && report.usable) return create_cuda_device(std::stoi(id.substr(id.find(':') + 1)), options);
    if (report.id == id) fail(Code::device_unavailable, id, ": ", report.reason);
    known += (known.empty() ? "" : ", ") + report.id + (report.usable ? "" : " (" + report.reason + ")");
  }
  fail(Code::device_unavailable, "device: expected one of ", OwnWords{known}, ", got ", id);
}

}  // namespace dimoo
