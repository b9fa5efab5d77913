// What the kernels share and Swift does not see.

#ifndef WALRUS_KERNELS_INTERNAL_H
#define WALRUS_KERNELS_INTERNAL_H

#include "include/CKernels.h"

#if defined(__x86_64__)
#define WALRUS_HAS_AVX2 1
#include <immintrin.h>
#define WALRUS_AVX2 __attribute__((target("avx2")))
#else
#define WALRUS_HAS_AVX2 0
#endif

#endif
