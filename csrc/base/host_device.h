// Marks small functions that nvcc compiles for the GPU too; elsewhere it is nothing.
#pragma once

#if defined(__CUDACC__)
#define DIMOO_HD __host__ __device__
#else
#define DIMOO_HD
#endif
