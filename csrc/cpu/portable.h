// The oracle: every op as plain loops, the way the equations are written. Pinned by the golden data; every fast variant is
// compared with it. Runs on any machine; the device uses it where no better variant fits.
#pragma once
#include <span>

#include "cpu/weight.h"

namespace dimoo::cpu::portable {

void linear(Tensor x, const CpuWeight& w, bool add, Tensor out);
void gated(Tensor x, const CpuWeight& gate, const CpuWeight& up, Tensor out);
void norm(Tensor x, Tensor weight, float eps, Tensor out);
void rotary(Tensor x, std::span<const int32_t> positions, Tensor table, int heads);
void attention(Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out);
void group_norm(Image x, Tensor weight, Tensor bias, int groups, float eps, Activation act, Image out);
/// out must already hold bias and residual.
void convolve(Image x, const CpuWeight& kernel, Sampling sampling, Image out);
void nearest(Tensor x, const CpuWeight& table, std::span<int32_t> ids);

}  // namespace dimoo::cpu::portable
