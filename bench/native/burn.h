// The bodies of ceiling.h: the device's own.
#pragma once
#include "bench/native/ceiling.h"
#include "cpu/peak.h"

namespace bench {

inline int64_t burn(Kind kind, int64_t rounds) {
  using dimoo::Arithmetic;
  return dimoo::cpu::burn(kind == Kind::f32 ? Arithmetic::f32 : kind == Kind::bf16 ? Arithmetic::bf16 : Arithmetic::int8, rounds);
}

}  // namespace bench
