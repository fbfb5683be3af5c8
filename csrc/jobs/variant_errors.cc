// One product per weight type and one attention per precision on the same random values for every variant, against plain sums in f64.
#include "jobs/variant_errors.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "device/registry.h"
#include "source/quantize.h"

namespace dimoo {
namespace {

constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q6_k, DType::q5_k, DType::q4_k, DType::q4_0};

std::vector<float> random_values(int64_t count, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); i++) values[i] = uniform(seed, static_cast<uint32_t>(i), 0, 0, Stream::sample) - 0.5f;
  return values;
}

double relative_error(const std::vector<float>& actual, const std::vector<double>& exact) {
  double error = 0, square = 0;
  for (size_t i = 0; i < exact.size(); i++) error += (actual[i] - exact[i]) * (actual[i] - exact[i]), square += exact[i] * exact[i];
  return std::sqrt(error / square);
}

/// x (rows, k) times the transpose of w (n, k).
struct Product {
  static constexpr int64_t kRows = 37, kK = 512, kN = 96;
  DType type;
  std::vector<float> x = random_values(kRows * kK, 1);
  std::vector<std::byte> stored;
  std::vector<double> exact;

  explicit Product(DType type) : type(type), stored(static_cast<size_t>(kN * type_bytes(type, kK))) {
    std::vector<float> w = random_values(kN * kK, 2);
    for (int64_t n = 0; n < kN; n++) quantize(type, w.data() + n * kK, kK, stored.data() + n * type_bytes(type, kK));
    dequantize(type, stored.data(), kN * kK, w.data());
    for (int64_t r = 0; r < kRows; r++)
      for (int64_t n = 0; n < kN; n++) {
        double sum = 0;
        for (int64_t k = 0; k < kK; k++) sum += double{x[static_cast<size_t>(r * kK + k)]} * w[static_cast<size_t>(n * kK + k)];
        exact.push_back(sum);
      }
  }
  double error(Device& device) {
    std::vector<float> out(kRows * kN);
    const auto weight = device.prepare({"verify", type, kN, kK, stored.data()}, Precision::fast);
    device.linear(Tensor(x.data(), kRows, kK), *weight, Tensor(out.data(), kRows, kN));
    return relative_error(out, exact);
  }
};

/// One head of queries over as many keys, two chunks of them.
struct Attention {
  static constexpr int64_t kRows = 600, kWidth = 64;
  std::vector<float> q = random_values(kRows * kWidth, 3), k = random_values(kRows * kWidth, 4), v = random_values(kRows * kWidth, 5);
  std::vector<double> exact;

  Attention() {
    for (float& value : q) value *= 8;  // weights that differ
    std::vector<double> weight(kRows);
    for (int64_t r = 0; r < kRows; r++) {
      double sum = 0;
      for (int64_t n = 0; n < kRows; n++) {
        double dot = 0;
        for (int64_t d = 0; d < kWidth; d++) dot += double{q[static_cast<size_t>(r * kWidth + d)]} * k[static_cast<size_t>(n * kWidth + d)];
        sum += weight[static_cast<size_t>(n)] = std::exp(dot / std::sqrt(double{kWidth}));
      }
      for (int64_t d = 0; d < kWidth; d++) {
        double value = 0;
        for (int64_t n = 0; n < kRows; n++) value += weight[static_cast<size_t>(n)] / sum * v[static_cast<size_t>(n * kWidth + d)];
        exact.push_back(value);
      }
    }
  }
  double error(Device& device, Precision precision) {
    std::vector<float> out(kRows * kWidth);
    const AttentionSpan span{0, kRows, Tensor(k.data(), kRows, kWidth), Tensor(v.data(), kRows, kWidth), precision};
    device.attention(Tensor(q.data(), kRows, kWidth), {&span, 1}, 1, 1, Tensor(out.data(), kRows, kWidth));
    return relative_error(out, exact);
  }
};

}  // namespace

std::vector<VariantError> variant_errors(const std::vector<std::string>& variants, const CancelToken& cancel) {
  std::vector<Product> products;
  for (const DType type : kTypes) products.emplace_back(type);
  Attention attention;
  std::vector<VariantError> results;
  for (const std::string& name : variants) {
    DeviceOptions options;
    options.variant = name;
    const auto device = create_device("cpu", options);
    const auto add = [&](const char* op, const char* type, double error) {
      cancel.check();
      results.push_back({op, name, type, error});
    };
    for (Product& product : products) add("product", type_info(product.type).name, product.error(*device));
    add("attention", "f32", attention.error(*device, Precision::f32));
    add("attention", "bf16", attention.error(*device, Precision::fast));
  }
  return results;
}

}  // namespace dimoo
