// 16 chains hide the latency of two units of latency 4. Function attributes pick the instruction set, so this needs no flags of
// its own.
#include "cpu/peak.h"

#include <chrono>

#include "cpu/arm64.h"
#include "cpu/host_device.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace dimoo::cpu {
namespace {

constexpr int kChains = 16;

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void burn_f32_avx512(int64_t rounds) {
  __m512 sum[kChains], x = _mm512_set1_ps(0.5f);
  for (int i = 0; i < kChains; i++) sum[i] = _mm512_set1_ps(static_cast<float>(i));
  for (int64_t r = 0; r < rounds; r++) {
    asm volatile("" : "+v"(x));
#pragma GCC unroll 16
    for (int i = 0; i < kChains; i++) sum[i] = _mm512_fmadd_ps(x, x, sum[i]);
  }
  for (int i = 0; i < kChains; i++) asm volatile("" ::"v"(sum[i]));
}

__attribute__((target("avx512f,avx512bf16"))) void burn_bf16_avx512(int64_t rounds) {
  __m512 sum[kChains];
  __m512i x = _mm512_set1_epi32(0x3f003f00);
  for (int i = 0; i < kChains; i++) sum[i] = _mm512_set1_ps(static_cast<float>(i));
  for (int64_t r = 0; r < rounds; r++) {
    asm volatile("" : "+v"(x));
#pragma GCC unroll 16
    for (int i = 0; i < kChains; i++) sum[i] = _mm512_dpbf16_ps(sum[i], (__m512bh)x, (__m512bh)x);
  }
  for (int i = 0; i < kChains; i++) asm volatile("" ::"v"(sum[i]));
}

__attribute__((target("avx512f,avx512vnni"))) void burn_int8_avx512(int64_t rounds) {
  __m512i sum[kChains], x = _mm512_set1_epi32(0x01010101);
  for (int i = 0; i < kChains; i++) sum[i] = _mm512_set1_epi32(i);
  for (int64_t r = 0; r < rounds; r++) {
    asm volatile("" : "+v"(x));
#pragma GCC unroll 16
    for (int i = 0; i < kChains; i++) sum[i] = _mm512_dpbusd_epi32(sum[i], x, x);
  }
  for (int i = 0; i < kChains; i++) asm volatile("" ::"v"(sum[i]));
}

/// 12 chains: AVX2 has 16 registers.
__attribute__((target("avx2,fma"))) void burn_f32_avx2(int64_t rounds) {
  __m256 sum[12], x = _mm256_set1_ps(0.5f);
  for (int i = 0; i < 12; i++) sum[i] = _mm256_set1_ps(static_cast<float>(i));
  for (int64_t r = 0; r < rounds; r++) {
    asm volatile("" : "+x"(x));
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) sum[i] = _mm256_fmadd_ps(x, x, sum[i]);
  }
  for (int i = 0; i < 12; i++) asm volatile("" ::"x"(sum[i]));
}

/// Without VNNI: pairs of 16-bit words, multiplied and then added. Each product is asked for anew.
__attribute__((target("avx2"))) void burn_int8_avx2(int64_t rounds) {
  __m256i sum[12], x = _mm256_set1_epi32(0x00010001);
  for (int i = 0; i < 12; i++) sum[i] = _mm256_set1_epi32(i);
  for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) {
      asm volatile("" : "+x"(x));
      sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(x, x));
    }
  }
  for (int i = 0; i < 12; i++) asm volatile("" ::"x"(sum[i]));
}
#endif

}  // namespace

int64_t burn(Arithmetic arithmetic, int64_t rounds) {
#if defined(__x86_64__)
  const bool wide = __builtin_cpu_supports("avx512f");
  if (wide && arithmetic == Arithmetic::bf16 && __builtin_cpu_supports("avx512bf16"))
    return burn_bf16_avx512(rounds), rounds * kChains * 64;
  if (wide && arithmetic == Arithmetic::int8 && __builtin_cpu_supports("avx512vnni"))
    return burn_int8_avx512(rounds), rounds * kChains * 128;
  if (wide) return burn_f32_avx512(rounds), rounds * kChains * 32;
  if (__builtin_cpu_supports("avx2") && arithmetic == Arithmetic::int8) return burn_int8_avx2(rounds), rounds * 12 * 32;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return burn_f32_avx2(rounds), rounds * 12 * 16;
#elif defined(__aarch64__)
  return burn_arm64(arithmetic, rounds);
#else
  (void)arithmetic;
#endif
  float sum[kChains] = {};
  float x = 0.5f;
  for (int64_t r = 0; r < rounds; r++) {
    asm volatile("" : "+m"(x));
    for (float& s : sum) s = s * x + x;
  }
  asm volatile("" ::"m"(sum));
  return rounds * kChains * 2;
}

double HostDevice::peak(Arithmetic arithmetic) {
  constexpr int64_t kRounds = 20000;
  const int64_t tasks = 60 * pool_.threads();  // taken as they come, so one slow thread does not set the time
  const auto start = std::chrono::steady_clock::now();
  pool_.run(tasks, [&](int64_t, int) { burn(arithmetic, kRounds); });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return static_cast<double>(burn(arithmetic, 1) * kRounds * tasks) / seconds.count();
}

}  // namespace dimoo::cpu
