// What a core can do at most: independent chains of multiply-adds in registers, in the widest instruction it has for an
// arithmetic. Benches report ops as fractions of it.
#pragma once
#include <cstdint>

#include "device/device.h"

namespace dimoo::cpu {

/// `rounds` rounds on this thread; returns the operations done (a multiply-add is two). Where the machine has no instruction for
/// the arithmetic, the next wider one's.
int64_t burn(Arithmetic arithmetic, int64_t rounds);

}  // namespace dimoo::cpu
