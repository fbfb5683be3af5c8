// The oracle against exact arithmetic over the shared case list, and what every device must refuse.
#include <thread>

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
    check_close(c.name, bound.output(), c.expected(cpu::compute_for(c.type, c.precision, nullptr)));
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
}

TEST(strips_that_lack_a_row_they_touch_are_refused) {
  const auto device = device_of("");
  constexpr int64_t kHeight = 6, kWidth = 5, kIn = 4, kOut = 3;
  const Matrix w(DType::f32, kOut, kIn * 9, 1);
  std::vector<float> memory(4096), bias(kOut);
  for (const Sampling sampling : {Sampling::same, Sampling::twice}) {
    const int64_t scale = sampling == Sampling::twice ? 2 : 1;
    const auto kernel = device->prepare_conv(w.host(), kIn, 3, sampling);
    // Output rows [2 scale, 4 scale) touch rows 1 .. 4 of x.
    const auto strip = [&](int64_t first, int64_t end) {
      const Image x{Tensor(memory.data(), (end - first) * kWidth, kIn), kHeight, kWidth, first};
      const Image out{Tensor(memory.data() + 1024, 2 * scale * kWidth * scale, kOut), kHeight * scale, kWidth * scale, 2 * scale};
      device->conv_scaled(x, {}, *kernel, Tensor(bias.data(), 1, kOut), {}, out);
    };
    strip(1, 5);
    CHECK_THROWS(strip(1, 4), Code::internal, "conv");
    CHECK_THROWS(strip(2, 5), Code::internal, "conv");
  }
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
