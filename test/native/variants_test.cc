// Every variant of this machine against exact arithmetic and against the oracle over the shared case list; and what no variant
// may depend on: rows that travel along, threads, cached panels, where a slice of a matrix begins.
#include "cpu/dispatch.h"
#include "cpu/portable.h"
#include "device/registry.h"
#include "test/native/cases_products.h"
#include "test/native/cases_rows.h"
#include "test/native/cases_unmask.h"
#include "test/native/cases_vq.h"
#include "test/native/environment.h"

using namespace cases;

namespace {

std::unique_ptr<Device> device_of(const std::string& variant, int threads = 2, int64_t panel_bytes = -1) {
  DeviceOptions options;
  options.variant = variant, options.threads = threads, options.panel_bytes = panel_bytes;
  return create_device("cpu", options);
}

/// All of this machine's, or only the one that DIMOO_CPU_VARIANT names.
std::vector<cpu::Variant> tested() {
  const char* forced = std::getenv("DIMOO_CPU_VARIANT");
  return forced ? std::vector<cpu::Variant>{cpu::choose_variant(forced)} : cpu::variants();
}

std::vector<float> result_of(const Case& c, Device& device) {
  const Bound bound = c.bind(device);
  bound.run();
  return bound.output();
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0;
}

void check_variants(const std::vector<Case>& list) {
  const auto oracle = device_of("portable");
  for (const cpu::Variant& variant : tested()) {
    const auto device = device_of(variant.name), bare = device_of(variant.name, 3, 0);
    for (const Case& c : list) {
      const Compute compute = variant.compute(c.type, c.precision);
      Expected expected = c.expected(compute);
      const std::vector<float> actual = result_of(c, *device);
      check_close(variant.name + ": " + c.name, actual, expected);
      if (!same_bits(actual, result_of(c, *bare)))
        check::failed(__FILE__, __LINE__, variant.name, ": ", c.name, ": panels or threads changed the result");
      if (compute != cpu::portable_compute(c.type, c.precision)) continue;
      const std::vector<float> truth = result_of(c, *oracle);
      expected.value.assign(truth.begin(), truth.end());
      for (double& b : expected.bound) b *= 2;  // each may stray on its own side
      check_close(variant.name + " against portable: " + c.name, actual, expected);
    }
  }
}

constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q6_k, DType::q5_k, DType::q4_k, DType::q4_0};

}  // namespace

TEST(variants_products) { check_variants(product_cases()); }
TEST(variants_rows) { check_variants(row_cases()); }
TEST(variants_vq) { check_variants(vq_cases()); }
TEST(variants_folded_norms) { check_variants(fold_cases()); }
TEST(variants_projections) { check_variants(project_cases()); }
TEST(variants_unmask) { check_variants(unmask_cases()); }

TEST(the_list_is_ordered_and_ends_with_portable) {
  CHECK_EQ(cpu::variants().back().name, "portable");
  CHECK_EQ(device_of("")->variants().front().chosen, cpu::choose_variant("").name);
  for (const cpu::Variant& variant : cpu::variants())
    CHECK(device_of(variant.name)->variants().front().chosen.starts_with(variant.kernels ? variant.name : "portable"));
  CHECK_THROWS(device_of("avx1024"), Code::request_invalid, "portable, got avx1024");
}

TEST(the_environment_forces_a_variant) {
  const char* was = std::getenv("DIMOO_CPU_VARIANT");
  const std::string before = was ? was : "";
  set_variable("DIMOO_CPU_VARIANT", "portable");
  const std::string chosen = device_of("")->variants().front().chosen;
  set_variable("DIMOO_CPU_VARIANT", "nonsense");
  CHECK_THROWS(device_of(""), Code::request_invalid, "got nonsense");
  set_variable("DIMOO_CPU_VARIANT", before.c_str());  // an empty one counts as none
  CHECK_EQ(chosen, "portable");
}

/// Set by those who know the machine: scripts/arm64-check.sh and test/isa.test.ts name an emulated processor's variants.
TEST(the_machine_has_the_expected_variants) {
  const char* expected = std::getenv("DIMOO_EXPECTED_VARIANTS");
  std::string names;
  for (const cpu::Variant& variant : cpu::variants()) names += (names.empty() ? "" : " ") + variant.name;
  if (expected) CHECK_EQ(names, expected);
}

TEST(a_row_never_depends_on_its_mates) {
  constexpr int64_t kRows = 400, kN = 70, kK = 768;
  const std::vector<float> x = random_values(kRows * kK, 31);
  for (const cpu::Variant& variant : tested())
    for (const DType type : kTypes) {
      const Matrix w(type, kN, kK, 32);
      std::vector<float> whole(kRows * kN);
      for (const int threads : {1, 2, 8}) {
        const auto device = device_of(variant.name, threads);
        const auto weight = device->prepare(w.host(), Precision::fast);
        std::vector<float> in = x, out(kRows * kN);
        const Tensor rows(in.data(), kRows, kK), to(out.data(), kRows, kN);
        device->linear(rows, *weight, to);
        if (threads == 1) whole = out;
        CHECK(same_bits(out, whole));
        for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 1}, {3, 1}, {5, 63}, {1, 65}, {200, 129}, {399, 1}, {7, 193}}) {
          device->linear(rows.slice(first, count), *weight, to.slice(0, count));
          if (std::memcmp(out.data(), whole.data() + first * kN, static_cast<size_t>(count * kN) * 4) != 0)
            check::failed(__FILE__, __LINE__, variant.name, " ", type_info(type).name, ": rows ", first, " + ", count, " differ");
        }
      }
    }
}

TEST(a_slice_of_a_matrix_gives_the_same_columns) {
  constexpr int64_t kRows = 9, kN = 200, kK = 512;
  const std::vector<float> x = random_values(kRows * kK, 33);
  for (const cpu::Variant& variant : tested())
    for (const DType type : kTypes) {
      const auto device = device_of(variant.name);
      const Matrix w(type, kN, kK, 34);
      const auto all = device->prepare(w.host(), Precision::fast), some = device->prepare(w.host().slice(37, 90), Precision::fast);
      std::vector<float> in = x, whole(kRows * kN), part(kRows * 90);
      device->linear(Tensor(in.data(), kRows, kK), *all, Tensor(whole.data(), kRows, kN));
      device->linear(Tensor(in.data(), kRows, kK), *some, Tensor(part.data(), kRows, 90));
      for (int64_t r = 0; r < kRows; r++)
        CHECK(std::memcmp(&part[static_cast<size_t>(r * 90)], &whole[static_cast<size_t>(r * kN + 37)], 90 * 4) == 0);
    }
}

TEST(a_query_never_depends_on_its_block) {
  constexpr int64_t kN = 700, kD = 2 * 40;
  const std::vector<float> q = random_values(kN * kD, 35, 3), kv = random_values(kN * kD, 36);
  for (const cpu::Variant& variant : tested())
    for (const Precision precision : {Precision::f32, Precision::fast}) {
      std::vector<float> queries = q, keys = kv, whole(kN * kD);
      const Tensor k(keys.data(), kN, kD), rows(queries.data(), kN, kD);
      const auto run = [&](int threads, int64_t first, int64_t count, std::vector<float>& out) {
        const AttentionSpan span{0, count, k, k, precision};
        device_of(variant.name, threads)->attention(rows.slice(first, count), {&span, 1}, 2, 2, Tensor(out.data(), count, kD));
      };
      run(1, 0, kN, whole);
      for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 1}, {5, 7}, {100, 300}, {699, 1}}) {
        std::vector<float> out(static_cast<size_t>(count * kD));
        run(8, first, count, out);
        CHECK(std::memcmp(out.data(), &whole[static_cast<size_t>(first * kD)], out.size() * 4) == 0);
      }
    }
}

TEST(quantised_activations_are_the_same_bits_in_every_variant) {
  constexpr int64_t kK = 32 * 40;
  std::vector<float> x = random_values(kK, 38, 3);
  std::fill(x.begin() + 64, x.begin() + 96, 0.0f);
  x[130] = 1e-42f, x[200] = 5e30f, x[300] = NAN, x[340] = INFINITY;
  for (int i = 0; i < 32; i++) x[static_cast<size_t>(400 + i)] = 0.5f * static_cast<float>(i - 16);  // ties of rounding
  std::vector<uint8_t> u(kK), other(kK);
  std::vector<float> scale(kK / 32), sum(scale), other_scale(scale), other_sum(scale);
  cpu::quantize_row(x.data(), kK, u.data(), scale.data(), sum.data());
  for (const cpu::Variant& variant : tested()) {
    if (!variant.kernels) continue;
    variant.kernels->quantize_row(x.data(), kK, other.data(), other_scale.data(), other_sum.data());
    for (size_t g = 0; g < scale.size(); g++) {
      CHECK_EQ(std::isnan(other_scale[g]), g == 9 || g == 10);
      if (std::isnan(scale[g])) continue;
      CHECK(std::memcmp(&u[g * 32], &other[g * 32], 32) == 0);
      CHECK_EQ(other_scale[g], scale[g]);
      CHECK_EQ(other_sum[g], sum[g]);
    }
  }
}

TEST(a_value_that_is_not_finite_never_becomes_finite) {
  for (const cpu::Variant& variant : tested())
    for (const DType type : kTypes)
      for (const float bad : {NAN, INFINITY}) {
        const auto device = device_of(variant.name);
        const Matrix w(type, 20, 256, 39);
        const auto weight = device->prepare(w.host(), Precision::fast);
        std::vector<float> x = random_values(3 * 256, 40), out(3 * 20);
        x[256 + 77] = bad;
        device->linear(Tensor(x.data(), 3, 256), *weight, Tensor(out.data(), 3, 20));
        for (size_t i = 0; i < out.size(); i++) CHECK_EQ(std::isfinite(out[i]), i / 20 != 1);
      }
}

TEST(a_small_panel_budget_caches_what_fits) {
  const auto device = device_of("", 2, 300000);
  if (!cpu::choose_variant("").kernels) return;  // portable packs nothing
  const Matrix w(DType::f32, 128, 256, 37);      // 131072 bytes of panels
  std::vector<std::unique_ptr<Weight>> weights;
  std::vector<float> x(256, 1.0f), out(128);
  for (int i = 0; i < 4; i++) {
    weights.push_back(device->prepare(w.host(), Precision::f32));
    device->linear(Tensor(x.data(), 1, 256), *weights.back(), Tensor(out.data(), 1, 128));
  }
  const int64_t used = device->memory().used;
  CHECK_EQ(device->panel_bytes(w.host(), Precision::f32), int64_t{131072});
  weights.clear();
  CHECK_EQ(used - device->memory().used, int64_t{2 * 131072});
}

TEST(panels_of_quantised_types_take_about_their_stored_size) {
  for (const cpu::Variant& variant : tested())
    for (const DType type : {DType::q8_0, DType::q4_0, DType::q4_k, DType::q5_k, DType::q6_k}) {
      const Matrix w(type, 128, 1024, 41);
      const int64_t panels = device_of(variant.name)->panel_bytes(w.host(), Precision::fast);
      CHECK(panels <= w.host().bytes() * 103 / 100);
      CHECK_EQ(panels > 0, variant.kernels != nullptr);
    }
}
