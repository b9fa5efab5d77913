// BLAKE2b of four messages at once in AVX2 registers.

#include "kernels.h"

#if WALRUS_X86
#include "blake2b_sigma.h"
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx2")))
#define LANE(name) avx2_##name
#define vector __m256i
#define INLINE_AVX2 TARGET static inline __attribute__((always_inline))

INLINE_AVX2 __m256i avx2_set(uint64_t word) { return _mm256_set1_epi64x((long long)word); }
INLINE_AVX2 __m256i avx2_plus(__m256i a, __m256i b) { return _mm256_add_epi64(a, b); }
INLINE_AVX2 __m256i avx2_xor(__m256i a, __m256i b) { return _mm256_xor_si256(a, b); }
INLINE_AVX2 __m256i avx2_rotate32(__m256i a) { return _mm256_shuffle_epi32(a, 0xB1); }
INLINE_AVX2 __m256i avx2_rotate24(__m256i a) {
    return _mm256_shuffle_epi8(a, _mm256_setr_epi8(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9,
                                                   10, 3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15,
                                                   8, 9, 10));
}
INLINE_AVX2 __m256i avx2_rotate16(__m256i a) {
    return _mm256_shuffle_epi8(a, _mm256_setr_epi8(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15,
                                                   8, 9, 2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13,
                                                   14, 15, 8, 9));
}
INLINE_AVX2 __m256i avx2_rotate63(__m256i a) {
    return _mm256_or_si256(_mm256_srli_epi64(a, 63), _mm256_add_epi64(a, a));
}

// Four rows of four words become four columns.
INLINE_AVX2 void transpose(__m256i r[4]) {
    const __m256i ab_even = _mm256_unpacklo_epi64(r[0], r[1]);
    const __m256i ab_odd = _mm256_unpackhi_epi64(r[0], r[1]);
    const __m256i cd_even = _mm256_unpacklo_epi64(r[2], r[3]);
    const __m256i cd_odd = _mm256_unpackhi_epi64(r[2], r[3]);
    r[0] = _mm256_permute2x128_si256(ab_even, cd_even, 0x20);
    r[1] = _mm256_permute2x128_si256(ab_odd, cd_odd, 0x20);
    r[2] = _mm256_permute2x128_si256(ab_even, cd_even, 0x31);
    r[3] = _mm256_permute2x128_si256(ab_odd, cd_odd, 0x31);
}

// The 32 bytes from byte `from` of a message on, which `at` points to; past its end, zeros; before
// its start, one byte that is zero.
INLINE_AVX2 __m256i bytes(const uint8_t *at, ptrdiff_t from, size_t length) {
    const ptrdiff_t left = (ptrdiff_t)length - from;
    if (left <= 0) return _mm256_setzero_si256();
    if (from >= 0 && left >= 32) return _mm256_loadu_si256((const __m256i *)at);
    if (from < 0 && length >= 32) {
        const __m256i whole = _mm256_loadu_si256((const __m256i *)(at + 1));
        const __m256i carried = _mm256_permute2x128_si256(whole, whole, 0x08);
        return _mm256_alignr_epi8(whole, carried, 15);
    }
    uint8_t staged[32] = {0};
    const size_t skipped = from < 0 ? 1 : 0;
    memcpy(staged + skipped, at + skipped, (size_t)(left < 32 ? left : 32) - skipped);
    return _mm256_loadu_si256((const __m256i *)staged);
}

INLINE_AVX2 void avx2_gather(__m256i m[16], const uint8_t *const *messages, const hash_span *span,
                             size_t index) {
    const ptrdiff_t at = (ptrdiff_t)((index - span->first) * HASH_BLOCK) - 1;
    const ptrdiff_t from = (ptrdiff_t)(index * HASH_BLOCK) - 1;
    for (int group = 0; group < 4; group++) {
        for (int lane = 0; lane < 4; lane++)
            m[4 * group + lane] =
                bytes(messages[lane] + at + 32 * group, from + 32 * group, span->length);
        transpose(m + 4 * group);
    }
    if (index == 0) m[0] = _mm256_or_si256(m[0], avx2_set(span->prefix));
}

INLINE_AVX2 void avx2_load_states(__m256i h[8], uint64_t *const *states) {
    for (int lane = 0; lane < 4; lane++) {
        h[lane] = _mm256_loadu_si256((const __m256i *)states[lane]);
        h[lane + 4] = _mm256_loadu_si256((const __m256i *)(states[lane] + 4));
    }
    transpose(h);
    transpose(h + 4);
}

INLINE_AVX2 void avx2_store_states(__m256i h[8], uint64_t *const *states) {
    transpose(h);
    transpose(h + 4);
    for (int lane = 0; lane < 4; lane++) {
        _mm256_storeu_si256((__m256i *)states[lane], h[lane]);
        _mm256_storeu_si256((__m256i *)(states[lane] + 4), h[lane + 4]);
    }
}

#include "blake2b_lanes.h"

static void absorb_some(const uint8_t *const *messages, size_t count, const hash_span *span,
                        uint64_t *const *states) {
    while (count > 0) {
        // Four lanes cost as much as one and a half messages one after another.
        if (count == 1) return walrus_blake2b_absorb_one(messages[0], span, states[0]);
        const uint8_t *sources[4];
        uint64_t *targets[4];
        uint64_t unused[8] = {0};
        const size_t lanes = count < 4 ? count : 4;
        for (size_t lane = 0; lane < 4; lane++) {
            sources[lane] = messages[lane < lanes ? lane : 0];
            targets[lane] = lane < lanes ? states[lane] : unused;
        }
        avx2_absorb(sources, span, targets);
        messages += lanes, states += lanes, count -= lanes;
    }
}

const hash_kernels walrus_hash_avx2 = {.absorb = absorb_some};
#endif
