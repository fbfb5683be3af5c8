// The parts of the CUDA kernels that are plain arithmetic, run on the host against what they must equal: dequantisation, rounding to bf16,
// selection of the k-th smallest, patches of convolutions, places in shared memory. Needs no GPU and no CUDA.
#include <algorithm>
#include <set>

#include "cuda/attention_tiles.h"
#include "cuda/dequantize.h"
#include "cuda/mma_tile.h"
#include "cuda/patches.h"
#include "cuda/selection.h"
#include "cuda/tuning.h"
#include "test/native/cases_vq.h"

using namespace cases;

namespace {

template <DType kType>
void check_type() {
  constexpr int64_t kCols = 512;
  const Matrix w(kType, 3, kCols, 41);
  for (int64_t r = 0; r < w.rows; r++)
    for (int64_t k = 0; k < kCols; k += cuda::kEight) {
      float eight[cuda::kEight];
      cuda::load_eight<kType>(w.data.data() + r * type_bytes(kType, kCols), k, kCols, eight);
      CHECK(std::memcmp(eight, &w.values[static_cast<size_t>(r * kCols + k)], sizeof eight) == 0);
    }
}

/// The k-th smallest as the kernel finds it: four histograms.
uint32_t select(const std::vector<uint32_t>& keys, int64_t k) {
  cuda::Selection s{0, 0, k};
  for (int shift = 24; shift >= 0; shift -= 8) {
    uint32_t counts[cuda::kDigits] = {};
    for (const uint32_t key : keys)
      if ((key & s.mask) == s.prefix) counts[key >> shift & 255u]++;
    s = cuda::narrow(s, counts, shift);
  }
  return s.prefix;
}

/// ldmatrix as PTX describes it: lane i points at row i % 8 of matrix i / 8; lane t receives values 2 (t % 4), + 1 of row t / 4 of each
/// (transposed: of column t / 4). `source` (rows, 16 values), `place` as the kernels compute it.
struct Loaded {
  float value[32][4][2];
};
template <class PlaceOf>
Loaded load_matrix(const float (&source)[16][16], PlaceOf place, bool transposed) {
  Loaded loaded;
  for (int lane = 0; lane < 32; lane++)
    for (int matrix = 0; matrix < 4; matrix++)
      for (int i = 0; i < 2; i++) {
        const int row = transposed ? lane % 4 * 2 + i : lane / 4, column = transposed ? lane / 4 : lane % 4 * 2 + i;
        const cuda::Place at = place(matrix * 8 + row);
        loaded.value[lane][matrix][i] = source[at.row][at.chunk * 8 + column];
      }
  return loaded;
}

/// mma.m16n8k16 as PTX describes it: element (row, column) of A and of fragment `f` of B.
float element_a(const Loaded& a, int row, int k) { return a.value[row % 8 * 4 + k % 8 / 2][row / 8 + k / 8 * 2][k % 2]; }
float element_b(const Loaded& b, int f, int k, int column) { return b.value[column * 4 + k % 8 / 2][f * 2 + k / 8][k % 2]; }

}  // namespace

TEST(fragments_hold_what_the_tensor_cores_multiply) {
  float a[16][16], rows[16][16], columns[16][16];  // B's 16 columns as rows along N, and as rows along K
  for (int i = 0; i < 16; i++)
    for (int k = 0; k < 16; k++)
      a[i][k] = static_cast<float>(100 * i + k), rows[i][k] = static_cast<float>(7 * i - k), columns[k][i] = rows[i][k];
  const Loaded left = load_matrix(a, cuda::place_a, false), right = load_matrix(rows, cuda::place_b, false);
  const Loaded turned = load_matrix(columns, cuda::place_b_transposed, true);
  for (int i = 0; i < 16; i++)
    for (int k = 0; k < 16; k++) {
      CHECK_EQ(element_a(left, i, k), a[i][k]);
      CHECK_EQ(element_b(right, i / 8, k, i % 8), rows[i][k]);
      CHECK_EQ(element_b(turned, i / 8, k, i % 8), rows[i][k]);
    }
  // A thread's accumulators of two neighbouring tiles are its operand A of the next product, as attention uses them.
  std::set<std::pair<int, int>> seen;
  for (int lane = 0; lane < 32; lane++)
    for (int c = 0; c < 4; c++) seen.insert({cuda::sum_row(lane, c), cuda::sum_column(lane, c)});
  CHECK_EQ(seen.size(), size_t{128});
  for (int row = 0; row < 16; row++)
    for (int k = 0; k < 16; k++) {
      const int lane = row % 8 * 4 + k % 8 / 2, c = row / 8 * 2 + k % 2;  // of A's register row / 8 + k / 8 * 2
      CHECK_EQ(cuda::sum_row(lane, c), row);
      CHECK_EQ(k / 8 * 8 + cuda::sum_column(lane, c), k);
    }
}

TEST(eight_values_of_every_type_equal_the_file_formats_reader) {
  for (const DType type : {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q6_k, DType::q5_k, DType::q4_k, DType::q4_0})
    cuda::with_type(type, []<DType kType>() { check_type<kType>(); });
}

TEST(rows_that_end_inside_eight_are_filled_with_zeros) {
  const Matrix w(DType::bf16, 1, 13, 42);
  float eight[cuda::kEight];
  cuda::load_eight<DType::bf16>(w.data.data(), 8, 13, eight);
  for (int i = 0; i < cuda::kEight; i++) CHECK_EQ(eight[i], i < 5 ? w.values[static_cast<size_t>(8 + i)] : 0.0f);
}

TEST(every_half_and_roundings_to_bf16_are_exact) {
  for (uint32_t bits = 0; bits < 65536; bits++) {
    const float mine = cuda::half_value(static_cast<uint16_t>(bits)), truth = f16_to_f32(static_cast<uint16_t>(bits));
    CHECK(std::memcmp(&mine, &truth, 4) == 0);
  }
  for (uint64_t i = 0; i < 200000; i++) {
    const float value = std::bit_cast<float>(philox(9, static_cast<uint32_t>(i), 0, 0, 0).w[0]);
    CHECK_EQ(cuda::bf16_bits(value), f32_to_bf16(value));
  }
}

TEST(radix_selection_finds_what_sorting_finds) {
  for (const int64_t count : {1, 2, 7, 255, 4096}) {
    std::vector<float> values = random_values(count, 43, 3);
    for (size_t i = 0; i < values.size(); i += 3) values[i] = std::floor(values[i]);  // ties, and zeros of both signs
    if (count > 2) values[1] = -0.0f, values[2] = 0.0f;
    std::vector<uint32_t> keys;
    for (const float v : values) keys.push_back(cuda::ordered_key(std::bit_cast<uint32_t>(v)));
    std::vector<float> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    for (const int64_t k : {int64_t{0}, count / 3, count / 2, count - 1}) {
      const uint32_t threshold = select(keys, k);
      for (size_t i = 0; i < values.size(); i++) CHECK_EQ(keys[i] < threshold, values[i] < sorted[static_cast<size_t>(k)]);
    }
  }
}

TEST(patches_read_what_the_convolution_says) {
  using enum Sampling;
  for (const ConvShape& s : {ConvShape{5, 7, 3, 1, 3, same, DType::f32},
                             {4, 6, 10, 1, 3, half, DType::f32},
                             {3, 5, 9, 1, 3, twice, DType::f32},
                             {3, 4, 17, 1, 1, same, DType::f32}}) {
    const int64_t factor = s.sampling == twice ? 2 : 1, part = s.sampling == half ? 2 : 1;
    const int64_t height = s.height * factor / part, width = s.width * factor / part, taps = s.size * s.size;
    const std::vector<float> x = random_values(s.height * s.width * s.in, 44);
    const cuda::Patches patches{x.data(),
                                s.in,
                                static_cast<int>(s.height),
                                static_cast<int>(s.width),
                                static_cast<int>(s.in),
                                static_cast<int>(width),
                                static_cast<int>(taps),
                                s.sampling};
    for (int64_t p = 0; p < height * width; p++)
      for (int64_t k = 0; k < taps * s.in; k += 8) {
        float eight[8];
        patches.load(p, k, eight);
        for (int64_t i = 0; i < 8; i++) {
          const int64_t tap = (k + i) / s.in, channel = (k + i) % s.in;
          const double truth = tap < taps ? conv_input(x, s, p / width, p % width, tap / s.size, tap % s.size, channel) : 0;
          CHECK_EQ(double{eight[i]}, truth);
        }
      }
  }
}

TEST(chunks_of_a_tile_have_places_of_their_own_and_banks_of_their_own) {
  using Tile = cuda::MmaTile;
  std::set<int> places;
  for (int row = 0; row < 128; row++)
    for (int chunk = 0; chunk < Tile::kChunks; chunk++) places.insert(Tile::at(row, chunk));
  CHECK_EQ(places.size(), size_t{128 * Tile::kChunks});
  CHECK_EQ(*places.rbegin(), 128 * Tile::kDepth - 8);
  for (int row = 0; row < 128; row += 8)
    for (int chunk = 0; chunk < Tile::kChunks; chunk++) {
      std::set<int> banks;  // groups of 16 bytes of the 128 that one access reaches
      for (int i = 0; i < 8; i++) banks.insert(Tile::at(row + i, chunk) * 2 / 16 % 8);
      CHECK_EQ(banks.size(), size_t{8});
    }
}

TEST(every_tile_of_a_product_has_one_block) {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 1}, {16, 3}, {17, 5}, {66, 32}, {5, 64}}) {
    std::set<std::pair<int64_t, int64_t>> seen;
    for (int64_t i = 0; i < rows * columns; i++) {
      const auto [row, column] = cuda::tile_place(i, rows, columns);
      CHECK(row >= 0 && row < rows && column >= 0 && column < columns);
      seen.insert({row, column});
    }
    CHECK_EQ(static_cast<int64_t>(seen.size()), rows * columns);
  }
}

TEST(few_rows_and_few_blocks_take_small_tiles) {
  using cuda::TileRows;
  const cuda::Tuning plain;
  CHECK(cuda::product_rows(plain, 32, 1000, 132) == TileRows::few);
  CHECK(cuda::product_rows(plain, 33, 1000, 132) == TileRows::some);
  CHECK(cuda::product_rows(plain, 64, 1000, 132) == TileRows::some);
  CHECK(cuda::product_rows(plain, 65, 132, 132) == TileRows::many);
  CHECK(cuda::product_rows(plain, 8442, 131, 132) == TileRows::some);
  cuda::Tuning forced;
  forced.products = TileRows::few;
  CHECK(cuda::product_rows(forced, 8442, 1000, 132) == TileRows::few);
  CHECK(!cuda::expands(plain, 256, 4096));
  CHECK(cuda::expands(plain, 257, 32768));
  CHECK(!cuda::expands(plain, 257, 32769));
  forced.expand_rows = -1;
  CHECK(!cuda::expands(forced, 8442, 4096));
}

TEST(gate_and_up_columns_meet_in_one_warp) {
  for (const int warp_cols : {32, 64})
    for (int c = 0; c < 128; c++) {
      const auto [up, column] = cuda::gated_column(c, warp_cols);
      if (up) continue;
      const auto other = cuda::gated_column(c + warp_cols / 2, warp_cols);
      CHECK(other.up);
      CHECK_EQ(other.column, column);
      CHECK_EQ(column, c / warp_cols * (warp_cols / 2) + c % warp_cols);
    }
}

TEST(query_tiles_cover_every_row_of_every_span_once) {
  std::vector<AttentionSpan> spans(3);
  const int64_t counts[] = {1, 300, 128};
  for (size_t i = 0, first = 0; i < 3; first += static_cast<size_t>(counts[i]), i++) {
    spans[i].first = static_cast<int64_t>(first), spans[i].count = counts[i];
    spans[i].k.rows = 10 + static_cast<int64_t>(i);
  }
  struct Keys {
    const float *k, *v;
    int64_t k_stride, v_stride;
  };
  std::vector<int> seen(429);
  const auto tiles = cuda::query_tiles<float>(429, spans, 128, [](size_t) { return Keys{}; });
  CHECK_EQ(tiles.size(), size_t{6});  // five with queries, and as many as any three spans of 429 rows could take
  for (const auto& tile : tiles)
    for (int32_t i = 0; i < tile.count; i++) {
      const auto row = static_cast<size_t>(tile.first + i);
      seen[row]++;
      CHECK_EQ(tile.keys, row < 1 ? 10 : row < 301 ? 11 : 12);
    }
  for (const int times : seen) CHECK_EQ(times, 1);
}
