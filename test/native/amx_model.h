// AMX's tile instructions in plain C++, as Intel's manual describes them (SDM volume 2, TDPBUSD, TDPBF16PS, LDTILECFG), with everything
// refused that would fault: shapes that do not match, unknown tiles, one tile used twice.
#pragma once
#include <atomic>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/dtype.h"
#include "cpu/amx_kernels.h"
#include "test/native/check.h"

namespace amx_model {
namespace {

using dimoo::cpu::TileShapes;

struct State {
  bool configured = false;
  TileShapes shapes;
  uint8_t bytes[8][16][64];
  int64_t products = 0;  // of bytes or bf16 values, so that a test sees that work was done here
};
thread_local State state;
std::atomic<int64_t> products_done{0};

inline void expect(bool holds, const char* what) {
  if (!holds) check::failed(__FILE__, __LINE__, "the processor would fault: ", what);
}
inline float flushed(float v) { return std::fpclassify(v) == FP_SUBNORMAL ? std::copysign(0.0f, v) : v; }

struct Tiles {
  static void configure(const TileShapes* shapes) {
    expect(reinterpret_cast<uintptr_t>(shapes) % 64 == 0 && shapes->palette == 1 && shapes->start_row == 0, "palette");
    for (const uint8_t byte : shapes->reserved) expect(byte == 0, "reserved bytes");
    for (int t = 0; t < 16; t++) {
      expect(shapes->rows[t] <= 16 && shapes->bytes[t] <= 64 && (t < 8 || shapes->rows[t] == 0), "shape of a tile");
      expect((shapes->rows[t] == 0) == (shapes->bytes[t] == 0), "half a shape");
    }
    state.shapes = *shapes;
    std::memset(state.bytes, 0, sizeof state.bytes);
    state.configured = true;
  }
  static void release() {
    state.configured = false;
    products_done += std::exchange(state.products, 0);
  }
  template <int Tile>
  static void zero() {
    check_tile<Tile>();
    std::memset(state.bytes[Tile], 0, sizeof state.bytes[Tile]);
  }
  template <int Tile>
  static void load(const void* from, int64_t stride) {
    zero<Tile>();
    for (int r = 0; r < rows<Tile>(); r++) std::memcpy(state.bytes[Tile][r], static_cast<const uint8_t*>(from) + r * stride, width<Tile>());
  }
  template <int Tile>
  static void store(void* to, int64_t stride) {
    check_tile<Tile>();
    for (int r = 0; r < rows<Tile>(); r++) std::memcpy(static_cast<uint8_t*>(to) + r * stride, state.bytes[Tile][r], width<Tile>());
  }
  template <int Sum, int Rows, int Panel>
  static void dot_u8s8() {
    each_dot<Sum, Rows, Panel>([](uint8_t* sum, const uint8_t* x, const uint8_t* w, int steps) {
      uint32_t total;
      std::memcpy(&total, sum, 4);
      for (int k = 0; k < steps; k++)
        for (int i = 0; i < 4; i++) total += static_cast<uint32_t>(x[k * 4 + i] * static_cast<int8_t>(w[k * 64 + i]));
      std::memcpy(sum, &total, 4);
      state.products += steps * 4;
    });
  }
  /// Even and odd values are summed apart, then joined; denormals are zero.
  template <int Sum, int Rows, int Panel>
  static void dot_bf16() {
    each_dot<Sum, Rows, Panel>([](uint8_t* sum, const uint8_t* x, const uint8_t* w, int steps) {
      float apart[2] = {}, total;
      for (int k = 0; k < steps; k++)
        for (int i = 0; i < 2; i++) apart[i] = flushed(std::fma(value(x + k * 4 + i * 2), value(w + k * 64 + i * 2), apart[i]));
      std::memcpy(&total, sum, 4);
      total = flushed(flushed(total) + flushed(apart[0] + apart[1]));
      std::memcpy(sum, &total, 4);
      state.products += steps * 2;
    });
  }

 private:
  static float value(const uint8_t* at) {
    uint16_t bits;
    std::memcpy(&bits, at, 2);
    return flushed(dimoo::bf16_to_f32(bits));
  }
  template <int Tile>
  static int rows() {
    return state.shapes.rows[Tile];
  }
  template <int Tile>
  static size_t width() {
    return state.shapes.bytes[Tile];
  }
  template <int Tile>
  static void check_tile() {
    static_assert(Tile < 8);
    expect(state.configured && rows<Tile>() > 0, "a tile without a shape");
  }
  template <int Sum, int Rows, int Panel, class Dot>
  static void each_dot(Dot dot) {
    static_assert(Sum != Rows && Sum != Panel && Rows != Panel);
    check_tile<Sum>(), check_tile<Rows>(), check_tile<Panel>();
    expect(width<Sum>() % 4 == 0 && width<Rows>() % 4 == 0 && width<Panel>() % 4 == 0, "columns that are no multiple of four bytes");
    expect(rows<Sum>() == rows<Rows>() && width<Sum>() == width<Panel>(), "sums of another shape");
    expect(static_cast<size_t>(rows<Panel>()) == width<Rows>() / 4, "K of rows and panel");
    for (int m = 0; m < rows<Sum>(); m++)
      for (size_t n = 0; n < width<Sum>() / 4; n++)
        dot(state.bytes[Sum][m] + n * 4, state.bytes[Rows][m], state.bytes[Panel][0] + n * 4, rows<Panel>());
  }
};

}  // namespace
}  // namespace amx_model
