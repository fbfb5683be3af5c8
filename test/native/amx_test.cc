// AMX's kernels where no machine has AMX: the very templates that kernels_amx.cc compiles, over a model of the tile instructions and
// the plainest table of this machine. The shared cases against exact arithmetic, and int8 against that table's bits.
#include "cpu/cpu_device.h"
#include "cpu/dispatch.h"
#include "cpu/widen.h"
#include "test/native/amx_model.h"
#include "test/native/cases_products.h"
#include "test/native/cases_rows.h"

using namespace cases;

namespace {

/// What widening needs of a vector, on one lane, so that every machine has panels as the tiles read them.
struct Scalar {
  using F = float;
  static constexpr int kWidth = 1;
  static constexpr bool kBlocks = false;
  static F set(float v) { return v; }
  static F sub(F a, F b) { return a - b; }
  static F mul(F a, F b) { return a * b; }
  static void store(float* p, F v) { *p = v; }
  static F load_halves(const uint16_t* p) { return f16_to_f32(*p); }
  static F load_bytes(const uint8_t* p) { return *p; }
  static F load_signed_bytes(const uint8_t* p) { return static_cast<int8_t>(*p); }
  static void sum_quads(const int8_t* q, int count, int step, int factor, int32_t* to) {
    int32_t sum = 0;
    for (int i = 0; i < count; i++) sum += q[i * step] + q[i * step + 1] + q[i * step + 2] + q[i * step + 3];
    *to = sum * factor;
  }
};

void round_bf16(const float* x, int64_t count, uint16_t* out) {
  for (int64_t i = 0; i < count; i++) out[i] = f32_to_bf16(x[i]);
}

/// The variant before `portable`; null where there is none.
const cpu::Kernels* plainest() {
  const auto& all = cpu::variants();
  return all.size() > 1 ? all[all.size() - 2].kernels : nullptr;
}

const cpu::Kernels* with_tiles() {
  static cpu::Kernels made;
  if (!plainest()) return nullptr;
  made = *plainest();
  made.name = "amx";
  made.round_bf16 = round_bf16;
  made.widen = cpu::widen<Scalar>;
  cpu::put_tiles<amx_model::Tiles>(made);
  return &made;
}

std::unique_ptr<Device> device_of(const cpu::Kernels* kernels, int threads = 2) {
  DeviceOptions options;
  options.threads = threads;
  return std::make_unique<cpu::CpuDevice>(options, kernels->name, *kernels);
}

std::vector<float> result_of(const Case& c, Device& device) {
  const Bound bound = c.bind(device);
  bound.run();
  return bound.output();
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0;
}

void check_tiles(const std::vector<Case>& list, Compute tiled) {
  const cpu::Kernels* kernels = with_tiles();
  if (!kernels) return;
  const auto device = device_of(kernels), plain = device_of(plainest());
  for (const Case& c : list) {
    const Compute compute = cpu::compute_for(c.type, c.precision, *kernels);
    if (compute != tiled) continue;
    const int64_t before = amx_model::products_done;
    const std::vector<float> actual = result_of(c, *device);
    if (amx_model::products_done == before) check::failed(__FILE__, __LINE__, c.name, ": no tile did anything");
    check_close("amx: " + c.name, actual, c.expected(compute));
    if (compute == Compute::int8 && !same_bits(actual, result_of(c, *plain)))
      check::failed(__FILE__, __LINE__, c.name, ": other bits than ", plainest()->name);
  }
}

/// Attention's cases: they have no weights, so their precision says what computes.
std::vector<Case> fast_attention() {
  std::vector<Case> all;
  for (const AttentionShape& s : {AttentionShape{{1}, 1, 1, 1, 8, 1, Precision::fast},
                                  {{77, 5}, 1, 2, 1, 40, 1, Precision::fast},
                                  {{512, 513}, 29, 2, 1, 32, 4, Precision::fast},
                                  {{600}, 3, 1, 1, 130, 30, Precision::fast}})
    all.push_back(attention_case(s));
  for (Case& c : all) c.type = DType::bf16, c.precision = Precision::fast;
  return all;
}

}  // namespace

TEST(int8_products_in_tiles) { check_tiles(product_cases(), Compute::int8); }
TEST(bf16_products_in_tiles) { check_tiles(product_cases(), Compute::bf16); }
TEST(bf16_attention_in_tiles) { check_tiles(fast_attention(), Compute::bf16); }

TEST(packed_rows_are_those_of_the_f32_tiles) {
  for (const cpu::Variant& variant : cpu::variants())
    if (variant.kernels) CHECK_EQ(variant.kernels->rows, cpu::kPackedRows);
}

TEST(a_row_in_tiles_never_depends_on_its_mates) {
  if (!with_tiles()) return;
  constexpr int64_t kRows = 50, kN = 70, kK = 800;
  const std::vector<float> x = random_values(kRows * kK, 31);
  for (const DType type : {DType::bf16, DType::q8_0}) {
    const Matrix w(type, kN, kK, 32);
    const auto device = device_of(with_tiles(), 3);
    const auto weight = device->prepare(w.host(), Precision::fast);
    std::vector<float> in = x, whole(kRows * kN), out(kRows * kN);
    const Tensor rows(in.data(), kRows, kK), to(out.data(), kRows, kN);
    device->linear(rows, *weight, Tensor(whole.data(), kRows, kN));
    for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 1}, {3, 17}, {49, 1}, {5, 33}}) {
      device->linear(rows.slice(first, count), *weight, to.slice(0, count));
      CHECK(std::memcmp(out.data(), whole.data() + first * kN, static_cast<size_t>(count * kN) * 4) == 0);
    }
  }
}

TEST(the_model_refuses_what_would_fault) {
  using amx_model::Tiles;
  const auto faults = [](auto body) {
    try {
      body();
    } catch (const std::runtime_error&) {
      return true;
    }
    return false;
  };
  cpu::TileShapes shapes;
  CHECK(faults([] { Tiles::release(), Tiles::zero<0>(); }));
  shapes.set(0, 3, 64), shapes.set(1, 3, 32), shapes.set(2, 7, 64);
  Tiles::configure(&shapes);
  CHECK(faults([] { Tiles::dot_u8s8<0, 1, 2>(); }));  // K of 32 bytes against 7 rows of quads
  shapes.rows[2] = 8;
  Tiles::configure(&shapes);
  CHECK(!faults([] { Tiles::dot_u8s8<0, 1, 2>(); }));
  shapes.rows[0] = 4;
  Tiles::configure(&shapes);
  CHECK(faults([] { Tiles::dot_u8s8<0, 1, 2>(); }));
  shapes.rows[0] = 17;
  CHECK(faults([&] { Tiles::configure(&shapes); }));
  Tiles::release();
}

TEST(tiles_are_never_chosen_unasked) {
  const std::vector<cpu::Variant> list{{"amx", nullptr, cpu::Selection::by_name}, {"avx2"}, {"portable"}};
  CHECK_EQ(cpu::pick(list, "").name, "avx2");
  CHECK_EQ(cpu::pick(list, "amx").name, "amx");
  for (const cpu::Variant& variant : cpu::variants()) CHECK_EQ(variant.selection == cpu::Selection::by_name, variant.name == "amx");
}
