// Cases of linear, linear_add and gated: every weight type and precision, row counts across tile edges, columns across panel
// edges, K across blocks.
#pragma once
#include "cpu/blocks.h"
#include "test/native/cases.h"

namespace cases {

enum class Output { store, add };

struct Product {
  std::vector<double> value, magnitude;  // (rows, n)
};

/// Magnitudes of the terms of w: |w|, but where a minimum is added to a scaled integer, both.
inline std::vector<double> magnitudes(const Matrix& w) {
  std::vector<double> result(w.values.size());
  for (size_t i = 0; i < result.size(); i++) result[i] = std::fabs(w.values[i]);
  if (w.type != DType::q4_k && w.type != DType::q5_k) return result;
  std::vector<int8_t> q(static_cast<size_t>(w.cols));
  std::vector<float> scale(static_cast<size_t>(w.cols / 32)), minimum(scale.size());
  for (int64_t r = 0; r < w.rows; r++) {
    cpu::unpack_int8(w.type, w.data.data() + r * type_bytes(w.type, w.cols), w.cols, q.data(), scale.data(), minimum.data());
    for (int64_t c = 0; c < w.cols; c++)
      result[static_cast<size_t>(r * w.cols + c)] =
          std::fabs(scale[static_cast<size_t>(c / 32)] * q[static_cast<size_t>(c)]) + std::fabs(minimum[static_cast<size_t>(c / 32)]);
  }
  return result;
}

/// x (rows, k) w^T in double, inputs rounded as the arithmetic says.
inline Product multiply(const std::vector<float>& x, int64_t rows, const Matrix& w, Compute compute) {
  const int64_t k = w.cols;
  std::vector<double> a(x.begin(), x.end()), b(w.values.begin(), w.values.end());
  const std::vector<double> weight_magnitude = magnitudes(w);
  if (compute == Compute::bf16) {
    for (double& v : a) v = bf16_to_f32(f32_to_bf16(static_cast<float>(v)));
    for (double& v : b) v = bf16_to_f32(f32_to_bf16(static_cast<float>(v)));
  }
  if (compute == Compute::int8) {
    std::vector<uint8_t> u(static_cast<size_t>(k));
    std::vector<float> scale(static_cast<size_t>(k / 32)), sum(scale.size());
    for (int64_t r = 0; r < rows; r++) {
      cpu::quantize_row(x.data() + r * k, k, u.data(), scale.data(), sum.data());
      for (int64_t p = 0; p < k; p++)
        a[static_cast<size_t>(r * k + p)] = (u[static_cast<size_t>(p)] - 128) * double{scale[static_cast<size_t>(p / 32)]};
    }
  }
  Product product;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t n = 0; n < w.rows; n++) {
      double value = 0, magnitude = 0;
      for (int64_t p = 0; p < k; p++) {
        const double xp = a[static_cast<size_t>(r * k + p)];
        value += xp * b[static_cast<size_t>(n * k + p)];
        magnitude += std::fabs(xp) * weight_magnitude[static_cast<size_t>(n * k + p)];
      }
      product.value.push_back(value), product.magnitude.push_back(magnitude);
    }
  return product;
}

inline Case linear_case(int64_t rows, int64_t n, int64_t k, DType type, Precision precision, Output output) {
  struct Data {
    std::vector<float> x, base;
    Matrix w;
  };
  const auto data = std::make_shared<Data>(Data{random_values(rows * k, 1), random_values(rows * n, 2), Matrix(type, n, k, 3)});
  Case c;
  c.name = text(output == Output::add ? "linear_add " : "linear ", type_info(type).name, " ", precision_name(precision), " ", rows, "x", n,
                "x", k);
  c.type = type, c.precision = precision;
  c.bind = [=](Device& device) -> Bound {
    const auto x = std::make_shared<Guarded>(device, rows, k, 3, data->x);
    const auto out = std::make_shared<Guarded>(device, rows, n, 5, output == Output::add ? data->base : std::vector<float>{});
    const std::shared_ptr<Weight> w = device.prepare(data->w.host(), precision);
    return {[=, &device] {
              output == Output::add ? device.linear_add(x->tensor(), *w, out->tensor()) : device.linear(x->tensor(), *w, out->tensor());
            },
            [=] { return out->read(); }};
  };
  c.expected = [=](Compute compute) {
    const Product product = multiply(data->x, rows, data->w, compute);
    Expected expected;
    for (size_t i = 0; i < product.value.size(); i++) {
      const double base = output == Output::add ? data->base[i] : 0;
      expected.push(base + product.value[i], sum_error(k) * (product.magnitude[i] + std::fabs(base)));
    }
    return expected;
  };
  return c;
}

inline Case gated_case(int64_t rows, int64_t n, int64_t k, DType type, DType up_type, Precision precision) {
  struct Data {
    std::vector<float> x;
    Matrix gate, up;
  };
  const auto data = std::make_shared<Data>(Data{random_values(rows * k, 4), Matrix(type, n, k, 5), Matrix(up_type, n, k, 6)});
  Case c;
  c.name = text("gated ", type_info(type).name, "/", type_info(up_type).name, " ", precision_name(precision), " ", rows, "x", n, "x", k);
  c.type = type, c.precision = precision;
  c.bind = [=](Device& device) -> Bound {
    const auto x = std::make_shared<Guarded>(device, rows, k, 1, data->x);
    const auto out = std::make_shared<Guarded>(device, rows, n, 7);
    const std::shared_ptr<Weight> gate = device.prepare(data->gate.host(), precision), up = device.prepare(data->up.host(), precision);
    return {[=, &device] { device.gated(x->tensor(), *gate, *up, out->tensor()); }, [=] { return out->read(); }};
  };
  c.expected = [=](Compute compute) {
    const Product gate = multiply(data->x, rows, data->gate, compute), up = multiply(data->x, rows, data->up, compute);
    Expected expected;
    for (size_t i = 0; i < gate.value.size(); i++) {
      const double silu = gate.value[i] / (1 + std::exp(-gate.value[i]));
      const double gate_error = 1.1 * sum_error(k) * gate.magnitude[i], up_error = sum_error(k) * up.magnitude[i];  // |silu'| < 1.1
      expected.push(silu * up.value[i], gate_error * std::fabs(up.value[i]) + (std::fabs(silu) + gate_error) * up_error +
                                            16 * kUnit * std::fabs(silu * up.value[i]));
    }
    return expected;
  };
  return c;
}

/// q or k of `heads` heads, turned; the last `placed` rows go to every second row of another tensor, from its end on.
inline Case project_case(int64_t rows, int heads, int64_t hd, int64_t k, DType type, Precision precision, int64_t placed, bool turns) {
  struct Data {
    std::vector<float> x, table;
    Matrix w;
  };
  constexpr int64_t kTable = 9;
  const int64_t n = heads * hd, kept = rows - placed;
  const auto data = std::make_shared<Data>(Data{random_values(rows * k, 60), random_values(kTable * hd, 61), Matrix(type, n, k, 62)});
  const auto position = [](int64_t row) { return static_cast<int32_t>((row * 5 + 2) % kTable); };
  Case c;
  c.name = text("project ", type_info(type).name, " ", precision_name(precision), " ", rows, " rows, ", heads, " heads of ", hd, ", K ", k,
                ", ", placed, " placed", turns ? ", turned" : "");
  c.type = type, c.precision = precision;
  c.bind = [=](Device& device) -> Bound {
    const auto x = std::make_shared<Guarded>(device, rows, k, 3, data->x),
               table = std::make_shared<Guarded>(device, kTable, hd, 1, data->table);
    const auto out = std::make_shared<Guarded>(device, rows, n, 5), there = std::make_shared<Guarded>(device, 2 * placed + 1, n, 2);
    const std::shared_ptr<Weight> w = device.prepare(data->w.host(), precision);
    return {[=, &device] {
              std::vector<int32_t> positions, places;
              for (int64_t r = 0; r < rows; r++) positions.push_back(position(r));
              for (int64_t r = 0; r < placed; r++) places.push_back(static_cast<int32_t>(2 * (placed - r)));
              const Placement placement{kept, placed, places, there->tensor()};
              device.project(x->tensor(), *w, turns ? Turn{positions, table->tensor(), heads} : Turn{},
                             std::span(&placement, placed > 0 ? 1 : 0), out->tensor());
            },
            [=] {
              std::vector<float> all = out->read(), elsewhere = there->read();
              for (int64_t r = 0; r < placed; r++) std::copy_n(elsewhere.begin() + 2 * (placed - r) * n, n, all.begin() + (kept + r) * n);
              return all;
            }};
  };
  c.expected = [=](Compute compute) {
    const Product product = multiply(data->x, rows, data->w, compute);
    Expected expected;
    for (int64_t r = 0; r < rows; r++)
      for (int64_t i = 0; i < n; i++) {
        const auto at = static_cast<size_t>(r * n + i);
        const int64_t half = hd / 2, in = i % hd, j = in % half;
        const auto other = static_cast<size_t>(r * n + i + (in < half ? half : -half));
        const double co = turns ? data->table[static_cast<size_t>(position(r) * hd + j)] : 1,
                     si = turns ? data->table[static_cast<size_t>(position(r) * hd + half + j)] : 0;
        const double value = product.value[at] * co + (in < half ? -1 : 1) * (turns ? product.value[other] * si : 0);
        const double magnitude = product.magnitude[at] * std::fabs(co) + (turns ? product.magnitude[other] * std::fabs(si) : 0);
        expected.push(value, (sum_error(k) + 4 * kUnit) * magnitude);
      }
    return expected;
  };
  return c;
}

inline std::vector<Case> project_cases() {
  std::vector<Case> all;
  for (const auto& [type, precision] :
       {std::pair{DType::f32, Precision::f32}, {DType::bf16, Precision::fast}, {DType::q8_0, Precision::fast}}) {
    all.push_back(project_case(1, 1, 2, 32, type, precision, 0, true));
    all.push_back(project_case(5, 3, 6, 64, type, precision, 2, true));
    all.push_back(project_case(70, 2, 80, 96, type, precision, 33, true));
    all.push_back(project_case(130, 3, 128, 32, type, precision, 1, true));
    all.push_back(project_case(9, 2, 64, 64, type, precision, 9, false));
  }
  return all;
}

inline std::vector<Case> product_cases() {
  std::vector<Case> all;
  struct Shape {
    int64_t rows, n, k;
  };
  for (const Shape& s : {Shape{1, 1, 1},
                         {1, 64, 32},
                         {5, 15, 3},
                         {6, 16, 31},
                         {7, 17, 64},
                         {63, 63, 65},
                         {65, 130, 100},
                         {13, 33, 511},
                         {12, 48, 512},
                         {3, 80, 513},
                         {193, 20, 40},
                         {2, 65, 1030}})
    for (const DType type : {DType::f32, DType::f16, DType::bf16})
      for (const Precision precision : {Precision::f32, Precision::fast})
        all.push_back(linear_case(s.rows, s.n, s.k, type, precision, Output::store));
  for (const DType type : {DType::q8_0, DType::q4_0, DType::q4_k, DType::q5_k, DType::q6_k})
    for (const Precision precision : {Precision::f32, Precision::fast}) {
      const int64_t block = type_info(type).block;
      for (const Shape& s : {Shape{1, 1, 1}, {2, 16, 2}, {3, 64, 1}, {4, 65, 3}, {65, 31, 2}, {7, 130, 5}})
        all.push_back(linear_case(s.rows, s.n, s.k * block, type, precision, Output::store));
      all.push_back(linear_case(9, 70, 2 * block, type, precision, Output::add));
      all.push_back(gated_case(5, 67, 2 * block, type, type, precision));
    }
  for (const Shape& s : {Shape{1, 1, 1}, {8, 66, 50}, {65, 17, 1025}}) {
    all.push_back(linear_case(s.rows, s.n, s.k, DType::f32, Precision::f32, Output::add));
    all.push_back(linear_case(s.rows, s.n, s.k, DType::bf16, Precision::fast, Output::add));
    all.push_back(gated_case(s.rows, s.n, s.k, DType::f32, DType::f32, Precision::f32));
    all.push_back(gated_case(s.rows, s.n, s.k, DType::bf16, DType::bf16, Precision::fast));
  }
  all.push_back(gated_case(11, 40, 256, DType::q8_0, DType::q6_k, Precision::fast));  // groups of 32 and of 16
  return all;
}

}  // namespace cases
