// The oracle against exact arithmetic over the shared case list, and what every device must refuse.
#include <thread>

#include "cpu/portable.h"
#include "device/registry.h"
#include "test/native/cases_products.h"
#include "test/native/cases_rows.h"
#include "test/native/cases_unmask.h"
#include "test/native/cases_vq.h"

using namespace cases;

namespace {

std::unique_ptr<Device> device_of(const std::string& variant, int threads = 2) {
  DeviceOptions options;
  options.threads = threads, options.variant = variant;
  return create_device("cpu", options);
}

void check_oracle(const std::vector<Case>& list) {
  const auto device = device_of("portable");
  for (const Case& c : list) {
    const Bound bound = c.bind(*device);
    bound.run();
    check_close(c.name, bound.output(), c.expected(cpu::portable_compute(c.type, c.precision)));
  }
}

}  // namespace

TEST(oracle_products) { check_oracle(product_cases()); }
TEST(oracle_rows) { check_oracle(row_cases()); }
TEST(oracle_vq) { check_oracle(vq_cases()); }
TEST(oracle_folded_norms) { check_oracle(fold_cases()); }
TEST(oracle_projections) { check_oracle(project_cases()); }
TEST(oracle_choices) { check_oracle(choose_cases()); }
TEST(oracle_unmask) { check_oracle(unmask_cases()); }

TEST(the_cases_notice_a_wrong_value_and_a_write_outside) {
  const auto device = device_of("portable");
  const Case c = linear_case(4, 5, 8, DType::f32, Precision::f32, Output::store);
  Bound bound = c.bind(*device);
  bound.run();
  std::vector<float> output = bound.output();
  const Expected expected = c.expected(Compute::f32);
  output[7] += 1e-4f;
  bool noticed = false;
  try {
    check_close(c.name, output, expected);
  } catch (const std::runtime_error&) {
    noticed = true;
  }
  CHECK(noticed);
  for (const int64_t at : {int64_t{-1}, int64_t{8}, int64_t{4 * 9}}) {  // before, between rows, behind
    const Guarded guarded(*device, 4, 8, 1, std::vector<float>(32, 1.0f));
    guarded.tensor().f32()[at] = 0;
    noticed = false;
    try {
      guarded.read();
    } catch (const std::runtime_error&) {
      noticed = true;
    }
    CHECK(noticed);
  }
}

TEST(shapes_that_disagree_are_refused_with_both_numbers) {
  const auto device = device_of("");
  const Matrix w(DType::f32, 6, 4, 1);
  const auto weight = device->prepare(w.host(), Precision::f32);
  std::vector<float> memory(64);
  const auto tensor = [&](int64_t rows, int64_t cols) { return Tensor(memory.data(), rows, cols); };
  CHECK_THROWS(device->linear(tensor(2, 5), *weight, tensor(2, 6)), Code::internal, "linear: columns of x must be 4, got 5");
  CHECK_THROWS(device->linear(tensor(2, 4), *weight, tensor(2, 7)), Code::internal, "linear: columns of out must be 6, got 7");
  CHECK_THROWS(device->linear_add(tensor(2, 4), *weight, tensor(3, 6)), Code::internal, "linear_add: rows of out must be 2, got 3");
  const std::vector<int32_t> ids{6};
  CHECK_THROWS(device->embed(*weight, ids, tensor(1, 4)), Code::request_invalid, "0..5, got 6");
  CHECK_THROWS(device->prepare({"odd", DType::q8_0, 1, 33, w.data.data()}, Precision::fast), Code::model_corrupt,
               "odd: columns must be a multiple of 32 for q8_0, got 33");
  CHECK_THROWS(device->norm(tensor(2, 4), tensor(1, 5), 0, tensor(2, 4)), Code::internal, "norm: length of weight must be 4, got 5");
  CHECK_THROWS(device->norm(tensor(2, 4), tensor(1, 4), 0, tensor(3, 4)), Code::internal, "norm: out must be 2 x 4, got 3 x 4");
  CHECK_THROWS(device->gated(tensor(2, 4), *weight, *device->prepare({"w", DType::f32, 5, 4, w.data.data()}, Precision::f32), tensor(2, 6)),
               Code::internal, "gated: columns of out must be 5, got 6");
}

TEST(lists_of_rows_are_as_long_as_they_must_be_and_stay_inside) {
  const auto device = device_of("");
  std::vector<float> memory(64);
  const auto tensor = [&](int64_t rows, int64_t cols) { return Tensor(memory.data(), rows, cols); };
  const std::vector<int32_t> rows{0, 2};
  CHECK_THROWS(device->gather(tensor(2, 3), rows, tensor(2, 3)), Code::internal, "gather: rows must lie in 0..1, got 2");
  CHECK_THROWS(device->gather(tensor(3, 3), rows, tensor(3, 3)), Code::internal, "gather: listed rows must be at least 3, got 2");
  CHECK_THROWS(device->gather(tensor(3, 3), rows, tensor(2, 4)), Code::internal, "gather: columns of out must be 3, got 4");
  CHECK_THROWS(device->scatter(tensor(2, 3), rows, tensor(2, 3)), Code::internal, "scatter: rows must lie in 0..1, got 2");
  CHECK_THROWS(device->rotary(tensor(2, 4), rows, tensor(2, 4), 1), Code::internal, "rotary: rows must lie in 0..1, got 2");
  CHECK_THROWS(device->rotary(tensor(2, 4), rows, tensor(3, 3), 1), Code::internal, "rotary: columns of the table must be 4, got 3");
  CHECK_THROWS(device->row_max(tensor(2, 4), tensor(3, 1)), Code::internal, "row_max: rows of out must be 2, got 3");
}

TEST(projections_and_attention_check_their_places_and_keys) {
  const auto device = device_of("");
  const Matrix w(DType::f32, 6, 4, 1);
  const auto weight = device->prepare(w.host(), Precision::f32);
  std::vector<float> memory(64);
  const auto tensor = [&](int64_t rows, int64_t cols) { return Tensor(memory.data(), rows, cols); };
  const auto project = [&](const Placement& place) { device->project(tensor(3, 4), *weight, {}, {&place, 1}, tensor(3, 6)); };
  CHECK_THROWS(project({0, 4, {}, tensor(4, 6)}), Code::internal, "project: end of the placed rows at most must be 3, got 4");
  CHECK_THROWS(project({0, 3, {}, tensor(2, 6)}), Code::internal, "project: rows of a place at least must be 3, got 2");
  CHECK_THROWS(project({0, 3, {}, tensor(3, 5)}), Code::internal, "project: columns of a place must be 6, got 5");
  CHECK_THROWS(project({0, 1, {}, {memory.data(), DType::bf16, 1, 6}}), Code::internal, "project: expected places of f32, got bf16");
  const auto attend = [&](const AttentionSpan& span, int heads, int kv_heads) {
    device->attention(tensor(3, 4), {&span, 1}, heads, kv_heads, tensor(3, 4));
  };
  CHECK_THROWS(attend({0, 3, tensor(2, 4), tensor(2, 4)}, 2, 4), Code::internal, "heads modulo key/value heads must be 0, got 2");
  CHECK_THROWS(attend({1, 3, tensor(2, 4), tensor(2, 4)}, 2, 2), Code::internal, "end of the queries at most must be 3, got 4");
  CHECK_THROWS(attend({0, 3, tensor(2, 4), tensor(2, 4)}, 2, 1), Code::internal, "columns of keys must be 2, got 4");
  CHECK_THROWS(attend({0, 3, tensor(2, 4), tensor(1, 4)}, 2, 2), Code::internal, "values must be 2 x 4, got 1 x 4");
  CHECK_THROWS(attend({0, 3, {memory.data(), DType::bf16, 2, 4}, {memory.data(), DType::bf16, 2, 4}}, 2, 2), Code::internal,
               "expected keys and values of f32, got bf16");
}

TEST(convolutions_need_every_row_that_they_touch) {
  const auto device = device_of("");
  const Matrix w(DType::f32, 2, 27, 1);
  std::vector<float> memory(512), out(512);
  const Tensor bias(memory.data(), 1, 2);
  constexpr int64_t kSide = 4;
  const auto rows_of = [&](int64_t first, int64_t count) { return Image{Tensor(memory.data(), count * kSide, 3), kSide, kSide, first}; };
  const auto into = [&](int64_t side, int64_t first, int64_t count) {
    return Image{Tensor(out.data(), count * side, 2), side, side, first};
  };
  const auto same = device->prepare_conv(w.host(), 3, 3, Sampling::same), twice = device->prepare_conv(w.host(), 3, 3, Sampling::twice),
             half = device->prepare_conv(w.host(), 3, 3, Sampling::half);
  device->conv(rows_of(0, 3), {}, *same, bias, {}, into(4, 0, 2));
  CHECK_THROWS(device->conv(rows_of(0, 2), {}, *same, bias, {}, into(4, 0, 2)), Code::internal, "end of the rows of x at least must be 3");
  CHECK_THROWS(device->conv(rows_of(2, 2), {}, *same, bias, {}, into(4, 2, 2)), Code::internal, "first row of x at most must be 1, got 2");
  device->conv(rows_of(1, 2), {}, *twice, bias, {}, into(8, 3, 2));
  CHECK_THROWS(device->conv(rows_of(1, 1), {}, *twice, bias, {}, into(8, 3, 2)), Code::internal, "at least must be 3, got 2");
  device->conv(rows_of(0, 4), {}, *twice, bias, {}, into(8, 0, 8));
  CHECK_THROWS(device->conv(rows_of(0, 3), {}, *twice, bias, {}, into(8, 0, 8)), Code::internal, "at least must be 4, got 3");
  device->conv(rows_of(0, 3), {}, *half, bias, {}, into(2, 0, 1));
  CHECK_THROWS(device->conv(rows_of(0, 2), {}, *half, bias, {}, into(2, 0, 1)), Code::internal, "at least must be 3, got 2");
  CHECK_THROWS(device->conv(rows_of(0, 4), {}, *same, Tensor(memory.data(), 1, 3), {}, into(4, 0, 4)), Code::internal, "length of bias");
  CHECK_THROWS(device->conv(rows_of(0, 4), {}, *same, bias, {}, {Tensor(memory.data(), 16, 2), 4, 4}), Code::internal,
               "into its own input only 1x1 kernels");
  CHECK_THROWS(device->prepare_conv(w.host(), 27, 1, Sampling::twice), Code::internal, "size of an upsampling kernel must be 3, got 1");
}

TEST(memory_is_counted_and_limited) {
  const auto device = device_of("");
  const int64_t before = device->memory().used;
  {
    const Buffer buffer = device->allocate(int64_t{3} << 20);
    CHECK_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, uintptr_t{0});
    CHECK(device->memory().used >= before + (int64_t{3} << 20));
  }
  CHECK_EQ(device->memory().used, before);
  const int64_t absurd = int64_t{1} << 50;
  bool refused = false;
  try {
    device->allocate(absurd);
  } catch (const Error& error) {
    refused = error.code() == Code::device_out_of_memory && error.needed() == absurd && error.available() > 0 && error.available() < absurd;
  }
  CHECK(refused);
  CHECK(device->memory().total > 0);
  CHECK(device->memory().free <= device->memory().total);
}

TEST(cancelling_ends_a_long_product_promptly) {
  const auto device = device_of("", 2);
  const Matrix w(DType::f32, 2048, 2048, 1);
  const auto weight = device->prepare(w.host(), Precision::f32);
  std::vector<float> x(1024 * 2048, 0.5f), out(1024 * 2048);
  CancelToken cancel;
  device->set_cancel(&cancel);
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    cancel.cancel();
  });
  const auto start = std::chrono::steady_clock::now();
  CHECK_THROWS(
      [&] {
        for (int i = 0; i < 100000; i++) device->linear(Tensor(x.data(), 1024, 2048), *weight, Tensor(out.data(), 1024, 2048));
      }(),
      Code::aborted, "aborted");
  later.join();
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));  // one product alone takes longer than a unit
  device->set_cancel(nullptr);
}
