// Names of the tables where a second copy of the AVX-512 kernels is compiled beside the library's.
#pragma once
#include "cpu/kernels.h"

namespace dimoo::cpu {
const Kernels& modelled_avx512_kernels();
void modelled_add_avx512bf16(Kernels& table);
void modelled_add_avx512vnni(Kernels& table);
}  // namespace dimoo::cpu
