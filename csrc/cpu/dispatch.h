// Which kernels this machine can run, best first; the last entry, `portable`, fits every machine and is the oracle.
#pragma once
#include <string>
#include <vector>

#include "cpu/kernels.h"

namespace dimoo::cpu {

/// One way to run the ops. Null kernels: the portable loops.
struct Variant {
  std::string name;
  const Kernels* kernels = nullptr;
};

/// Best first: avx512_vnni_bf16, avx512_vnni, avx512, avx_vnni, avx2, portable (those this machine has).
const std::vector<Variant>& variants();
/// The named one, or the best for an empty name; request/invalid listing the names for an unknown one. The environment
/// variable DIMOO_CPU_VARIANT names one where the caller does not.
const Variant& choose_variant(const std::string& name);

}  // namespace dimoo::cpu
