// Rows of GF(2^16) elements in AVX2 registers with GFNI, which multiplies bytes with a matrix of
// 8 x 8 bits: a product with a constant is four of these.

#include "kernels.h"

#if WALRUS_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,gfni")))
#define KERNEL(name) gfni_##name
#define INLINE_GFNI TARGET static inline __attribute__((always_inline))

typedef struct {
    __m256i low, high;
} block;
typedef struct {
    __m256i low_low, high_high, low_high, high_low;
} multiplier;

INLINE_GFNI block gfni_load(const uint8_t *from) {
    return (block){_mm256_loadu_si256((const __m256i *)from),
                   _mm256_loadu_si256((const __m256i *)(from + GF_HALF))};
}

INLINE_GFNI void gfni_store(uint8_t *to, block b) {
    _mm256_storeu_si256((__m256i *)to, b.low);
    _mm256_storeu_si256((__m256i *)(to + GF_HALF), b.high);
}

INLINE_GFNI block gfni_add(block a, block b) {
    return (block){_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high)};
}

INLINE_GFNI multiplier gfni_prepare(const uint8_t *table) {
    const __m256i all = _mm256_loadu_si256((const __m256i *)(table + GF_MATRICES));
    return (multiplier){
        _mm256_permute4x64_epi64(all, 0x00),
        _mm256_permute4x64_epi64(all, 0x55),
        _mm256_permute4x64_epi64(all, 0xAA),
        _mm256_permute4x64_epi64(all, 0xFF),
    };
}

INLINE_GFNI block gfni_multiply(const multiplier *m, block factor) {
    return (block){
        _mm256_xor_si256(_mm256_gf2p8affine_epi64_epi8(factor.low, m->low_low, 0),
                         _mm256_gf2p8affine_epi64_epi8(factor.high, m->low_high, 0)),
        _mm256_xor_si256(_mm256_gf2p8affine_epi64_epi8(factor.high, m->high_high, 0),
                         _mm256_gf2p8affine_epi64_epi8(factor.low, m->high_low, 0)),
    };
}

#include "gf16_rows.h"

const gf_kernels walrus_gf_gfni = GF_KERNELS;
#endif
