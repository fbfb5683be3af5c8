// Linux names what a processor has in the auxiliary vector, macOS by sysctl. DotProd and I8MM may come alone, BF16 never does.
#include "cpu/arm64.h"

#if defined(__aarch64__)
#if defined(__APPLE__)
#include <sys/sysctl.h>
#else
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace dimoo::cpu {
namespace {

struct Features {
  bool dot, i8mm, bf16;
};

#if defined(__APPLE__)
bool has(const char* name) {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
}
Features features() { return {has("hw.optional.arm.FEAT_DotProd"), has("hw.optional.arm.FEAT_I8MM"), has("hw.optional.arm.FEAT_BF16")}; }
#else
Features features() {
  const unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
  return {(first & HWCAP_ASIMDDP) != 0, (second & HWCAP2_I8MM) != 0, (second & HWCAP2_BF16) != 0};
}
#endif

}  // namespace

void add_arm64_variants(std::vector<Variant>& found) {
  const Kernels& plain = neon_kernels();
  static Kernels with_dot = plain;
  with_dot.name = "neon_dotprod";
  add_neondot(with_dot);
  static Kernels with_i8mm = plain;
  with_i8mm.name = "neon_i8mm";
  add_neoni8mm(with_i8mm);
  static Kernels with_bf16 = with_i8mm;
  with_bf16.name = "neon_i8mm_bf16";
  add_neonbf16(with_bf16);
  const Features has = features();
  if (has.i8mm && has.bf16) found.push_back({with_bf16.name, &with_bf16});
  if (has.i8mm) found.push_back({with_i8mm.name, &with_i8mm});
  if (has.dot) found.push_back({with_dot.name, &with_dot});
  found.push_back({plain.name, &plain});
}

int64_t burn_arm64(Arithmetic arithmetic, int64_t rounds) {
  const Features has = features();
  if (arithmetic == Arithmetic::bf16 && has.bf16) return peak_neonbf16(rounds);
  if (arithmetic == Arithmetic::int8 && has.i8mm) return peak_neoni8mm(rounds);
  if (arithmetic == Arithmetic::int8 && has.dot) return peak_neondot(rounds);
  return peak_neon(rounds);
}

}  // namespace dimoo::cpu
#endif
