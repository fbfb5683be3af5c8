// A tile of rows a task. int8 rows are quantised one by one into the worker's scratch, then laid out piece by piece.
#include "cpu/activations.h"

#include <cstring>

namespace dimoo::cpu {
namespace {

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

/// Rows [first, first + count) of x, values [from, from + depth) of K, as [depth][rows]; zero past the last row.
void pack_f32(Tensor x, int64_t first, int64_t count, int64_t from, int64_t depth, int rows, float* to) {
  if (count < rows) std::memset(to, 0, static_cast<size_t>(depth * rows) * 4);
  for (int64_t i = 0; i < count; i++) {
    const float* row = x.f32_row(first + i) + from;
    for (int64_t p = 0; p < depth; p++) to[p * rows + i] = row[p];
  }
}

/// The same in pairs; an odd K ends in half a pair. Rounding first, then spreading: two simple loops are faster than one.
void pack_bf16(Tensor x, int64_t first, int64_t count, int64_t from, int64_t pairs, int rows, uint32_t* to) {
  if (count < rows) std::memset(to, 0, static_cast<size_t>(pairs * rows) * 4);
  const int64_t values = std::min(2 * pairs, x.cols - 2 * from);
  for (int64_t i = 0; i < count; i++) {
    const float* row = x.f32_row(first + i) + 2 * from;
    uint32_t rounded[2 * kDepth];
    rounded[2 * pairs - 1] = 0;
    for (int64_t p = 0; p < values; p++) rounded[p] = f32_to_bf16(row[p]);
    for (int64_t p = 0; p < pairs; p++) to[p * rows + i] = rounded[2 * p] | rounded[2 * p + 1] << 16;
  }
}

/// One tile of int8 rows, in the worker's scratch and then in every piece of `to`.
void pack_int8(const Products& products, Tensor x, int64_t first, int64_t count, const Activations& to, int worker) {
  const Kernels& kernels = products.kernels;
  const int64_t k = x.cols, groups = k / kGroup, rows = kernels.interleave;
  auto* scale = reinterpret_cast<float*>(products.scratch.of(worker, rows * (2 * groups * 4 + k)));
  float* sum = scale + rows * groups;
  auto* u = reinterpret_cast<uint8_t*>(sum + rows * groups);
  for (int64_t i = 0; i < count; i++) kernels.quantize_row(x.f32_row(first + i), k, u + i * k, scale + i * groups, sum + i * groups);
  for (int64_t from = 0; from < k; from += kDepth) {
    const Int8Rows piece = to.int8(from);
    const int64_t at = first * piece.k, group = at / kGroup, here = piece.k / kGroup;
    auto* u_to = const_cast<uint8_t*>(piece.u) + at * bytes_of(to.form);
    auto *scale_to = const_cast<float*>(piece.scale) + group, *sum_to = const_cast<float*>(piece.sum) + group;
    if (kernels.interleave_rows) {
      const Int8Rows rows_of_piece{u + from, scale + from / kGroup, sum + from / kGroup, k};
      kernels.interleave_rows(rows_of_piece, static_cast<int>(count), piece.k, to.form, u_to, scale_to, sum_to);
      continue;
    }
    std::memcpy(u_to, u + from, static_cast<size_t>(piece.k));
    std::memcpy(scale_to, scale + from / kGroup, static_cast<size_t>(here) * 4);
    std::memcpy(sum_to, sum + from / kGroup, static_cast<size_t>(here) * 4);
  }
}

}  // namespace

Activations pack_activations(const Products& products, Tensor x, const CpuWeight& w) {
  const Kernels& kernels = products.kernels;
  Activations packed{};
  packed.compute = w.compute();
  if (packed.compute == Compute::int8 && kernels.form_of) packed.form = kernels.form_of(w.int8_format().bits, w.int8_format().minima);
  packed.k = x.cols, packed.count = x.rows;
  const bool int8 = packed.compute == Compute::int8;
  const int64_t rows = int8 ? kernels.interleave : kernels.rows;
  packed.padded = round_up(x.rows, rows);
  const int64_t bytes = round_up(packed.padded * packed.units() * (int8 ? bytes_of(packed.form) : 4), 64);
  const int64_t scales = int8 ? packed.padded * (x.cols / kGroup) : 0;
  std::byte* data = products.scratch.shared(bytes + 2 * scales * 4);
  packed.data = data;
  packed.scale = reinterpret_cast<const float*>(data + bytes), packed.sum = packed.scale + scales;
  products.pool.run(packed.padded / rows, [&](int64_t tile, int worker) {
    const int64_t first = tile * rows, here = std::min<int64_t>(rows, x.rows - first);
    if (int8) return pack_int8(products, x, first, here, packed, worker);
    for (int64_t from = 0; from < packed.units(); from += kDepth) {
      auto* to = const_cast<uint32_t*>(packed.plain(from, first));
      if (packed.compute != Compute::bf16)
        pack_f32(x, first, here, from, packed.depth(from), static_cast<int>(rows), reinterpret_cast<float*>(to));
      else
        pack_bf16(x, first, here, from, packed.depth(from), static_cast<int>(rows), to);
    }
  });
  return packed;
}

}  // namespace dimoo::cpu
