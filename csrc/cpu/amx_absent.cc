// Stands in for kernels_amx.cc where the compiler has no AMX.
#include "cpu/kernels.h"

namespace dimoo::cpu {

bool add_amx(Kernels&) { return false; }

}  // namespace dimoo::cpu
