// The bf16 kernels for AVX-512, their source as it is, over the model of its instructions and under a name of their own.
#include "test/native/avx512_model/names.h"
#define add_avx512bf16 modelled_add_avx512bf16
#include "cpu/kernels_avx512bf16.cc"
