// Which kernels this machine can run, best first; the last entry, `portable`, fits every machine and is the oracle.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/weight.h"

namespace dimoo::cpu {

enum class Selection { automatic, by_name };

/// One way to run the ops: a table of kernels under the blocked device (cpu/cpu_device.h), or the portable device, which has none.
struct Variant {
  std::string name;
  const Kernels* kernels = nullptr;
  Selection selection = Selection::automatic;  // by_name: never seen running on real hardware, so only for those who ask for it

  std::unique_ptr<Device> device(const DeviceOptions& options) const;
  /// How its products with a matrix of this type compute.
  Compute compute(DType type, Precision precision) const;
};

/// Best first, those this machine has: amx, avx512_vnni_bf16, avx512_vnni, avx512, avx_vnni, avx2; neon_i8mm_bf16, neon_i8mm,
/// neon_dotprod, neon; portable.
const std::vector<Variant>& variants();
/// The named one, or the best automatic one for an empty name; request/invalid listing the names for an unknown one. The environment
/// variable DIMOO_CPU_VARIANT names one where the caller does not.
const Variant& choose_variant(const std::string& name);
/// The same among `from`, without the environment.
const Variant& pick(const std::vector<Variant>& from, const std::string& name);

}  // namespace dimoo::cpu
