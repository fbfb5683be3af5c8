// Blocking: K in pieces of kDepth (a panel's piece, 128 KB, stays in L2), rows in pieces of kRowBlock so that a task takes a few
// milliseconds, super-blocks of kSuperRows so that packed activations stay bounded.
#include "cpu/product.h"

#include <algorithm>
#include <cstring>

namespace dimoo::cpu {
namespace {

constexpr int64_t kRowBlock = 192;    // a multiple of every tile's rows
constexpr int64_t kSuperRows = 1536;  // a multiple of kRowBlock

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

/// Rows of activations in the form one product needs.
struct Packed {
  const Kernels& kernels;
  Compute compute;
  int64_t k, count;
  const std::byte* data;
  Int8Rows int8;
};

bool takes_words(const Kernels& kernels, const CpuWeight& w) { return kernels.words && w.type() == DType::q8_0; }

int64_t packed_bytes(const Kernels& kernels, Compute compute, bool words, int64_t count, int64_t k) {
  switch (compute) {
    case Compute::f32: return round_up(count, kernels.rows) * k * 4;
    case Compute::bf16: return round_up(count, kernels.rows) * round_up(k, 2) * 2;
    case Compute::int8:
      count = round_up(count, kernels.interleave);
      return round_up(count * k, 64) * (words ? 2 : 1) + 2 * round_up(count * (k / kGroup) * 4, 64);
  }
  return 0;
}

/// Rounds a piece of a row first, then spreads it in pairs: two simple loops are faster than one.
void pack_rows_bf16(const float* x, int64_t stride, int64_t count, int64_t k, int rows, uint32_t* to) {
  constexpr int64_t kPiece = 512;
  if (count < rows) std::memset(to, 0, static_cast<size_t>(round_up(k, 2) / 2 * rows) * 4);
  for (int64_t i = 0; i < count; i++)
    for (int64_t from = 0; from < k; from += kPiece) {
      const float* row = x + i * stride + from;
      const int64_t depth = std::min(kPiece, k - from);
      uint32_t rounded[kPiece + 1];
      for (int64_t p = 0; p < depth; p++) rounded[p] = f32_to_bf16(row[p]);
      rounded[depth] = 0;
      uint32_t* at = to + from / 2 * rows + i;
      for (int64_t p = 0; p < depth; p += 2) at[p / 2 * rows] = rounded[p] | rounded[p + 1] << 16;
    }
}

/// Quantises rows; where the tile wants them side by side, a tile of them in the worker's scratch first.
Int8Rows pack_int8(const Products& products, Tensor x, bool words, std::byte* data) {
  const Kernels& kernels = products.kernels;
  const int64_t k = x.cols, groups = k / kGroup, count = round_up(x.rows, kernels.interleave), step = kernels.interleave;
  auto* u = reinterpret_cast<uint8_t*>(data);
  auto* scale = reinterpret_cast<float*>(data + round_up(count * k, 64) * (words ? 2 : 1));
  float* sum = scale + round_up(count * groups * 4, 64) / 4;
  constexpr int64_t kRowsOfTask = 16;  // a multiple of every table's interleave
  products.pool.run((count + kRowsOfTask - 1) / kRowsOfTask, [&](int64_t task, int worker) {
    for (int64_t first = task * kRowsOfTask; first < std::min(count, (task + 1) * kRowsOfTask); first += step) {
      if (step == 1) {
        kernels.quantize_row(x.f32_row(first), k, u + first * k, scale + first * groups, sum + first * groups);
        continue;
      }
      auto* own = reinterpret_cast<float*>(products.scratch.of(worker, step * (2 * groups * 4 + k)));
      float* own_sum = own + step * groups;
      auto* bytes = reinterpret_cast<uint8_t*>(own_sum + step * groups);
      const int64_t m = std::min(step, x.rows - first);
      for (int64_t i = 0; i < m; i++)
        kernels.quantize_row(x.f32_row(first + i), k, bytes + i * k, own + i * groups, own_sum + i * groups);
      kernels.interleave_rows({bytes, own, own_sum, k}, static_cast<int>(m), words, u + first * k * (words ? 2 : 1), scale + first * groups,
                              sum + first * groups);
    }
  });
  return {u, scale, sum, k};
}

/// Packs in parallel, a few tiles a task.
Packed pack(const Products& products, Tensor x, const CpuWeight& w) {
  const Kernels& kernels = products.kernels;
  const Compute compute = w.compute();
  const bool words = takes_words(kernels, w);
  const int64_t k = x.cols, count = x.rows;
  std::byte* data = products.scratch.shared(packed_bytes(kernels, compute, words, count, k));
  Packed packed{kernels, compute, k, count, data, {}};
  if (compute == Compute::int8) {
    packed.int8 = pack_int8(products, x, words, data);
    return packed;
  }
  const int rows = kernels.rows;
  products.pool.run((count + rows - 1) / rows, [&](int64_t tile, int) {
    const int64_t first = tile * rows, here = std::min<int64_t>(rows, count - first);
    if (compute == Compute::f32) {
      pack_rows(x.f32_row(first), x.stride, here, k, rows, reinterpret_cast<float*>(data) + first * k);
    } else {
      pack_rows_bf16(x.f32_row(first), x.stride, here, k, rows, reinterpret_cast<uint32_t*>(data) + first * (round_up(k, 2) / 2));
    }
  });
  return packed;
}

/// `room` takes one widened piece of a panel.
void multiply_int8(const Packed& x, const CpuWeight& w, const std::byte* panel, int columns, int64_t first, int64_t count, bool add,
                   float* c, int64_t stride, std::byte* room) {
  for (int64_t from = 0; from < x.k; from += kDepthInt8) {
    PackedPiece packed = w.int8_piece(panel, from, std::min<int64_t>(kDepthInt8, x.k - from));
    packed.words = takes_words(x.kernels, w);
    const int64_t at = from * x.kernels.interleave, group = at / kGroup;
    const Int8Rows piece{x.int8.u + at * (packed.words ? 2 : 1), x.int8.scale + group, x.int8.sum + group, x.k};
    x.kernels.tile_int8(first, count, columns, piece, x.kernels.widen(packed, room), c, stride, add || from > 0);
  }
}

/// c (rows [first, first + count), columns of one panel) = or += x w^T over all of K.
void multiply(const Packed& x, const CpuWeight& w, const std::byte* panel, int columns, int64_t first, int64_t count, bool add, float* c,
              int64_t stride, std::byte* room) {
  if (x.compute == Compute::int8) return multiply_int8(x, w, panel, columns, first, count, add, c, stride, room);
  const int rows = x.kernels.rows;
  const bool brain = x.compute == Compute::bf16;
  const int64_t units = brain ? round_up(x.k, 2) / 2 : x.k;  // 32-bit groups along K
  const auto* a = reinterpret_cast<const uint32_t*>(x.data) + first * units;
  const auto* b = reinterpret_cast<const uint32_t*>(panel);
  for (int64_t from = 0; from < units; from += kDepth) {
    const int64_t depth = std::min<int64_t>(kDepth, units - from);
    for (int64_t i = 0; i < count; i += rows) {
      const int m = static_cast<int>(std::min<int64_t>(rows, count - i));
      const uint32_t* x_at = a + i * units + from * rows;
      const uint32_t* w_at = b + from * kPanel;
      if (brain) {
        x.kernels.tile_bf16(m, columns, depth * 2, reinterpret_cast<const uint16_t*>(x_at), reinterpret_cast<const uint16_t*>(w_at),
                            c + i * stride, stride, add || from > 0);
      } else {
        x.kernels.tile(m, columns, depth, reinterpret_cast<const float*>(x_at), reinterpret_cast<const float*>(w_at), c + i * stride,
                       stride, add || from > 0);
      }
    }
  }
}

/// Room of one worker: a panel packed on the way where it is not cached, a widened piece of int8, and a product of its own.
struct Room {
  int64_t panel = 0, piece = 0;
  int64_t bytes() const { return panel + piece; }

  void add(const CpuWeight& w) {
    if (!w.packed) panel = std::max(panel, round_up(w.panel_bytes(), 64));
    if (w.compute() == Compute::int8)
      piece = std::max(piece, round_up(widened_bytes(std::min<int64_t>(kDepthInt8, w.cols()), w.group()), 64));
  }
};

/// The cached panel, or a copy packed into the worker's scratch.
const std::byte* panel_of(const CpuWeight& w, int64_t panel, std::byte* scratch) {
  if (w.packed) return w.packed + panel * w.panel_bytes();
  w.pack(panel, scratch);
  return scratch;
}

/// Rows of a task: many where a panel is packed on the way; more for int8, whose pieces are widened once a task, where tasks abound.
int64_t rows_of_task(const CpuWeight& w, bool cached, int threads) {
  if (!cached) return kSuperRows;
  return w.compute() == Compute::int8 && w.panels() >= 16 * threads ? 4 * kRowBlock : kRowBlock;
}

int columns_of(const CpuWeight& w, int64_t panel) { return static_cast<int>(std::min<int64_t>(kPanel, w.rows() - panel * kPanel)); }

}  // namespace

void pack_rows(const float* x, int64_t stride, int64_t count, int64_t k, int rows, float* to) {
  if (count < rows) std::memset(to, 0, static_cast<size_t>(k * rows) * 4);
  for (int64_t i = 0; i < count; i++) {
    const float* row = x + i * stride;
    for (int64_t p = 0; p < k; p++) to[p * rows + i] = row[p];
  }
}

void Products::linear(Tensor x, const CpuWeight& w, Epilogue epilogue, Tensor out) {
  for (int64_t top = 0; top < x.rows; top += kSuperRows) {
    const Tensor part = x.slice(top, std::min(kSuperRows, x.rows - top));
    const Packed packed = pack(*this, part, w);
    const int64_t block = rows_of_task(w, w.packed != nullptr, pool.threads());
    const int64_t blocks = (part.rows + block - 1) / block;
    Room room;
    room.add(w);
    pool.run(w.panels() * blocks, [&](int64_t task, int worker) {
      const int64_t panel = task / blocks, first = task % blocks * block;
      std::byte* own = scratch.of(worker, room.bytes());
      multiply(packed, w, panel_of(w, panel, own), columns_of(w, panel), first, std::min(block, part.rows - first),
               epilogue == Epilogue::add, out.f32_row(top + first) + panel * kPanel, out.stride, own + room.panel);
    });
  }
}

void Products::gated(Tensor x, const CpuWeight& gate, const CpuWeight& up, Tensor out) {
  for (int64_t top = 0; top < x.rows; top += kSuperRows) {
    const Tensor part = x.slice(top, std::min(kSuperRows, x.rows - top));
    const Packed packed = pack(*this, part, gate);
    const int64_t block = rows_of_task(gate, gate.packed && up.packed, pool.threads());
    const int64_t blocks = (part.rows + block - 1) / block;
    Room room;
    room.add(gate), room.add(up);
    pool.run(gate.panels() * blocks, [&](int64_t task, int worker) {
      const int64_t panel = task / blocks, first = task % blocks * block, count = std::min(block, part.rows - first);
      const int columns = columns_of(gate, panel);
      std::byte *own = scratch.of(worker, room.bytes() + block * kPanel * 4), *piece = own + room.panel;
      float* product = reinterpret_cast<float*>(own + room.bytes());
      float* to = out.f32_row(top + first) + panel * kPanel;
      multiply(packed, gate, panel_of(gate, panel, own), columns, first, count, false, to, out.stride, piece);
      multiply(packed, up, panel_of(up, panel, own), columns, first, count, false, product, kPanel, piece);
      for (int64_t i = 0; i < count; i++) kernels.silu_times(to + i * out.stride, product + i * kPanel, columns);
    });
  }
}

std::byte* Scratch::grow(Buffer& buffer, int64_t bytes) {
  const auto held = static_cast<int64_t>(buffer.bytes());
  if (held < bytes) {
    buffer = Buffer();
    total_ -= held;
    buffer = allocate_aligned(bytes);
    total_ += bytes;
  }
  return static_cast<std::byte*>(buffer.data());
}

}  // namespace dimoo::cpu
