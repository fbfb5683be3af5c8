// Asks the processor once. __builtin_cpu_supports also checks that the system saves the wide registers.
#include "cpu/dispatch.h"

#include <cstdlib>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/error.h"
#include "cpu/amx_system.h"
#include "cpu/arm64.h"
#include "cpu/cpu_device.h"
#include "cpu/portable.h"

namespace dimoo::cpu {
namespace {

#if defined(__x86_64__)
/// Clang 14's builtin does not know AVX-VNNI: leaf 7, subleaf 1, EAX bit 4. It widens nothing, so AVX2's check of the system holds.
bool has_avx_vnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1);
}
#endif

std::vector<Variant> probe() {
  std::vector<Variant> found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx512 && avx2) {
    static Kernels plain = avx512_kernels();
    plain.tile_int8 = avx2_kernels().tile_int8;
    plain.widen = avx2_kernels().widen;  // the tile's own layout
    plain.form_of = avx2_kernels().form_of;
    plain.interleave = avx2_kernels().interleave;
    plain.interleave_rows = avx2_kernels().interleave_rows;
    static Kernels with_vnni = avx512_kernels();
    with_vnni.name = "avx512_vnni";
    add_avx512vnni(with_vnni);
    static Kernels with_bf16 = with_vnni;
    with_bf16.name = "avx512_vnni_bf16";
    add_avx512bf16(with_bf16);
    static Kernels with_amx = with_bf16;
    with_amx.name = "amx";
    const bool bf16 = vnni && __builtin_cpu_supports("avx512bf16");
    if (bf16 && amx_present() && add_amx(with_amx)) found.push_back({with_amx.name, &with_amx, Selection::by_name});
    if (bf16) found.push_back({with_bf16.name, &with_bf16});
    if (vnni) found.push_back({with_vnni.name, &with_vnni});
    found.push_back({plain.name, &plain});
  }
  if (avx2 && has_avx_vnni()) {
    static Kernels with_vnni = avx2_kernels();
    with_vnni.name = "avx_vnni";
    add_avxvnni(with_vnni);
    found.push_back({with_vnni.name, &with_vnni});
  }
  if (avx2) found.push_back({avx2_kernels().name, &avx2_kernels()});
#elif defined(__aarch64__)
  add_arm64_variants(found);
#endif
  found.push_back({"portable", nullptr});
  return found;
}

}  // namespace

std::unique_ptr<Device> Variant::device(const DeviceOptions& options) const {
  if (kernels) return std::make_unique<CpuDevice>(options, name, *kernels);
  return std::make_unique<PortableDevice>(options);
}

Compute Variant::compute(DType type, Precision precision) const {
  return kernels ? compute_for(type, precision, *kernels) : portable_compute(type, precision);
}

const std::vector<Variant>& variants() {
  static const std::vector<Variant> all = probe();
  return all;
}

const Variant& pick(const std::vector<Variant>& from, const std::string& name) {
  std::string names;
  for (const Variant& variant : from) {
    if (name.empty() ? variant.selection == Selection::automatic : variant.name == name) return variant;
    names += (names.empty() ? "" : ", ") + variant.name;
  }
  fail(Code::request_invalid, "CPU variant: expected one of ", OwnWords{names}, ", got ", name);
}

const Variant& choose_variant(const std::string& name) {
  const char* forced = std::getenv("DIMOO_CPU_VARIANT");
  const Variant& variant = pick(variants(), !name.empty() ? name : forced ? forced : "");
  if (variant.name == "amx" && !amx_permitted())
    fail(Code::device_unavailable, "CPU variant amx: the system refused the state of its tiles to this process");
  return variant;
}

}  // namespace dimoo::cpu
