// A GPU's ops against exact arithmetic over the shared case list, and determinism (docs/contracts.md#determinism) bit for bit. Skipped
// where no GPU can be used.
#include "test/native/cases_products.h"
#include "test/native/cases_rows.h"
#include "test/native/cases_unmask.h"
#include "test/native/cases_vq.h"
#include "test/native/check.h"
#include "test/native/gpu.h"

using namespace cases;
using namespace gpus;

namespace {

/// Tensor cores where the type allows; attention for the head dimensions that they have a kernel for.
Compute compute_of(const Case& c) {
  const bool fits = c.head_dim == 0 || c.head_dim == 32 || c.head_dim == 64 || c.head_dim == 96 || c.head_dim == 128;
  return c.precision == Precision::f32 || c.type == DType::f32 || !fits ? Compute::f32 : Compute::bf16;
}

void check_list(const std::vector<Case>& list) {
  const auto device = gpu();
  for (const Case& c : list) {
    const Bound bound = c.bind(*device);
    bound.run();
    const std::vector<float> once = bound.output();
    check_close(c.name, once, c.expected(compute_of(c)));
    if (c.name.starts_with("linear_add")) continue;                                   // adds once more
    if (c.name.starts_with("rotary") || c.name.starts_with("scaled conv")) continue;  // turn, or add, once more
    bound.run();
    const std::vector<float> again = bound.output();
    if (std::memcmp(once.data(), again.data(), once.size() * 4) != 0)
      check::failed(__FILE__, __LINE__, c.name, ": other bits the second time");
  }
}

}  // namespace

TEST(cuda_products) { check_list(product_cases()); }
TEST(cuda_projections) { check_list(project_cases()); }
TEST(cuda_choices) { check_list(choose_cases()); }
TEST(cuda_folded_norms) { check_list(fold_cases()); }
TEST(cuda_rows) { check_list(row_cases()); }
TEST(cuda_vq) { check_list(vq_cases()); }
TEST(cuda_unmask) { check_list(unmask_cases()); }

TEST(cuda_rows_never_depend_on_their_mates) {
  const auto device = gpu();
  const bool small = emulated(*device);
  const int64_t kRows = !small ? 8442 : sanitized() ? 300 : 1100, kN = small ? 20 : 200, kK = small ? 256 : 512;
  const std::vector<float> x = random_values(kRows * kK, 51);
  for (const Precision precision : {Precision::f32, Precision::fast})
    for (const DType type : {DType::f32, DType::bf16, DType::q8_0, DType::q4_k}) {
      const Matrix w(type, kN, kK, 52);
      const auto weight = device->prepare(w.host(), precision);
      const OnDevice in(*device, kRows, kK, x.data()), out(*device, kRows, kN);
      device->linear(in.tensor, *weight, out.tensor);
      const std::vector<float> whole = out.read(*device);
      for (const int64_t rows : {1, 63, 64, 65, 127, 129, 257})
        for (const int64_t first : {int64_t{0}, int64_t{37}, kRows - rows}) {
          const OnDevice part(*device, rows, kN);
          device->linear(in.tensor.slice(first, rows), *weight, part.tensor);
          const std::vector<float> some = part.read(*device);
          CHECK(std::memcmp(some.data(), whole.data() + first * kN, some.size() * 4) == 0);
        }
    }
}

/// What fast attention gives lies near the exact result, and depends on no tile.
TEST(cuda_fast_attention_is_near_and_depends_on_no_tile) {
  const auto device = gpu();
  for (const int64_t hd : {32, 64, 96, 128}) {
    if (sanitized() && hd != 64) continue;
    const int64_t kQueries = emulated(*device) ? 150 : 700, kKeys = 1100;  // three chunks, whose order can be seen
    constexpr int kHeads = 4, kKeyHeads = 2;
    const auto q = random_values(kQueries * kHeads * hd, 55, 2), k = random_values(kKeys * kKeyHeads * hd, 56),
               v = random_values(kKeys * kKeyHeads * hd, 57);
    const OnDevice queries(*device, kQueries, kHeads * hd, q.data()), keys(*device, kKeys, kKeyHeads * hd, k.data()),
        values(*device, kKeys, kKeyHeads * hd, v.data());
    const auto attend = [&](int64_t first, int64_t count, Precision precision) {
      const OnDevice out(*device, count, kHeads * hd);
      const AttentionSpan span{0, count, keys.tensor, values.tensor, precision};
      device->attention(queries.tensor.slice(first, count), {&span, 1}, kHeads, kKeyHeads, out.tensor);
      return out.read(*device);
    };
    const std::vector<float> exact = attend(0, kQueries, Precision::f32), fast = attend(0, kQueries, Precision::fast);
    double error = 0, size = 0;
    for (size_t i = 0; i < exact.size(); i++) error += std::pow(fast[i] - exact[i], 2), size += std::pow(exact[i], 2);
    CHECK(std::sqrt(error / size) < 1e-2);  // two roundings of 2^-9 a factor
    CHECK(error > 0);
    for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 1}, {5, 63}, {17, 129}, {kQueries - 1, 1}}) {
      const std::vector<float> some = attend(first, count, Precision::fast);
      CHECK(std::memcmp(some.data(), fast.data() + first * kHeads * hd, some.size() * 4) == 0);
    }
  }
}

/// Keys and values kept in bf16 are those kept in f32, rounded: attention gives the same bits.
TEST(cuda_attends_to_kept_bf16_as_to_f32) {
  const auto device = gpu();
  constexpr int64_t kHd = 64, kHeads = 2, kKeys = 200, kQueries = 40, kWidth = kHeads * kHd;
  CHECK(device->kv_type(Precision::f32, kHd) == DType::f32);
  CHECK(device->kv_type(Precision::fast, 80) == DType::f32);  // no tensor cores for this head
  CHECK(device->kv_type(Precision::fast, kHd) == DType::bf16);
  const auto q = random_values(kQueries * kWidth, 61, 2), k = random_values(kKeys * kWidth, 62), v = random_values(kKeys * kWidth, 63);
  const OnDevice queries(*device, kQueries, kWidth, q.data()), keys(*device, kKeys, kWidth, k.data()),
      values(*device, kKeys, kWidth, v.data());
  std::vector<int32_t> order(kKeys);
  for (int32_t i = 0; i < kKeys; i++) order[static_cast<size_t>(i)] = i * 37 % kKeys;  // scattered there, read in another order
  const auto kept = [&](DType type, const OnDevice& from, Buffer& memory) {
    memory = device->allocate(kKeys * kWidth * type_info(type).bytes);
    const Tensor to(memory.data(), type, kKeys, kWidth);
    device->scatter(from.tensor, order, to);
    return to;
  };
  const auto attend = [&](DType type) {
    Buffer memory[2];
    const Tensor to_k = kept(type, keys, memory[0]), to_v = kept(type, values, memory[1]);
    const OnDevice out(*device, kQueries, kWidth);
    const AttentionSpan span{0, kQueries, to_k, to_v, Precision::fast};
    device->attention(queries.tensor, {&span, 1}, kHeads, kHeads, out.tensor);
    return out.read(*device);
  };
  CHECK(attend(DType::f32) == attend(DType::bf16));
  const AttentionSpan exact{0, kQueries, Tensor(keys.tensor.data, DType::bf16, kKeys, kWidth), values.tensor, Precision::f32};
  const OnDevice out(*device, kQueries, kWidth);
  CHECK_THROWS(device->attention(queries.tensor, {&exact, 1}, kHeads, kHeads, out.tensor), Code::internal,
               "expected keys and values of f32, got bf16");
}

/// A projection written as bf16 is the one written as f32, rounded, wherever its rows go and whatever it is made of.
TEST(cuda_projects_into_bf16) {
  const auto device = gpu();
  constexpr int64_t kRows = 37, kK = 256, kHeads = 2, kHd = 32, kN = kHeads * kHd;
  const auto x = random_values(kRows * kK, 64), angles = random_values(kRows * kHd, 65);
  const OnDevice in(*device, kRows, kK, x.data()), table(*device, kRows, kHd, angles.data());
  std::vector<int32_t> positions(kRows), places;
  for (int32_t i = 0; i < kRows; i++) positions[static_cast<size_t>(i)] = kRows - 1 - i;
  for (int32_t i = 0; i < 11; i++) places.push_back(i * 3 % 20);
  for (const DType type : {DType::bf16, DType::q8_0, DType::f32})
    for (const int heads : {0, int{kHeads}}) {
      const Matrix w(type, kN, kK, 66);
      const auto weight = device->prepare(w.host(), Precision::fast);
      // The product's own rows and, behind them, the 20 rows of a cache to which rows 5 to 15 go.
      const auto projected = [&](DType to) {
        const int64_t size = type_info(to).bytes;
        const Buffer memory = device->allocate((kRows + 20) * kN * size);
        const std::vector<std::byte> zeros(static_cast<size_t>((kRows + 20) * kN * size));
        const Tensor all(memory.data(), to, kRows + 20, kN);
        device->upload(all, zeros.data());
        const Placement placement{5, static_cast<int64_t>(places.size()), places, all.slice(kRows, 20)};
        device->project(in.tensor, *weight, {positions, table.tensor, heads}, {&placement, 1}, all.slice(0, kRows));
        std::vector<std::byte> bytes(zeros.size());
        device->download(bytes.data(), all);
        return bytes;
      };
      const std::vector<std::byte> wide = projected(DType::f32), narrow = projected(DType::bf16);
      for (int64_t i = 0; i < (kRows + 20) * kN; i++) {
        if (i / kN >= 5 && i / kN < 16) continue;  // went elsewhere
        float value;
        uint16_t bits;
        std::memcpy(&value, wide.data() + i * 4, 4), std::memcpy(&bits, narrow.data() + i * 2, 2);
        if (bits != f32_to_bf16(value))
          check::failed(__FILE__, __LINE__, type_info(type).name, " heads ", heads, ": value ", i, " differs");
      }
    }
}

/// Strips of a map, in order, give the same sums as the whole, bit for bit.
TEST(cuda_sums_of_strips_are_those_of_the_whole) {
  const auto device = gpu();
  constexpr int64_t kHeight = 9, kWidth = 13, kChannels = 131;
  const auto x = random_values(kHeight * kWidth * kChannels, 58);
  const OnDevice map(*device, kHeight * kWidth, kChannels, x.data());
  std::vector<double> whole(2 * kChannels), strips(2 * kChannels);
  device->channel_sums({map.tensor, kHeight, kWidth}, whole);
  for (const auto& [first, rows] : {std::pair<int64_t, int64_t>{0, 2}, {2, 1}, {3, 6}})
    device->channel_sums({map.tensor.slice(first * kWidth, rows * kWidth), kHeight, kWidth, first}, strips);
  CHECK(whole == strips);
  for (int64_t c = 0; c < kChannels; c++) {
    double sum = 0, squares = 0;
    for (int64_t p = 0; p < kHeight * kWidth; p++)
      sum += x[static_cast<size_t>(p * kChannels + c)], squares += std::pow(double{x[static_cast<size_t>(p * kChannels + c)]}, 2);
    CHECK_NEAR(whole[static_cast<size_t>(c)], sum, 1e-12 * kHeight * kWidth);
    CHECK_NEAR(whole[static_cast<size_t>(kChannels + c)], squares, 1e-12 * kHeight * kWidth);
  }
}

TEST(cuda_notices_values_that_are_not_finite) {
  const auto device = gpu();
  auto values = random_values(7 * 300, 59);
  const OnDevice good(*device, 7, 300, values.data());
  device->finite(good.tensor);
  device->settle();
  values[6 * 300 + 299] = INFINITY;
  const OnDevice bad(*device, 7, 300, values.data());
  device->finite(bad.tensor);
  CHECK_THROWS(device->settle(), Code::model_corrupt, "not finite");
  device->settle();  // it was told once
  device->finite(bad.tensor);
  device->abandon();
  device->settle();
}

TEST(cuda_shapes_that_disagree_are_refused) {
  const auto device = gpu();
  const Matrix w(DType::f32, 6, 4, 1);
  const auto weight = device->prepare(w.host(), Precision::f32);
  const OnDevice x(*device, 2, 5), out(*device, 2, 6);
  CHECK_THROWS(device->linear(x.tensor, *weight, out.tensor), Code::internal, "linear: columns of x must be 4, got 5");
  CHECK_THROWS(device->allocate(int64_t{1} << 50), Code::device_out_of_memory, "needs");
  const int64_t before = device->memory().used;
  { const Buffer buffer = device->allocate(1 << 20); }
  CHECK_EQ(device->memory().used, before);
}
