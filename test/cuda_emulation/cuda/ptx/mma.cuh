// cuda/ptx/mma.cuh for the emulation: fragments as the PTX manual lays them out (sections on ldmatrix and mma.m16n8k16), products exact and
// summed in f64, rounded once. Tensor cores round more often; the tests' bounds hold for both.
#pragma once
#include "cuda/ptx/shared.cuh"

namespace dimoo::cuda::ptx {

inline float widened(uint32_t pair, int half) { return emulation::bits_as<float>(half ? pair & 0xffff0000u : pair << 16); }

/// All operands of a warp's product, as each lane holds them.
struct MmaOperands {
  uint32_t a[4], b[2];
};

inline void mma_bf16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  const MmaOperands own{{a[0], a[1], a[2], a[3]}, {b0, b1}};
  std::memcpy(emulation::own_slot(), &own, sizeof own);
  emulation::exchange(__FILE__, __LINE__);
  const int group = emulation::lane() / 4, in = emulation::lane() % 4;
  for (int i = 0; i < 4; i++) {
    const int row = group + i / 2 * 8, column = in * 2 + i % 2;
    double sum = c[i];
    for (int k = 0; k < 16; k++) {
      // A (16 x 16): register row / 8 + k / 8 * 2 of lane (row % 8) * 4 + k % 8 / 2. B (16 x 8): register k / 8 of lane column * 4 + k % 8
      // / 2.
      const auto* left = static_cast<const MmaOperands*>(emulation::shown(row % 8 * 4 + k % 8 / 2));
      const auto* right = static_cast<const MmaOperands*>(emulation::shown(column * 4 + k % 8 / 2));
      sum += static_cast<double>(widened(left->a[row / 8 + k / 8 * 2], k % 2)) * widened(right->b[k / 8], k % 2);
    }
    c[i] = static_cast<float>(sum);
  }
}

inline void load_matrices(uint32_t (&r)[4], uint32_t row, bool transposed) {
  if (row % 16) emulation::broken("ldmatrix from an address that is not aligned", __FILE__, __LINE__);
  const auto* own = reinterpret_cast<const uint16_t*>(at_shared(row));
  std::memcpy(emulation::own_slot(), &own, sizeof own);
  emulation::exchange(__FILE__, __LINE__);
  const int group = emulation::lane() / 4, in = emulation::lane() % 4;
  for (int m = 0; m < 4; m++) {
    const auto at = [&](int i, int j) { return (*static_cast<const uint16_t* const*>(emulation::shown(m * 8 + i)))[j]; };
    const uint32_t low = transposed ? at(in * 2, group) : at(group, in * 2);
    const uint32_t high = transposed ? at(in * 2 + 1, group) : at(group, in * 2 + 1);
    r[m] = low | high << 16;
  }
}

inline void ldmatrix(uint32_t (&r)[4], uint32_t row) { load_matrices(r, row, false); }
inline void ldmatrix_transposed(uint32_t (&r)[4], uint32_t row) { load_matrices(r, row, true); }

}  // namespace dimoo::cuda::ptx
