// Ways to do the same with the same bits (cuda/tuning.h), each timed beside the default on the shapes that it is for: what
// scripts/gpu-report makes a verdict of.
#pragma once
#include <cstdio>
#include <functional>
#include <map>

#include "bench/native/gpu_rows.h"

namespace gpu_rows {

inline const int64_t kWide = sized(4096), kDeep = sized(12288);
inline const int kHeads = static_cast<int>(kWide / 128);
inline constexpr double kRound = 0.04;  // seconds: many ways in little time

/// Seconds of a product of rows with a matrix of this type.
inline double product_seconds(Device& device, DType type, int64_t rows, int64_t n, int64_t k) {
  const std::vector<std::byte> data = bench::random_matrix(type, n, k, 0.02f);
  const auto weight = device.prepare({"w", type, n, k, data.data()}, Precision::fast);
  const MovedRows x(device, weight->operand(), rows, k);
  const Rows out(device, rows, n), any(device, 1, 1);
  return seconds_of(
      device, any.tensor, [&] { device.linear(x.tensor, *weight, out.tensor); }, kRound);
}

inline double attention_seconds(Device& device, int64_t queries, int64_t keys) {
  const DType type = device.kv_type(Precision::fast, kWide / kHeads);
  const MovedRows k(device, type, keys, kWide), v(device, type, keys, kWide), q(device, type, queries, kWide),
      out(device, type, queries, kWide);
  const Rows any(device, 1, 1);
  const AttentionSpan span{0, queries, k.tensor, v.tensor, Precision::fast};
  return seconds_of(
      device, any.tensor,
      [&] {
        device.attention(q.tensor, {&span, 1}, kHeads, kHeads, out.tensor);
      },
      kRound);
}

/// One switch on one shape: seconds of each of its ways, the first the default, the lower of two rounds that take turns.
struct Switch {
  std::string name;
  std::vector<std::string> ways;  // as DIMOO_CUDA_VARIANT takes them; "" is the default
  std::string shape;
  std::function<double(Device&)> seconds;

  Json measure() const {
    std::map<std::string, double> best;
    for (int round = 0; round < 2; round++)
      for (const std::string& way : ways) {
        const auto device = gpu(way);
        const double now = seconds(*device);
        double& before = best.try_emplace(way, now).first->second;
        before = std::min(before, now);
      }
    Json times(Json::Object{});
    for (const std::string& way : ways) times.set(way.empty() ? "default" : way, best.at(way));
    Json entry(Json::Object{});
    return entry.set("switch", name).set("shape", shape).set("seconds", times);
  }
};

/// The first ones decide most. What begins after `budget` seconds is left.
inline Json switches(double budget) {
  const auto start = Clock::now();
  std::vector<Switch> all;
  const auto product = [&](const std::string& name, const std::vector<std::string>& ways, DType type, int64_t rows, int64_t n, int64_t k) {
    all.push_back({name, ways, text(type_info(type).name, " ", rows, "x", n, "x", k),
                   [=](Device& device) { return product_seconds(device, type, sized(rows), n, k); }});
  };
  const auto attention = [&](const std::vector<std::string>& ways, int64_t queries) {
    all.push_back({"queries", ways, text(queries, " queries of 4264 keys"),
                   [=](Device& device) { return attention_seconds(device, sized(queries), sized(4264)); }});
  };
  attention({"", "queries=tall"}, 4264);
  for (const auto& [n, k] : {std::pair{kWide, kWide}, {kDeep, kWide}, {kWide, kDeep}}) {
    product("warps", {"", "warps=narrow"}, DType::bf16, 8442, n, k);
    product("stages", {"stages=4", "stages=3"}, DType::bf16, 8442, n, k);
  }
  for (const DType type : {DType::q4_k, DType::q8_0})
    for (const int64_t rows : {8442, 512, 320, 256, 128}) product("expand", {"expand=64", "expand=never"}, type, rows, kDeep, kWide);
  for (const int64_t rows : {32, 64, 128, 256})
    product("products", {"", "products=few", "products=some", "products=many"}, DType::bf16, rows, kWide, kWide);
  for (const int64_t queries : {32, 64, 128, 427}) attention({"", "queries=few", "queries=many"}, queries);
  Json::Array list;
  for (const Switch& one : all) {
    if (seconds_since(start) > budget) break;
    list.push_back(one.measure());
    std::fprintf(stderr, "%s\n", list.back().dump().c_str());
  }
  Json report(Json::Object{});
  report.set("device", gpu()->name()).set("commit", bench::commit()).set("left", static_cast<int64_t>(all.size() - list.size()));
  return report.set("list", Json(std::move(list)));
}

/// What a profiler looks at.
inline void one(Device& device, const std::string& what) {
  what == "product" ? product_seconds(device, DType::bf16, sized(8442), kDeep, kWide) : attention_seconds(device, sized(4264), sized(4264));
}

}  // namespace gpu_rows
