// What tests on a GPU share: the device, how much of it there is, and rows on it.
#pragma once
#include "device/registry.h"
#include "test/native/check.h"

namespace gpus {

using namespace dimoo;

/// The first GPU, or the one of this name; without one the test is skipped, and says why. `variant` as cuda/tuning.h reads it.
inline std::unique_ptr<Device> gpu(const std::string& variant = "", const std::string& id = "") {
  std::string reason = "none listed";
  for (const DeviceReport& report : inspect_devices()) {
    if (report.id == "cpu" || (!id.empty() && report.id != id)) continue;
    if (report.usable) return create_device(report.id, {.variant = variant});
    reason = report.id + ": " + report.reason;
  }
  check::skip(reason);
}

/// A CPU that plays the GPU (test/cuda_emulation) takes smaller shapes and fewer recorded decodings: it is a thousand times slower.
inline bool emulated(const Device& device) { return device.name() == "Emulated GPU"; }
/// The first one as a data centre has it: of those emulated, the one with many processors that have much shared memory.
inline std::unique_ptr<Device> large_gpu(const std::string& variant = "") { return gpu(variant, emulated(*gpu()) ? "cuda:1" : ""); }
using check::sanitized;  // then fewer still

/// Host rows on a device.
struct OnDevice {
  Buffer memory;
  Tensor tensor;
  OnDevice(Device& device, int64_t rows, int64_t cols, const float* values = nullptr) : memory(device.allocate(rows * cols * 4)) {
    tensor = Tensor(static_cast<float*>(memory.data()), rows, cols);
    if (values) device.upload(tensor, values);
  }
  std::vector<float> read(Device& device) const {
    std::vector<float> out(static_cast<size_t>(tensor.rows * tensor.cols));
    device.download(out.data(), tensor);
    return out;
  }
};

}  // namespace gpus
