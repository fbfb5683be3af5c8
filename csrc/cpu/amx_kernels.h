// Products on AMX's tiles, written once over the tile instructions T: cpu/kernels_amx.cc takes the machine's, test/native/amx_test.cc a
// model of them in plain C++. Panels and rows of quads or pairs already lie as the instructions read them. Sums of int8 products are
// scaled group by group in the order of every other variant, so they are its bits.
// T offers configure, zero<tile>, load<tile>, store<tile>, dot_u8s8<sum, rows, panel>, dot_bf16<sum, rows, panel> and release.
#include <cstdint>

#include "cpu/kernels.h"

namespace dimoo::cpu {
namespace {

/// What ldtilecfg reads.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes[16] = {};  // of a row
  uint8_t rows[16] = {};

  void set(int tile, int64_t tile_rows, int64_t row_bytes) {
    rows[tile] = static_cast<uint8_t>(tile_rows), bytes[tile] = static_cast<uint16_t>(row_bytes);
  }
};
static_assert(sizeof(TileShapes) == 64);

/// Tiles 0 to 3 are the sums of a panel's 64 columns.
constexpr int kTileRows = 16, kTileColumns = 16, kRowsTile = 4, kPanelTile = 5, kLastRowsTile = 6, kLastPanelTile = 7;
constexpr int64_t kPanelRow = kPanel * 4;  // bytes of a row of quads or pairs

/// Calls body<tile>() for the tiles of `columns`.
template <class Body>
inline void each_tile(int columns, Body body) {
  body.template operator()<0>();
  if (columns > 16) body.template operator()<1>();
  if (columns > 32) body.template operator()<2>();
  if (columns > 48) body.template operator()<3>();
}

inline void store_sums(int m, int columns, const float* sums, float* c, int64_t stride, bool add) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < columns; j++) c[i * stride + j] = add ? c[i * stride + j] + sums[i * kPanel + j] : sums[i * kPanel + j];
}

/// dots (m, 64): one group's products. Sums start at the panel's offsets, the same for every row: a stride of zero.
template <class T>
inline void dot_group(int64_t first, int64_t g, int columns, const Int8Rows& a, const Int8Panel& b, int32_t* dots) {
  T::template load<kRowsTile>(a.u + first * a.k + g * b.group, a.k);
  const int8_t* q = b.q + g * b.group * kPanel;
  const int32_t* offset = b.offset + g * kPanel;
  each_tile(columns, [&]<int Tile>() {
    T::template load<Tile>(offset + Tile * kTileColumns, 0);
    T::template load<kPanelTile>(q + Tile * kTileColumns * 4, kPanelRow);
    T::template dot_u8s8<Tile, kRowsTile, kPanelTile>();
    T::template store<Tile>(dots + Tile * kTileColumns, kPanel * 4);
  });
}

/// sums (m, 64) += a group's dots times both scales, and the rows' sums times the minima.
inline void add_scaled(int64_t first, int m, int64_t g, int columns, const Int8Rows& a, const Int8Panel& b, const int32_t* dots,
                       float* sums) {
  const float *scale = b.scale + g * kPanel, *minimum = b.minimum ? b.minimum + g * kPanel : nullptr;
  for (int i = 0; i < m; i++, dots += kPanel, sums += kPanel) {
    const int64_t at = (first + i) * (a.k / kGroup) + g * b.group / kGroup;
    for (int j = 0; j < columns; j++) sums[j] = __builtin_fmaf(static_cast<float>(dots[j]), a.scale[at] * scale[j], sums[j]);
    for (int j = 0; minimum && j < columns; j++) sums[j] = __builtin_fmaf(a.sum[at], minimum[j], sums[j]);
  }
}

/// Sixteen rows, or fewer.
template <class T>
void int8_rows(int64_t first, int m, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  TileShapes shapes;
  for (int tile = 0; tile < kRowsTile; tile++) shapes.set(tile, m, kTileColumns * 4);
  shapes.set(kRowsTile, m, b.group);
  shapes.set(kPanelTile, b.group / 4, kTileColumns * 4);
  T::configure(&shapes);
  alignas(64) float sums[kTileRows * kPanel] = {};
  alignas(64) int32_t dots[kTileRows * kPanel];
  for (int64_t g = 0; g < b.groups; g++) {
    dot_group<T>(first, g, columns, a, b, dots);
    add_scaled(first, m, g, columns, a, b, dots, sums);
  }
  T::release();
  store_sums(m, columns, sums, c, stride, add);
}

template <class T>
void tile_int8(int64_t first, int64_t m, int columns, const Int8Rows& a, const Int8Panel& b, float* c, int64_t stride, bool add) {
  for (int64_t i = 0; i < m; i += kTileRows)
    int8_rows<T>(first + i, static_cast<int>(m - i < kTileRows ? m - i : kTileRows), columns, a, b, c + i * stride, stride, add);
}

/// Sums += the products of pairs that rows and panel tiles hold.
template <class T, int RowsTile, int PanelTile>
inline void dot_pairs(int columns, const uint32_t* a, int64_t pitch, const uint32_t* b) {
  T::template load<RowsTile>(a, pitch * 4);
  each_tile(columns, [&]<int Tile>() {
    T::template load<PanelTile>(b + Tile * kTileColumns, kPanelRow);
    T::template dot_bf16<Tile, RowsTile, PanelTile>();
  });
}

/// Sixteen pairs an instruction; what is left at the end of K has tiles of its own shape.
template <class T>
void tile_rows_bf16(int m, int columns, int64_t pairs, const uint32_t* a, int64_t pitch, const uint32_t* b, float* c, int64_t stride,
                    bool add) {
  constexpr int64_t kStep = 16;
  const int64_t whole = pairs / kStep * kStep, last = pairs - whole;
  TileShapes shapes;
  for (int tile = 0; tile < kRowsTile; tile++) shapes.set(tile, m, kTileColumns * 4);
  shapes.set(kRowsTile, m, kStep * 4);
  shapes.set(kPanelTile, kStep, kTileColumns * 4);
  if (last > 0) shapes.set(kLastRowsTile, m, last * 4), shapes.set(kLastPanelTile, last, kTileColumns * 4);
  T::configure(&shapes);
  each_tile(columns, [&]<int Tile>() { T::template zero<Tile>(); });
  for (int64_t p = 0; p < whole; p += kStep) dot_pairs<T, kRowsTile, kPanelTile>(columns, a + p, pitch, b + p * kPanel);
  if (last > 0) dot_pairs<T, kLastRowsTile, kLastPanelTile>(columns, a + whole, pitch, b + whole * kPanel);
  alignas(64) float sums[kTileRows * kPanel];
  each_tile(columns, [&]<int Tile>() { T::template store<Tile>(sums + Tile * kTileColumns, kPanel * 4); });
  T::release();
  store_sums(m, columns, sums, c, stride, add);
}

/// Packed rows lie side by side for broadcasts; a piece of K at a time is laid out row by row. The sums of pieces are added in order.
template <class T, int Rows>
void tile_bf16(int m, int columns, int64_t k, const uint16_t* a, const uint16_t* b, float* c, int64_t stride, bool add) {
  constexpr int64_t kPiece = kDepth / 2;  // pairs: products come in pieces of kDepth
  const auto *packed = reinterpret_cast<const uint32_t*>(a), *panel = reinterpret_cast<const uint32_t*>(b);
  alignas(64) uint32_t rows[Rows * kPiece];
  for (int64_t from = 0; from < k / 2; from += kPiece) {
    const int64_t pairs = k / 2 - from < kPiece ? k / 2 - from : kPiece;
    for (int64_t p = 0; p < pairs; p++)
      for (int i = 0; i < m; i++) rows[i * kPiece + p] = packed[(from + p) * Rows + i];
    tile_rows_bf16<T>(m, columns, pairs, rows, kPiece, panel + from * kPanel, c, stride, add || from > 0);
  }
}

/// Rows of packed activations, which bf16 shares with the f32 tiles of the table below.
constexpr int kPackedRows = 6;

/// On top of the table of the same machine without AMX, whose `widen` leaves quads in rows of 64 columns.
template <class T>
void put_tiles(Kernels& table) {
  table.tile_int8 = tile_int8<T>;
  table.interleave = 1;
  table.interleave_rows = nullptr;
  table.form_of = nullptr;
  table.tile_bf16 = tile_bf16<T, kPackedRows>;
  table.tile_rows_bf16 = tile_rows_bf16<T>;
}

}  // namespace
}  // namespace dimoo::cpu
