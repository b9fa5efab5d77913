// Rows of GF(2^16) elements in AVX2 registers, low and high halves of a block in one each. A shuffle
// looks up what one nibble of 32 elements contributes to a product.

#include "kernels.h"

#if WALRUS_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))
#define KERNEL(name) avx2_##name
#define INLINE_AVX2 TARGET static inline __attribute__((always_inline))

typedef struct {
    __m256i low, high;
} block;
typedef struct {
    __m256i low[4], high[4];
} multiplier;

INLINE_AVX2 block avx2_load(const uint8_t *from) {
    return (block){_mm256_loadu_si256((const __m256i *)from),
                   _mm256_loadu_si256((const __m256i *)(from + GF_HALF))};
}

INLINE_AVX2 void avx2_store(uint8_t *to, block b) {
    _mm256_storeu_si256((__m256i *)to, b.low);
    _mm256_storeu_si256((__m256i *)(to + GF_HALF), b.high);
}

INLINE_AVX2 block avx2_add(block a, block b) {
    return (block){_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high)};
}

INLINE_AVX2 multiplier avx2_prepare(const uint8_t *table) {
    multiplier m;
    for (int nibble = 0; nibble < 4; nibble++) {
        const __m128i *entries = (const __m128i *)(table + GF_NIBBLES + 32 * nibble);
        m.low[nibble] = _mm256_broadcastsi128_si256(_mm_loadu_si128(entries));
        m.high[nibble] = _mm256_broadcastsi128_si256(_mm_loadu_si128(entries + 1));
    }
    return m;
}

INLINE_AVX2 __m256i avx2_look(const __m256i tables[4], const __m256i nibbles[4]) {
    return _mm256_xor_si256(_mm256_xor_si256(_mm256_shuffle_epi8(tables[0], nibbles[0]),
                                             _mm256_shuffle_epi8(tables[1], nibbles[1])),
                            _mm256_xor_si256(_mm256_shuffle_epi8(tables[2], nibbles[2]),
                                             _mm256_shuffle_epi8(tables[3], nibbles[3])));
}

INLINE_AVX2 block avx2_multiply(const multiplier *m, block factor) {
    const __m256i mask = _mm256_set1_epi8(15);
    const __m256i nibbles[4] = {
        _mm256_and_si256(factor.low, mask),
        _mm256_and_si256(_mm256_srli_epi64(factor.low, 4), mask),
        _mm256_and_si256(factor.high, mask),
        _mm256_and_si256(_mm256_srli_epi64(factor.high, 4), mask),
    };
    return (block){avx2_look(m->low, nibbles), avx2_look(m->high, nibbles)};
}

#define FEW_REGISTERS
#include "gf16_rows.h"

const gf_kernels walrus_gf_avx2 = GF_KERNELS;
#endif
