// The oracle: every op as plain loops, the way the equations are written. Pinned by the golden data; every fast variant is
// compared with it. Runs on any machine; the device uses it where no better variant fits. The pool's tasks are outputs that do not
// depend on each other, so threads change nothing.
#pragma once
#include <span>

#include "base/thread_pool.h"
#include "cpu/convolution.h"

namespace dimoo::cpu::portable {

void linear(ThreadPool& pool, Tensor x, const CpuWeight& w, bool add, Tensor out);
void gated(ThreadPool& pool, Tensor x, const CpuWeight& gate, const CpuWeight& up, Tensor out);
void norm(ThreadPool& pool, Tensor x, Tensor weight, float eps, Tensor out);
void rotary(ThreadPool& pool, Tensor x, std::span<const int32_t> positions, Tensor table, int heads);
void attention(ThreadPool& pool, Tensor q, std::span<const AttentionSpan> spans, int heads, int kv_heads, Tensor out);
void group_norm(ThreadPool& pool, Image x, Tensor weight, Tensor bias, int groups, float eps, Activation act, Image out);
void convolve(ThreadPool& pool, const Convolution& conv);
/// Adds to sum and squares, pixel by pixel.
void channel_sums(const float* x, int64_t pixels, int64_t channels, int64_t stride, double* sum, double* squares);
void nearest(ThreadPool& pool, Tensor x, const CpuWeight& table, std::span<int32_t> ids);

}  // namespace dimoo::cpu::portable
