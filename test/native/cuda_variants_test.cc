// Ways to run a GPU's products and attention (cuda/tuning.h) give the same bits, each forced by name so that no GPU is too large for a
// test: tiles of every height, warps of both shapes, three and four stages, weights made bf16 first, queries 16 and 32 a warp; and what is
// written as bf16 is what would be written as f32, rounded. Skipped where no GPU can be used.
#include <map>

#include "test/native/cases.h"
#include "test/native/gpu.h"

using namespace cases;
using namespace gpus;

namespace {

enum class End { store, add, gated, turned };
constexpr End kEnds[] = {End::store, End::add, End::gated, End::turned};
constexpr DType kTypes[] = {DType::bf16, DType::f16, DType::q8_0, DType::q6_k, DType::q5_k, DType::q4_k, DType::q4_0};

/// Bits of values of either type.
struct Typed {
  Buffer memory;
  Tensor tensor;
  Typed(Device& device, DType type, int64_t rows, int64_t cols) : memory(device.allocate(rows * type_bytes(type, cols))) {
    tensor = Tensor(memory.data(), type, rows, cols);
    const std::vector<std::byte> zeros(static_cast<size_t>(rows * type_bytes(type, cols)));
    device.upload(tensor, zeros.data());
  }
  std::vector<std::byte> read(Device& device) const {
    std::vector<std::byte> bytes(static_cast<size_t>(tensor.rows * type_bytes(tensor.type, tensor.cols)));
    device.download(bytes.data(), tensor);
    return bytes;
  }
};

/// Rows of a tensor of floats as bytes of its type.
std::vector<std::byte> as(DType type, const std::vector<std::byte>& floats) {
  if (type == DType::f32) return floats;
  std::vector<std::byte> narrow(floats.size() / 2);
  for (size_t i = 0; i < narrow.size(); i += 2) {
    float value;
    std::memcpy(&value, floats.data() + i * 2, 4);
    const uint16_t bits = f32_to_bf16(value);
    std::memcpy(narrow.data() + i, &bits, 2);
  }
  return narrow;
}

/// One product of rows [first, first + count) of x.
struct Products {
  static constexpr int64_t kHd = 64, kTable = 50;
  int64_t rows, n, k;
  std::vector<float> x = random_values(rows * k, 71), base = random_values(rows * n, 72), angles = random_values(kTable * kHd, 73);
  mutable std::map<std::pair<DType, uint64_t>, Matrix> made = {};

  /// Weights are made once: a thousand products of a test would take minutes to quantise theirs.
  const Matrix& weights(DType type, uint64_t seed) const { return made.try_emplace({type, seed}, type, n, k, seed).first->second; }

  std::vector<std::byte> run(Device& device, DType type, End end, int64_t first, int64_t count, DType x_type = DType::f32,
                             DType out_type = DType::f32) const {
    const Matrix &w = weights(type, 74), &up = weights(type, 75);
    const auto weight = device.prepare(w.host(), Precision::fast), other = device.prepare(up.host(), Precision::fast);
    const OnDevice in(device, rows, k, x.data()), table(device, kTable, kHd, angles.data());
    std::vector<int32_t> positions, order;
    for (int64_t i = 0; i < rows; i++) positions.push_back(static_cast<int32_t>(i * 7 % kTable)), order.push_back(static_cast<int32_t>(i));
    const Typed rounded(device, x_type, rows, k), out(device, out_type, count, n);
    device.scatter(in.tensor, order, rounded.tensor);
    const Tensor some = rounded.tensor.slice(first, count);
    if (end == End::add) device.upload(out.tensor, base.data() + first * n);
    switch (end) {
      case End::store: device.project(some, *weight, {}, {}, out.tensor); break;
      case End::add: device.linear_add(some, *weight, out.tensor); break;
      case End::gated: device.gated(some, *weight, *other, out.tensor); break;
      case End::turned: {
        const std::span at = std::span(positions).subspan(static_cast<size_t>(first), static_cast<size_t>(count));
        device.project(some, *weight, {at, table.tensor, static_cast<int>(n / kHd)}, {}, out.tensor);
        break;
      }
    }
    return out.read(device);
  }
};

void same(const std::vector<std::byte>& a, const std::vector<std::byte>& b, const std::string& what) {
  if (a != b) check::failed(__FILE__, __LINE__, what, ": other bits");
}

std::string name_of(DType type, End end) {
  static constexpr const char* kNames[] = {"store", "add", "gated", "turned"};
  return text(type_info(type).name, " ", kNames[static_cast<int>(end)]);
}

/// Queries of three branches, one of them without keys, over caches of keys and values.
struct Attention {
  int64_t hd, keys;
  int heads = 2, kv_heads = 1;
  int64_t counts[3] = {70, 3, 150};
  int64_t rows = 223;
  std::vector<float> q = random_values(rows * heads * hd, 76, 2), k = random_values(keys * kv_heads * hd, 77),
                     v = random_values(keys * kv_heads * hd, 78);

  std::vector<std::byte> run(Device& device, DType q_type = DType::f32, DType out_type = DType::f32) const {
    std::vector<int32_t> order;
    for (int64_t i = 0; i < std::max(rows, keys); i++) order.push_back(static_cast<int32_t>(i));
    const auto kept = [&](DType type, int64_t count, int64_t cols, const std::vector<float>& values) {
      const OnDevice from(device, count, cols, values.data());
      Typed to(device, type, count, cols);
      device.scatter(from.tensor, order, to.tensor);
      return to;
    };
    const DType type = device.kv_type(Precision::fast, hd);
    const Typed queries = kept(q_type, rows, heads * hd, q), to_k = kept(type, keys, kv_heads * hd, k),
                to_v = kept(type, keys, kv_heads * hd, v), out(device, out_type, rows, heads * hd);
    const auto span = [&](int64_t first, int64_t count, int64_t n) {
      return AttentionSpan{first, count, to_k.tensor.slice(0, n), to_v.tensor.slice(0, n), Precision::fast};
    };
    const AttentionSpan spans[] = {span(0, counts[0], keys), span(counts[0], counts[1], 0), span(counts[0] + counts[1], counts[2], 130)};
    device.attention(queries.tensor, spans, heads, kv_heads, out.tensor);
    return out.read(device);
  }
};

}  // namespace

/// 18 tiles of rows by 8 of columns, of as many results as any GPU has multiprocessors for: the largest tiles are taken unasked.
TEST(cuda_large_products_have_the_bits_of_their_slices) {
  const auto device = gpu();
  const bool small = emulated(*device);
  const Products products{small ? 136 : 2200, small ? 192 : 1536, small ? 256 : 1024};
  for (const DType type : kTypes)
    for (const End end : kEnds) {
      const std::vector<std::byte> whole = products.run(*device, type, end, 0, products.rows);
      const int64_t row = products.n * 4;
      for (int64_t first = 0; first < products.rows; first += 64) {
        if (small && sanitized() && first > 0) break;
        const int64_t count = std::min<int64_t>(64, products.rows - first);
        const auto at = whole.begin() + first * row;
        same(products.run(*device, type, end, first, count), {at, at + count * row}, text(name_of(type, end), " from row ", first));
      }
    }
}

TEST(cuda_ways_to_multiply_give_the_same_bits) {
  const auto plain = gpu("products=few,expand=never");
  const bool small = emulated(*plain);
  const Products products{small ? 136 : 700, small ? 192 : 1024, small ? 256 : 1024};
  const char* const ways[] = {"products=some,expand=never",
                              "products=many,expand=never",
                              "products=few,expand=0",
                              "products=some,expand=0",
                              "products=many,stages=4,expand=0",
                              "products=many,stages=3,expand=0",
                              "products=many,warps=narrow,expand=0"};
  for (const DType type : kTypes)
    for (const End end : kEnds) {
      if (sanitized() && type != DType::bf16 && type != DType::f16 && type != DType::q4_k) continue;
      const std::vector<std::byte> truth = products.run(*plain, type, end, 0, products.rows);
      for (const char* way : ways) {
        if (sanitized() && std::string_view(way).find("many") == std::string_view::npos) continue;
        same(products.run(*gpu(way), type, end, 0, products.rows), truth, text(name_of(type, end), " ", way));
      }
    }
}

/// Edges that no tile fits, in rows, columns and K.
TEST(cuda_ways_to_multiply_agree_at_edges) {
  const auto plain = gpu("products=few,expand=never");
  const Products products{131, 193, 72};
  for (const DType type : {DType::bf16, DType::f16})
    for (const End end : {End::store, End::add, End::gated}) {
      const std::vector<std::byte> truth = products.run(*plain, type, end, 0, products.rows);
      for (const char* way : {"products=some,expand=0", "products=many,stages=3,expand=0", "products=many,warps=narrow,expand=never"})
        same(products.run(*gpu(way), type, end, 0, products.rows), truth, text(name_of(type, end), " ", way));
    }
}

/// x that is bf16 already, as it lies or in rows that must be copied first; and results in bf16.
TEST(cuda_bf16_rows_are_rows_of_f32_rounded) {
  for (const char* way : {"", "products=many", "products=some"}) {
    const auto device = gpu(way);
    for (const int64_t k : {256, 72}) {
      const Products products{37, 128, k};
      for (const End end : {End::store, End::add, End::gated, End::turned}) {
        const std::vector<std::byte> wide = products.run(*device, DType::bf16, end, 0, 37);
        same(products.run(*device, DType::bf16, end, 0, 37, DType::bf16), wide, text("x, ", name_of(DType::bf16, end), ", K ", k));
        if (end != End::add)
          same(products.run(*device, DType::bf16, end, 0, 37, DType::bf16, DType::bf16), as(DType::bf16, wide),
               text("out, ", name_of(DType::bf16, end), ", K ", k));
      }
    }
    const Products mixed{5, 64, 64};
    same(mixed.run(*device, DType::q8_0, End::gated, 0, 5, DType::f32, DType::bf16),
         as(DType::bf16, mixed.run(*device, DType::q8_0, End::gated, 0, 5)), "gated q8_0");
  }
}

TEST(cuda_norms_and_moves_write_bf16) {
  const auto device = gpu();
  constexpr int64_t kRows = 9, kWidth = 300;
  const auto values = random_values(kRows * kWidth, 79), factors = random_values(kWidth, 80);
  const OnDevice x(*device, kRows, kWidth, values.data()), weight(*device, 1, kWidth, factors.data());
  const Typed wide(*device, DType::f32, kRows, kWidth), narrow(*device, DType::bf16, kRows, kWidth), moved(*device, DType::bf16, 3, kWidth),
      exact(*device, DType::f32, 3, kWidth);
  device->norm(x.tensor, weight.tensor, 1e-5f, wide.tensor), device->norm(x.tensor, weight.tensor, 1e-5f, narrow.tensor);
  same(narrow.read(*device), as(DType::bf16, wide.read(*device)), "norm");
  const std::vector<int32_t> rows{8, 0, 5};
  device->gather(wide.tensor, rows, exact.tensor), device->gather(narrow.tensor, rows, moved.tensor);
  same(moved.read(*device), as(DType::bf16, exact.read(*device)), "gather");
  device->finite(narrow.tensor);
  device->settle();
  std::vector<uint16_t> bad(kRows * kWidth);
  bad[kRows * kWidth - 1] = 0x7f80;  // infinity
  device->upload(narrow.tensor, bad.data());
  device->finite(narrow.tensor);
  CHECK_THROWS(device->settle(), Code::model_corrupt, "not finite");
}

TEST(cuda_ways_to_attend_give_the_same_bits) {
  for (const int64_t hd : {128, 64}) {
    const Attention attention{hd, 1100};  // three chunks of keys
    const std::vector<std::byte> truth = attention.run(*gpu("queries=few"));
    for (const char* way : {"", "queries=many", "queries=tall"}) {
      const auto device = large_gpu(way);
      same(attention.run(*device), truth, text("heads of ", hd, " ", way));
      same(attention.run(*device, DType::bf16, DType::bf16), as(DType::bf16, truth), text("in bf16, heads of ", hd, " ", way));
      if (sanitized() && hd == 64) break;
    }
  }
}

TEST(cuda_variants_are_read_and_told) {
  const auto chosen = [](const Device& device, const std::string& name) {
    for (const VariantReport& report : device.variants())
      if (report.op == name) return report.chosen;
    return std::string("not told");
  };
  const auto device = gpu("products=some,expand=700,queries=tall");
  CHECK_EQ(chosen(*device, "products"), "some");
  CHECK_EQ(chosen(*device, "expand"), "700");
  CHECK_EQ(chosen(*device, "queries"), "tall");
  CHECK_EQ(chosen(*gpu(), "warps"), "wide");
  for (const char* bad : {"products", "products=huge", "expand=-3", "expand=4x", "nonsense=1"})
    CHECK_THROWS(gpu(bad), Code::request_invalid, "CUDA variant: expected expand=<rows>, products=auto");
}
