// What benches on a GPU share: the device, rows on it, and the time of work that is queued.
#pragma once
#include <algorithm>
#include <chrono>

#include "bench/native/report.h"
#include "device/registry.h"

namespace gpu_rows {

using namespace dimoo;

using Clock = std::chrono::steady_clock;
inline double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

inline std::unique_ptr<Device> gpu(const std::string& variant = "") {
  for (const DeviceReport& report : inspect_devices())
    if (report.id != "cpu" && report.usable) return create_device(report.id, {.variant = variant});
  return nullptr;
}

/// $DIMOO_BENCH_SMALL: every size a part of itself, to try the bench where nothing is fast.
inline int64_t sized(int64_t full) { return std::getenv("DIMOO_BENCH_SMALL") ? std::max<int64_t>(256, full / 64 / 256 * 256) : full; }

struct Rows {
  Buffer memory;
  Tensor tensor;
  Rows(Device& device, int64_t rows, int64_t cols) : memory(device.allocate(rows * cols * 4)) {
    tensor = Tensor(static_cast<float*>(memory.data()), rows, cols);
    constexpr int64_t kPool = 1 << 22, kApart = 7919;  // rows begin at other places of it: none is like another
    static const std::vector<float> pool = bench::random_values(kPool + (1 << 15));
    for (int64_t r = 0; r < rows; r++) device.upload(tensor.slice(r, 1), pool.data() + r * kApart % kPool);
  }
};

/// Rows of another type, as one op hands them to the next.
struct MovedRows {
  Buffer memory;
  Tensor tensor;
  MovedRows(Device& device, DType type, int64_t rows, int64_t cols) : memory(device.allocate(rows * type_bytes(type, cols))) {
    tensor = Tensor(memory.data(), type, rows, cols);
    const Rows from(device, rows, cols);
    std::vector<int32_t> in_order;
    for (int32_t i = 0; i < rows; i++) in_order.push_back(i);
    device.scatter(from.tensor, in_order, tensor);
  }
};

/// Seconds of one `body`, whose work is queued: the median of three rounds of about `each` seconds between two waits. Little: whoever lends
/// a GPU counts minutes.
template <class Body>
double seconds_of(Device& device, Tensor any, Body body, double each = 0.1) {
  float value = 0;
  const auto wait = [&] { device.download(&value, Tensor(any.f32(), 1, 1)); };
  const auto round = [&](int times) {
    wait();
    const auto start = Clock::now();
    for (int i = 0; i < times; i++) body();
    wait();
    return seconds_since(start);
  };
  round(2);
  const double once = round(3) / 3;
  const int times = std::max(3, static_cast<int>(each / once));
  std::vector<double> rounds;
  for (int i = 0; i < 3; i++) rounds.push_back(round(times) / times);
  std::sort(rounds.begin(), rounds.end());
  return rounds[1];
}

}  // namespace gpu_rows
