// One list of cases for every op of a device: ugly shapes, odd strides, canaries on both sides of every tensor, and for each
// output what exact arithmetic gives and how far floating point may stray from it, derived from the type and the length of the
// sums. Tests of every CPU variant and of CUDA walk this list.
#pragma once
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "cpu/weight.h"
#include "device/device.h"
#include "source/quantize.h"
#include "test/native/check.h"

namespace cases {

using namespace dimoo;
using cpu::Compute;

/// Unit roundoff of f32.
inline constexpr double kUnit = 0x1p-24;
/// How far a sum of `length` products may stray, relative to the sum of magnitudes: roundings are independent in sign, so
/// they grow with the square root of the length (Higham and Mary 2019, with lambda = 8), plus a few of the products themselves.
inline double sum_error(int64_t length) { return (16 + 8 * std::sqrt(static_cast<double>(length))) * kUnit; }

struct Expected {
  std::vector<double> value, bound;
  void push(double v, double b) {
    value.push_back(v);
    bound.push_back(b + 1e-30);
  }
};

inline std::vector<float> random_values(int64_t count, uint64_t seed, float scale = 1.0f) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); i++) values[i] = scale * (2 * uniform(seed, static_cast<uint32_t>(i), 0, 0, Stream::sample) - 1);
  return values;
}

/// rows x cols of a type, and what it reads back as.
struct Matrix {
  DType type;
  int64_t rows, cols;
  std::vector<std::byte> data;
  std::vector<float> values;

  Matrix(DType type, int64_t rows, int64_t cols, uint64_t seed)
      : type(type), rows(rows), cols(cols), values(random_values(rows * cols, seed)) {
    data.resize(static_cast<size_t>(rows * type_bytes(type, cols)));
    quantize(type, values.data(), rows * cols, data.data());
    dequantize(type, data.data(), rows * cols, values.data());
  }
  HostTensor host() const { return {"w", type, rows, cols, data.data()}; }
};

/// rows x cols in device memory, `padding` elements between rows and canaries everywhere else. A canary is a NaN of its own bit
/// pattern: an op that reads one shows it, one that writes there is caught by `read`.
class Guarded {
 public:
  Guarded(Device& device, int64_t rows, int64_t cols, int64_t padding, const std::vector<float>& values = {})
      : device_(&device), rows_(rows), cols_(cols), stride_(cols + padding) {
    const int64_t total = 2 * kGuard + rows * stride_;
    memory_ = device.allocate(total * 4);
    std::vector<float> image(static_cast<size_t>(total));
    for (float& v : image) std::memcpy(&v, &kCanary, 4);
    for (int64_t r = 0; r < rows && !values.empty(); r++)
      std::copy_n(values.begin() + r * cols, cols, image.begin() + kGuard + r * stride_);
    device.upload(whole(), image.data());
  }
  Tensor tensor() const {
    Tensor view(static_cast<float*>(memory_.data()) + kGuard, rows_, cols_);
    view.stride = stride_;
    return view;
  }
  /// The values; fails when anything beside them was touched.
  std::vector<float> read() const {
    std::vector<float> image(static_cast<size_t>(2 * kGuard + rows_ * stride_)), values;
    device_->download(image.data(), whole());
    for (int64_t i = 0; i < static_cast<int64_t>(image.size()); i++) {
      const int64_t at = i - kGuard;
      if (at >= 0 && at < rows_ * stride_ && at % stride_ < cols_) {
        values.push_back(image[static_cast<size_t>(i)]);
      } else if (std::memcmp(&image[static_cast<size_t>(i)], &kCanary, 4) != 0) {
        check::failed(__FILE__, __LINE__, "written outside: element ", at, " of ", rows_, " x ", cols_, ", stride ", stride_);
      }
    }
    return values;
  }

 private:
  static constexpr int64_t kGuard = 64;
  static constexpr uint32_t kCanary = 0x7fc0dead;
  Tensor whole() const { return Tensor(static_cast<float*>(memory_.data()), 1, 2 * kGuard + rows_ * stride_); }
  Device* device_;
  int64_t rows_, cols_, stride_;
  Buffer memory_;
};

/// A case on a device: `run` does the op once more, `output` reads its result.
struct Bound {
  std::function<void()> run;
  std::function<std::vector<float>()> output;
};

struct Case {
  std::string name;
  DType type = DType::f32;  // of the weights
  Precision precision = Precision::f32;
  int64_t head_dim = 0;  // of attention
  std::function<Bound(Device&)> bind;
  std::function<Expected(Compute)> expected;  // by how the variant computes products of this type
};

inline const char* precision_name(Precision precision) { return precision == Precision::f32 ? "f32" : "fast"; }

/// Reads as "name: value 17: expected 0.5 within 1e-6, got 0.6".
inline void check_close(const std::string& name, const std::vector<float>& actual, const Expected& expected) {
  if (actual.size() != expected.value.size())
    check::failed(__FILE__, __LINE__, name, ": expected ", expected.value.size(), " values, got ", actual.size());
  for (size_t i = 0; i < actual.size(); i++)
    if (!(std::fabs(actual[i] - expected.value[i]) <= expected.bound[i]))
      check::failed(__FILE__, __LINE__, name, ": value ", i, ": expected ", expected.value[i], " within ", expected.bound[i], ", got ",
                    actual[i]);
}

}  // namespace cases
