// What an arm64 machine has beyond plain NEON, asked of the system once; arm64.cc is empty elsewhere.
#pragma once
#include <vector>

#include "cpu/dispatch.h"
#include "device/device.h"

namespace dimoo::cpu {

/// Appends the machine's variants, best first.
void add_arm64_variants(std::vector<Variant>& found);
/// As burn() in cpu/peak.h.
int64_t burn_arm64(Arithmetic arithmetic, int64_t rounds);

}  // namespace dimoo::cpu
