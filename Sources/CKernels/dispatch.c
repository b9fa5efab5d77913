// Which form of each kernel runs: asked of the processor once, overridden by tests.

#include "kernels.h"
#include <stdatomic.h>

static atomic_int chosen = -1;

bool walrus_kernels_has(int form) {
    switch (form) {
    case WALRUS_FORM_PORTABLE:
        return true;
#if WALRUS_X86
    case WALRUS_FORM_AVX2:
        return __builtin_cpu_supports("avx2");
    case WALRUS_FORM_GFNI:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("gfni");
    case WALRUS_FORM_AVX512:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi2") &&
               __builtin_cpu_supports("gfni");
#endif
#if WALRUS_NEON
    case WALRUS_FORM_NEON:
        return true;
#endif
    default:
        return false;
    }
}

static int best(void) {
    for (int form = WALRUS_FORM_COUNT - 1; form > WALRUS_FORM_PORTABLE; form--)
        if (walrus_kernels_has(form)) return form;
    return WALRUS_FORM_PORTABLE;
}

int walrus_kernels_form(void) {
    int form = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (form < 0) {
        form = best();
        atomic_store_explicit(&chosen, form, memory_order_relaxed);
    }
    return form;
}

void walrus_kernels_use(int form) {
    atomic_store_explicit(&chosen, walrus_kernels_has(form) ? form : best(),
                          memory_order_relaxed);
}

const gf_kernels *walrus_gf_chosen(void) {
    switch (walrus_kernels_form()) {
#if WALRUS_X86
    case WALRUS_FORM_AVX2: return &walrus_gf_avx2;
    case WALRUS_FORM_GFNI: return &walrus_gf_gfni;
    case WALRUS_FORM_AVX512: return &walrus_gf_avx512;
#endif
#if WALRUS_NEON
    case WALRUS_FORM_NEON: return &walrus_gf_neon;
#endif
    default: return &walrus_gf_portable;
    }
}

const hash_kernels *walrus_hash_chosen(void) {
    switch (walrus_kernels_form()) {
#if WALRUS_X86
    case WALRUS_FORM_AVX2:
    case WALRUS_FORM_GFNI: return &walrus_hash_avx2;
    case WALRUS_FORM_AVX512: return &walrus_hash_avx512;
#endif
#if WALRUS_NEON
    case WALRUS_FORM_NEON: return &walrus_hash_neon;
#endif
    default: return &walrus_hash_portable;
    }
}
