// One step's decision for every picture of a pass (docs/model.md#pictures): guidance, sampling with Gumbel noise, the
// confidence of what was sampled, and the cut between cells that are fixed and cells that are masked again.
#pragma once
#include <span>

#include "base/thread_pool.h"
#include "device/device.h"

namespace dimoo::cpu {

void unmask(ThreadPool& pool, std::span<const UnmaskJob> jobs);
void unmask_text(ThreadPool& pool, std::span<const TextUnmaskJob> jobs);

/// Noise of a uniform u, in f32 as the original: -log(-log(u + 1e-20) + 1e-20).
float gumbel(float u);

/// Fills job.stays from job.confidence: masked again is what lies, with its noise, strictly below the keep-th smallest, so that
/// ties fix more cells, never fewer.
void cut(const UnmaskJob& job);

}  // namespace dimoo::cpu
