// Rows of GF(2^16) elements in AVX-512 registers with GFNI. A register holds one block, its halves
// of 32 bytes side by side; a product is one multiplication with the matrices that keep the halves
// and, the halves exchanged, one with those that mix them.

#include "kernels.h"

#if WALRUS_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,gfni")))
#define KERNEL(name) avx512_##name
#define INLINE_AVX512 TARGET static inline __attribute__((always_inline))

typedef __m512i block;
typedef struct {
    __m512i keeping, mixing;
} multiplier;

INLINE_AVX512 block avx512_load(const uint8_t *from) { return _mm512_loadu_si512(from); }

INLINE_AVX512 void avx512_store(uint8_t *to, block b) { _mm512_storeu_si512(to, b); }

INLINE_AVX512 block avx512_add(block a, block b) { return _mm512_xor_si512(a, b); }

INLINE_AVX512 multiplier avx512_prepare(const uint8_t *table) {
    const __m512i all =
        _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(table + GF_MATRICES)));
    return (multiplier){
        _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 0, 0, 1, 1, 1, 1), all),
        _mm512_permutexvar_epi64(_mm512_setr_epi64(2, 2, 2, 2, 3, 3, 3, 3), all),
    };
}

INLINE_AVX512 block avx512_multiply(const multiplier *m, block factor) {
    const __m512i exchanged = _mm512_shuffle_i64x2(factor, factor, 0x4E);
    return _mm512_xor_si512(_mm512_gf2p8affine_epi64_epi8(factor, m->keeping, 0),
                            _mm512_gf2p8affine_epi64_epi8(exchanged, m->mixing, 0));
}

#include "gf16_rows.h"

const gf_kernels walrus_gf_avx512 = GF_KERNELS;
#endif
