// The f32 kernels for AVX-512, their source as it is, over the model of its instructions and under a name of their own.
#include "test/native/avx512_model/names.h"
#define avx512_kernels modelled_avx512_kernels
#include "cpu/kernels_avx512.cc"
