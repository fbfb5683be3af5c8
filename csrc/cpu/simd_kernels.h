// The kernels of kernels.h, written once over a vector type V; included by one file per instruction set, inside its own
// anonymous namespace, so that no copy compiled for a wide machine is ever linked elsewhere.
// V offers: kWidth, kTile (rows of a tile), kVectors (vectors of a tile), F, and load, store, load_part, store_part, set, add, sub,
// mul, div, fmadd, max, min, round, scale_by_exp2, reduce_add, reduce_max, store_bytes.
#include <cstddef>
#include <cstdint>

#include "cpu/kernels.h"

namespace dimoo::cpu {
namespace {

/// Activations packed as [tile][k][kTile], tiles `pitch` apart, or as rows that lie `pitch` apart. `from(i)` begins at row i, the
/// first of a tile; `skip(p)` at value p of K.
template <class V>
struct PackedRows {
  const float* a;
  int64_t pitch;
  float at(int i, int64_t p) const { return a[p * V::kTile + i]; }
  PackedRows from(int64_t i) const { return {a + i / V::kTile * pitch, pitch}; }
  PackedRows skip(int64_t p) const { return {a + p * V::kTile, pitch}; }
};
struct PlainRows {
  const float* a;
  int64_t pitch;
  float at(int i, int64_t p) const { return a[i * pitch + p]; }
  PlainRows from(int64_t i) const { return {a + i * pitch, pitch}; }
  PlainRows skip(int64_t p) const { return {a + p, pitch}; }
};

template <class V, int M, int N, class A>
inline void tile_body(int64_t k, int tail, A a, const float* b, int64_t b_row, float* c, int64_t stride, bool add) {
  typename V::F sum[M][N];
#pragma GCC unroll 8
  for (int i = 0; i < M; i++)
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) sum[i][j] = V::set(0);
  for (int64_t p = 0; p < k; p++) {
    typename V::F w[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) w[j] = V::load(b + j * V::kWidth);
#pragma GCC unroll 8
    for (int i = 0; i < M; i++) {
      const typename V::F x = V::set(a.at(i, p));
#pragma GCC unroll 4
      for (int j = 0; j < N; j++) sum[i][j] = V::fmadd(x, w[j], sum[i][j]);
    }
    b += b_row;
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; i++)
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) {
      float* at = c + i * stride + j * V::kWidth;
      if (j == N - 1 && tail != V::kWidth) {
        V::store_part(at, add ? V::add(V::load_part(at, tail), sum[i][j]) : sum[i][j], tail);
      } else {
        V::store(at, add ? V::add(V::load(at), sum[i][j]) : sum[i][j]);
      }
    }
}

/// N vectors of columns of one tile of rows; the last vector may be partly used.
template <class V, int N, class A>
inline void tile_vectors(int m, int64_t k, int tail, A a, const float* b, int64_t b_row, float* c, int64_t stride, bool add) {
  switch (m) {
    case 1: return tile_body<V, 1, N>(k, tail, a, b, b_row, c, stride, add);
    case 2: return tile_body<V, 2, N>(k, tail, a, b, b_row, c, stride, add);
    case 3: return tile_body<V, 3, N>(k, tail, a, b, b_row, c, stride, add);
    case 4: return tile_body<V, 4, N>(k, tail, a, b, b_row, c, stride, add);
    case 5: return tile_body<V, 5, N>(k, tail, a, b, b_row, c, stride, add);
    default: return tile_body<V, 6, N>(k, tail, a, b, b_row, c, stride, add);
  }
}

/// Fetches rows of a strip, `left` of them, spread over calls.
struct Ahead {
  const char* line;
  int64_t row, left, each;  // bytes from one row of the panel to the next

  void operator()() {
    for (int64_t i = 0; i < each && left > 0; i++, left--, line += row) __builtin_prefetch(line, 0, 2);
  }
};

/// Sixteen bits that are the upper half of an f32, or an f16.
struct Brain {
  uint16_t bits;
};
struct Half {
  uint16_t bits;
};

template <class V>
inline void copy_strip(const float* from, int64_t rows, int wide, float* to) {
  for (int64_t i = 0; i < rows; i++) __builtin_memcpy(to + i * wide, from + i * kPanel, sizeof(float) * static_cast<size_t>(wide));
}
template <class V, class Narrow>
inline void copy_strip(const Narrow* from, int64_t rows, int wide, float* to) {
  for (int64_t i = 0; i < rows; i++)
    for (int j = 0; j < wide; j += V::kWidth) V::store(to + i * wide + j, V::widen(from + i * kPanel + j));
}

/// All rows against one strip of at most kVectors vectors of columns, whose rows lie `b_row` apart.
template <class V, class A>
inline void tile_strip(int64_t m, int columns, int64_t k, A a, const float* b, int64_t b_row, float* c, int64_t stride, bool add,
                       Ahead ahead) {
  const int vectors = (columns + V::kWidth - 1) / V::kWidth;
  const int tail = columns - (vectors - 1) * V::kWidth;
  for (int64_t i = 0; i < m; i += V::kTile, c += V::kTile * stride) {
    ahead();
    const int rows = m - i < V::kTile ? static_cast<int>(m - i) : V::kTile;
    const A x = a.from(i);
    if (vectors == 1)
      tile_vectors<V, 1>(rows, k, tail, x, b, b_row, c, stride, add);
    else if (vectors == 2)
      tile_vectors<V, 2>(rows, k, tail, x, b, b_row, c, stride, add);
    else if constexpr (V::kVectors > 2) {
      if (vectors == 3)
        tile_vectors<V, 3>(rows, k, tail, x, b, b_row, c, stride, add);
      else
        tile_vectors<V, 4>(rows, k, tail, x, b, b_row, c, stride, add);
    }
  }
}

/// Strips of a panel wider than a tile. A strip is copied first: apart by a panel's width its lines share few sets of L1, side by side
/// they stay there while the rows pass; the strip after it is fetched meanwhile. A few rows do without. `next`: the panel multiplied then.
template <class V, class A, class B>
inline void tile_columns(int64_t m, int columns, int64_t k, A a, const B* b, const B* next, float* c, int64_t stride, bool add) {
  constexpr int kWide = V::kVectors * V::kWidth;
  constexpr int64_t kDeep = 256;  // a strip of half of L1
  alignas(64) float strip[kDeep * kWide];
  for (int64_t p = 0; p < k; p += kDeep)
    for (int first = 0; first < columns; first += kWide) {
      const int here = columns - first < kWide ? columns - first : kWide;
      const int64_t depth = k - p < kDeep ? k - p : kDeep;
      const B* from = b + p * kPanel + first;
      const B* then = first + kWide < columns ? from + kWide : p + kDeep < k ? b + (p + kDeep) * kPanel : next;
      const bool many = m > 2 * V::kTile;
      const Ahead ahead{reinterpret_cast<const char*>(then), kPanel * sizeof(B), many && then ? depth : 0, depth * V::kTile / m + 1};
      if constexpr (__is_same(B, float)) {
        if (!many) {
          tile_strip<V>(m, here, depth, a.skip(p), from, kPanel, c + first, stride, add || p > 0, ahead);
          continue;
        }
      }
      copy_strip<V>(from, depth, kWide, strip);
      tile_strip<V>(m, here, depth, a.skip(p), strip, kWide, c + first, stride, add || p > 0, ahead);
    }
}

/// One strip where a tile is as wide as a panel.
template <class V, class A>
inline void tile_panel(int64_t m, int columns, int64_t k, A a, const float* b, const float* next, float* c, int64_t stride, bool add) {
  if constexpr (V::kVectors * V::kWidth >= kPanel)
    tile_strip<V>(m, columns, k, a, b, kPanel, c, stride, add, {});
  else
    tile_columns<V>(m, columns, k, a, b, next, c, stride, add);
}

template <class V>
void tile(int64_t m, int columns, int64_t k, const float* a, int64_t pitch, const float* b, const float* next, float* c, int64_t stride,
          bool add) {
  tile_panel<V>(m, columns, k, PackedRows<V>{a, pitch}, b, next, c, stride, add);
}

template <class V>
void tile_halves(int64_t m, int columns, int64_t k, const float* a, int64_t pitch, const uint16_t* b, const uint16_t* next, bool bf16,
                 float* c, int64_t stride, bool add) {
  const PackedRows<V> rows{a, pitch};
  if (bf16)
    tile_columns<V>(m, columns, k, rows, reinterpret_cast<const Brain*>(b), reinterpret_cast<const Brain*>(next), c, stride, add);
  else
    tile_columns<V>(m, columns, k, rows, reinterpret_cast<const Half*>(b), reinterpret_cast<const Half*>(next), c, stride, add);
}

template <class V>
void tile_rows(int64_t m, int columns, int64_t k, const float* a, int64_t pitch, const float* b, float* c, int64_t stride, bool add) {
  tile_panel<V>(m, columns, k, PlainRows{a, pitch}, b, nullptr, c, stride, add);
}

/// exp(x) within 2 units in the last place for -87.3 <= x <= 88, clamped there. Range reduction by ln 2 in two parts, degree 6.
template <class V>
inline typename V::F exp(typename V::F x) {
  x = V::max(V::min(x, V::set(88.0f)), V::set(-87.3f));
  const typename V::F n = V::round(V::mul(x, V::set(1.44269504088896341f)));
  typename V::F r = V::fmadd(n, V::set(-0.693359375f), x);
  r = V::fmadd(n, V::set(2.12194440e-4f), r);
  typename V::F p = V::set(1.9875691500e-4f);
  p = V::fmadd(p, r, V::set(1.3981999507e-3f));
  p = V::fmadd(p, r, V::set(8.3334519073e-3f));
  p = V::fmadd(p, r, V::set(4.1665795894e-2f));
  p = V::fmadd(p, r, V::set(1.6666665459e-1f));
  p = V::fmadd(p, r, V::set(5.0000001201e-1f));
  p = V::fmadd(p, V::mul(r, r), V::add(r, V::set(1.0f)));
  return V::scale_by_exp2(p, n);
}

template <class V>
inline typename V::F silu(typename V::F x) {
  return V::div(x, V::add(V::set(1.0f), exp<V>(V::sub(V::set(0.0f), x))));
}

/// Calls body(offset, lanes) for full vectors and once for the rest.
template <class V, class Body>
inline void each(int64_t count, Body body) {
  int64_t i = 0;
  for (; i + V::kWidth <= count; i += V::kWidth) body(i, V::kWidth);
  if (i < count) body(i, static_cast<int>(count - i));
}

template <class V>
inline typename V::F load_lanes(const float* from, int lanes) {
  return lanes == V::kWidth ? V::load(from) : V::load_part(from, lanes);
}
template <class V>
inline void store_lanes(float* to, typename V::F value, int lanes) {
  if (lanes == V::kWidth)
    V::store(to, value);
  else
    V::store_part(to, value, lanes);
}

template <class V>
void norm(const float* x, const float* weight, int64_t d, float eps, float* out) {
  typename V::F sum = V::set(0);
  each<V>(d, [&](int64_t i, int lanes) {
    const typename V::F v = load_lanes<V>(x + i, lanes);
    sum = V::fmadd(v, v, sum);
  });
  const float mean = V::reduce_add(sum) / static_cast<float>(d);
  const typename V::F factor = V::set(1.0f / __builtin_sqrtf(mean + eps));
  each<V>(d, [&](int64_t i, int lanes) {
    const typename V::F v = V::mul(load_lanes<V>(x + i, lanes), factor);
    store_lanes<V>(out + i, V::mul(v, load_lanes<V>(weight + i, lanes)), lanes);
  });
}

template <class V>
void silu_times(float* gate, const float* up, int64_t count) {
  each<V>(count, [&](int64_t i, int lanes) {
    const typename V::F g = silu<V>(load_lanes<V>(gate + i, lanes));
    store_lanes<V>(gate + i, V::mul(g, load_lanes<V>(up + i, lanes)), lanes);
  });
}

template <class V>
void rotary(float* x, const float* table, int64_t heads, int64_t hd) {
  const int64_t half = hd / 2;
  for (int64_t h = 0; h < heads; h++, x += hd) {
    each<V>(half, [&](int64_t i, int lanes) {
      const typename V::F c = load_lanes<V>(table + i, lanes), s = load_lanes<V>(table + half + i, lanes);
      const typename V::F a = load_lanes<V>(x + i, lanes), b = load_lanes<V>(x + half + i, lanes);
      store_lanes<V>(x + i, V::sub(V::mul(a, c), V::mul(b, s)), lanes);
      store_lanes<V>(x + half + i, V::add(V::mul(b, c), V::mul(a, s)), lanes);
    });
  }
}

template <class V>
float softmax_chunk(float* s, int64_t count, float scale, float* max) {
  typename V::F top = V::set(*max);
  const typename V::F factor = V::set(scale);
  int64_t i = 0;
  for (; i + V::kWidth <= count; i += V::kWidth) top = V::max(top, V::mul(V::load(s + i), factor));
  float highest = V::reduce_max(top);
  for (; i < count; i++) highest = s[i] * scale > highest ? s[i] * scale : highest;
  *max = highest;
  const typename V::F shift = V::set(highest);
  typename V::F sum = V::set(0);
  each<V>(count, [&](int64_t j, int lanes) {
    const typename V::F e = exp<V>(V::sub(V::mul(load_lanes<V>(s + j, lanes), factor), shift));
    store_lanes<V>(s + j, e, lanes);
    sum = V::add(sum, lanes == V::kWidth ? e : V::load_part(s + j, lanes));
  });
  return V::reduce_add(sum);
}

template <class V>
void scale(float* x, float factor, int64_t count) {
  const typename V::F f = V::set(factor);
  each<V>(count, [&](int64_t i, int lanes) { store_lanes<V>(x + i, V::mul(load_lanes<V>(x + i, lanes), f), lanes); });
}

inline void channel_sums(const float* x, int64_t pixels, int64_t channels, int64_t stride, double* sum, double* squares) {
  for (int64_t p = 0; p < pixels; p++, x += stride)
    for (int64_t c = 0; c < channels; c++) {
      const double v = x[c];
      sum[c] += v;
      squares[c] += v * v;
    }
}

template <class V>
void scale_shift(const float* x, const float* scale, const float* shift, int64_t channels, bool with_silu, float* out) {
  each<V>(channels, [&](int64_t i, int lanes) {
    typename V::F v = V::fmadd(load_lanes<V>(x + i, lanes), load_lanes<V>(scale + i, lanes), load_lanes<V>(shift + i, lanes));
    if (with_silu) v = silu<V>(v);
    store_lanes<V>(out + i, v, lanes);
  });
}

template <class V, int M>
inline void dot_body(const Patch& patch, const float* a, int64_t pitch, const float* w, float* c, int64_t stride) {
  typename V::F sum[M];
#pragma GCC unroll 8
  for (int i = 0; i < M; i++) sum[i] = V::set(0);
  for (int64_t row = 0; row < patch.rows; row++, a += patch.pitch, w += patch.run)
    each<V>(patch.run, [&](int64_t p, int lanes) {
      const typename V::F weight = load_lanes<V>(w + p, lanes);
#pragma GCC unroll 8
      for (int i = 0; i < M; i++) sum[i] = V::fmadd(load_lanes<V>(a + i * pitch + p, lanes), weight, sum[i]);
    });
#pragma GCC unroll 8
  for (int i = 0; i < M; i++) c[i * stride] += V::reduce_add(sum[i]);
}

template <class V>
void dot_patches(int m, const Patch& patch, const float* a, int64_t pitch, const float* w, float* c, int64_t stride) {
  if (m == kPatches) return dot_body<V, kPatches>(patch, a, pitch, w, c, stride);
  for (int i = 0; i < m; i++) dot_body<V, 1>(patch, a + i * pitch, pitch, w, c + i * stride, stride);
}

template <class V>
void distances(const float* x, const float* panel, int64_t k, float* out) {
  for (int first = 0; first < kPanel; first += V::kWidth) {
    typename V::F sum = V::set(0);
    for (int64_t p = 0; p < k; p++) {
      const typename V::F d = V::sub(V::set(x[p]), V::load(panel + p * kPanel + first));
      sum = V::fmadd(d, d, sum);
    }
    V::store(out + first, sum);
  }
}

template <class V>
int64_t peak_f32(int64_t rounds, float seed, float* out) {
  constexpr int kChains = 12;
  typename V::F sum[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; i++) sum[i] = V::set(seed + static_cast<float>(i));
  const typename V::F factor = V::set(seed), term = V::set(1.0f - seed);
  for (int64_t r = 0; r < rounds; r++)
#pragma GCC unroll 12
    for (int i = 0; i < kChains; i++) sum[i] = V::fmadd(sum[i], factor, term);
  for (int i = 0; i < kChains; i++) *out += V::reduce_add(sum[i]);
  return rounds * kChains * V::kWidth * 2;
}

/// The same bits as cpu/weight.h's quantize_row: the sums are of integers, so their order does not matter.
template <class V>
void quantize_row(const float* x, int64_t k, uint8_t* u, float* scale, float* sum) {
  constexpr int kVectors = kGroup / V::kWidth;
  for (int64_t g = 0; g < k / kGroup; g++, x += kGroup, u += kGroup) {
    typename V::F v[kVectors], top = V::set(0), spoiled = V::set(0), total = V::set(0);
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; i++) {
      v[i] = V::load(x + i * V::kWidth);
      top = V::max(top, V::max(v[i], V::sub(V::set(0), v[i])));
      spoiled = V::fmadd(v[i], V::set(0), spoiled);
    }
    const float highest = V::reduce_max(top);
    const typename V::F inverse = V::set(highest > 0 ? 127.0f / highest : 0.0f);
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; i++) {
      const typename V::F q = V::round(V::mul(v[i], inverse));
      total = V::add(total, q);
      V::store_bytes(u + i * V::kWidth, V::add(q, V::set(128.0f)));
    }
    scale[g] = highest / 127.0f + V::reduce_add(spoiled);
    sum[g] = scale[g] * V::reduce_add(total);
  }
}

template <class V>
Kernels make_table(const char* name) {
  Kernels table{};
  table.name = name;
  table.rows = V::kTile;
  table.tile = tile<V>;
  table.tile_rows = tile_rows<V>;
  table.norm = norm<V>;
  table.silu_times = silu_times<V>;
  table.rotary = rotary<V>;
  table.softmax_chunk = softmax_chunk<V>;
  table.scale = scale<V>;
  table.channel_sums = channel_sums;
  table.scale_shift = scale_shift<V>;
  table.dot_patches = dot_patches<V>;
  table.distances = distances<V>;
  table.quantize_row = quantize_row<V>;
  table.peak_f32 = peak_f32<V>;
  return table;
}

}  // namespace
}  // namespace dimoo::cpu
