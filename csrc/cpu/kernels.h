// The inner loops of the CPU device, one table per instruction set. A table is chosen once, by the hardware; which rows travel
// along never changes which loop a row goes through, nor the order in which it is summed (docs/contracts.md#determinism).
// Plain types only: the files behind it are compiled for wider machines than the one that links them.
#pragma once
#include <cstdint>

namespace dimoo::cpu {

/// Columns of one panel of packed weights, for every instruction set: panels [n / 64][k][64].
inline constexpr int kPanel = 64;
/// Values of K whose partial sums stay in registers; a longer K is summed block by block, in order.
inline constexpr int kDepth = 512;
/// Values of one quantisation group of activations.
inline constexpr int kGroup = 32;

/// How a tile reads int8 activations: u = q + 128, or q itself as bytes or as words of 16 bits.
enum class Int8Form { u, q, words };
constexpr int bytes_of(Int8Form form) { return form == Int8Form::words ? 2 : 1; }

/// Int8 weights of a piece of one panel: for group g and column j, w = scale[g][j] * q + minimum[g][j].
struct Int8Panel {
  const int8_t* q = nullptr;        // [k / 4][64][4]; in blocks of columns where `blocks`: [4][k / 4][16][4], as words [4][k / 2][16][2]
  const float* scale = nullptr;     // [groups][64]
  const float* minimum = nullptr;   // [groups][64], null when all are zero; only with groups of 32
  const int32_t* offset = nullptr;  // [groups][64]: -128 * sum of q over the group
  int group = kGroup;               // 32, or 16 for Q6_K
  int64_t groups = 0;
  Int8Form form = Int8Form::u;  // of the activations; weights are as wide
  int quads = 1;                // fours along K whose products, in pairs, add up within 16 bits
};

/// A piece of a panel of quantised weights as cpu/int8_panel.h packs it, beginning at the piece's first value of K.
struct PackedPiece {
  const uint8_t* low = nullptr;              // bytes [k/4][64][4], or the low nibbles of two such rows
  const uint8_t* high = nullptr;             // bits above the nibbles
  const uint8_t* scale = nullptr;            // [groups][64]: f16, or bytes that `factor` multiplies
  const uint8_t* minimum = nullptr;          // [groups][64] bytes, or null
  const uint16_t* factor = nullptr;          // [count / 256][64] f16, or null
  const uint16_t* factor_minimum = nullptr;  // the same for minima
  int bits = 8, bias = 0, group = kGroup;
  int64_t count = 0;  // values of K
  Int8Form form = Int8Form::u;
};
/// Bytes that Kernels::widen needs at most for `count` values of K in groups of `group`.
constexpr int64_t widened_bytes(int64_t count, int group) { return 2 * count * kPanel + 3 * (count / group) * kPanel * 4; }

/// Int8 activations of one piece of K. `interleave` rows share a tile, [tile][k / 4][interleave][4], of words [tile][k / 2][interleave][2].
struct Int8Rows {
  const uint8_t* u = nullptr;
  const float* scale = nullptr;  // [tile][k / 32][interleave]
  const float* sum = nullptr;    // the same: scale times the sum of q, for minima
  int64_t k = 0;                 // values of the piece
};

/// Values under one output pixel of a convolution: `rows` rows of taps, `run` values each, beginning `pitch` values apart.
struct Patch {
  int64_t rows = 0, run = 0, pitch = 0;
};
/// Most pixels of one call of Kernels::dot_patches.
inline constexpr int kPatches = 8;

struct Kernels {
  const char* name;
  int rows;  // rows of one tile; packed activations are [tile][k][rows]

  /// c (m, columns) = or += a b for any number of rows: a packed, its tiles `pitch` apart, b one panel [k][64]; columns <= 64. `next`:
  /// the panel after this one, to be fetched meanwhile, or null.
  void (*tile)(int64_t m, int columns, int64_t k, const float* a, int64_t pitch, const float* b, const float* next, float* c,
               int64_t stride, bool add);
  /// The same with a panel of f16 or bf16, exactly widened. Null: panels are widened when they are packed.
  void (*tile_halves)(int64_t m, int columns, int64_t k, const float* a, int64_t pitch, const uint16_t* b, const uint16_t* next, bool bf16,
                      float* c, int64_t stride, bool add);
  /// `tile` with rows of activations as they lie: value p of row i is a[i * pitch + p].
  void (*tile_rows)(int64_t m, int columns, int64_t k, const float* a, int64_t pitch, const float* b, float* c, int64_t stride, bool add);
  /// One tile (m <= rows) with pairs of bf16 along k: a [k/2][rows][2], b [k/2][64][2]; k even (padded). Null: not on this machine.
  void (*tile_bf16)(int m, int columns, int64_t k, const uint16_t* a, const uint16_t* b, float* c, int64_t stride, bool add);
  /// The same with rows of pairs as they lie: pair p of row i is a[i * pitch + p]; `pairs` along K, b [pairs][64]. Null as above.
  void (*tile_rows_bf16)(int m, int columns, int64_t pairs, const uint32_t* a, int64_t pitch, const uint32_t* b, float* c, int64_t stride,
                         bool add);
  /// Rounds to nearest even. Null where tile_rows_bf16 is.
  void (*round_bf16)(const float* x, int64_t count, uint16_t* out);
  /// c (m, columns) = or += scaled int8 products of any number of rows [first, first + m) and one panel, group by group.
  void (*tile_int8)(int64_t first, int64_t m, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add);
  /// A packed piece as the tile reads it; in `room` of widened_bytes(), 64-byte aligned, but for values that are bytes already.
  Int8Panel (*widen)(const PackedPiece& piece, void* room);
  int interleave;  // rows of a tile of activations; 1: rows lie as quantize_row makes them
  /// Lays the first `count` values of m <= interleave rows, rows.k apart, as one tile; rows past m become zero. Null: interleave is 1.
  void (*interleave_rows)(const Int8Rows& rows, int m, int64_t count, Int8Form form, uint8_t* u, float* scale, float* sum);
  /// The form of activations for weights of so many bits, with or without minima. Null: always u.
  Int8Form (*form_of)(int bits, bool minima);

  /// out = x / sqrt(mean(x^2) + eps) * weight.
  void (*norm)(const float* x, const float* weight, int64_t d, float eps, float* out);
  /// gate = silu(gate) * up.
  void (*silu_times)(float* gate, const float* up, int64_t count);
  /// Half-split rotation of `heads` heads in place; table: cos (hd/2), sin (hd/2).
  void (*rotary)(float* x, const float* table, int64_t heads, int64_t hd);
  /// One row of scores: s = exp(s * scale - max), where max = max(before, all of s * scale). Returns the sum, sets max.
  float (*softmax_chunk)(float* s, int64_t count, float scale, float* max);
  /// x *= factor.
  void (*scale)(float* x, float factor, int64_t count);
  /// Per channel: sum and sum of squares over pixels of x (pixels, stride), in f64.
  void (*channel_sums)(const float* x, int64_t pixels, int64_t channels, int64_t stride, double* sum, double* squares);
  /// out = x * scale + shift per channel, then silu when asked.
  void (*scale_shift)(const float* x, const float* scale, const float* shift, int64_t channels, bool silu, float* out);
  /// c[i * stride] += patch i * w for `m` <= kPatches patches, the first at a, `pitch` values apart; w [rows][run]. A patch is summed in
  /// the same order whatever m.
  void (*dot_patches)(int m, const Patch& patch, const float* a, int64_t pitch, const float* w, float* c, int64_t stride);
  /// Squared distances of one point (k) to the 64 columns of a panel.
  void (*distances)(const float* x, const float* panel, int64_t k, float* out);
  /// One row of int8 activations, as cpu/weight.h's quantize_row.
  void (*quantize_row)(const float* x, int64_t k, uint8_t* u, float* scale, float* sum);
  /// `rounds` rounds of independent multiply-adds in registers, for benches: what this core can do at most. Returns the operations
  /// done; `seed` and `out` keep the compiler honest.
  int64_t (*peak_f32)(int64_t rounds, float seed, float* out);
};

const Kernels& avx512_kernels();      // f32 only: AVX-512 F, BW, DQ, VL
void add_avx512bf16(Kernels& table);  // AVX512_BF16
void add_avx512vnni(Kernels& table);  // AVX512_VNNI
void add_avxvnni(Kernels& table);     // AVX-VNNI
bool add_amx(Kernels& table);         // AMX-INT8 and AMX-BF16 over AVX-512; false where the compiler has none
const Kernels& avx2_kernels();        // AVX2, FMA, F16C

const Kernels& neon_kernels();      // any arm64 machine
void add_neondot(Kernels& table);   // FEAT_DotProd
void add_neoni8mm(Kernels& table);  // FEAT_I8MM
void add_neonbf16(Kernels& table);  // FEAT_BF16
/// The same as Kernels::peak_f32 for other arithmetics.
int64_t peak_neon(int64_t rounds);      // f32
int64_t peak_neondot(int64_t rounds);   // int8
int64_t peak_neoni8mm(int64_t rounds);  // int8
int64_t peak_neonbf16(int64_t rounds);  // bf16

}  // namespace dimoo::cpu
