// Which form of each kernel runs: asked of the processor once, overridden by tests.

#include "kernels.h"
#include <stdatomic.h>

enum { UNKNOWN = 0, PORTABLE = 1, WIDE = 2 };

static atomic_int chosen = UNKNOWN;

static int best(void) {
#if WALRUS_HAS_AVX2
    return __builtin_cpu_supports("avx2") ? WIDE : PORTABLE;
#else
    return PORTABLE;
#endif
}

bool walrus_kernels_are_wide(void) {
    int form = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (form == UNKNOWN) {
        form = best();
        atomic_store_explicit(&chosen, form, memory_order_relaxed);
    }
    return form == WIDE;
}

void walrus_kernels_set_portable(bool portable) {
    atomic_store_explicit(&chosen, portable ? PORTABLE : best(), memory_order_relaxed);
}
