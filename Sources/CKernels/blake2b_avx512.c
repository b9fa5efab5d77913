// BLAKE2b in AVX-512 registers: eight messages in one, or four in half of one. Rotations are single
// instructions, the 32 registers hold state and message, and masked loads read what there is of a
// block in place, the byte in front included.

#include "kernels.h"

#if WALRUS_X86
#include "blake2b_sigma.h"
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2")))
#define INLINE_AVX512 TARGET static inline __attribute__((always_inline))

// Which of the 64 bytes from byte `from` of the message on there are, and are wanted; `from` is -1
// where the byte in front is the first.
static inline uint64_t bytes_present(ptrdiff_t from, size_t length) {
    const ptrdiff_t left = (ptrdiff_t)length - from;
    const uint64_t upper = left >= 64 ? ~(uint64_t)0 : left <= 0 ? 0 : ((uint64_t)1 << left) - 1;
    return from < 0 ? upper & ~(uint64_t)1 : upper;
}

// Eight rows of eight words become eight columns.
INLINE_AVX512 void transpose8(__m512i r[8]) {
    __m512i t[8], u[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_epi64(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi64(r[i], r[i + 1]);
    }
    // Of `u`, 4k and 4k + 2 are words 0, 4 and 2, 6 of half of the rows; odd ones one word further.
    for (int odd = 0; odd < 2; odd++)
        for (int half = 0; half < 2; half++) {
            const __m512i a = t[4 * half + odd], b = t[4 * half + 2 + odd];
            u[4 * half + odd] = _mm512_shuffle_i64x2(a, b, 0x88);
            u[4 * half + 2 + odd] = _mm512_shuffle_i64x2(a, b, 0xDD);
        }
    for (int word = 0; word < 4; word++) {
        r[word] = _mm512_shuffle_i64x2(u[word], u[word + 4], 0x88);
        r[word + 4] = _mm512_shuffle_i64x2(u[word], u[word + 4], 0xDD);
    }
}

// Four rows of four words become four columns.
INLINE_AVX512 void transpose4(__m256i r[4]) {
    const __m256i ab_even = _mm256_unpacklo_epi64(r[0], r[1]);
    const __m256i ab_odd = _mm256_unpackhi_epi64(r[0], r[1]);
    const __m256i cd_even = _mm256_unpacklo_epi64(r[2], r[3]);
    const __m256i cd_odd = _mm256_unpackhi_epi64(r[2], r[3]);
    r[0] = _mm256_permute2x128_si256(ab_even, cd_even, 0x20);
    r[1] = _mm256_permute2x128_si256(ab_odd, cd_odd, 0x20);
    r[2] = _mm256_permute2x128_si256(ab_even, cd_even, 0x31);
    r[3] = _mm256_permute2x128_si256(ab_odd, cd_odd, 0x31);
}

#define LANE(name) eight_##name
#define vector __m512i

INLINE_AVX512 __m512i eight_set(uint64_t word) { return _mm512_set1_epi64((long long)word); }
INLINE_AVX512 __m512i eight_plus(__m512i a, __m512i b) { return _mm512_add_epi64(a, b); }
INLINE_AVX512 __m512i eight_xor(__m512i a, __m512i b) { return _mm512_xor_si512(a, b); }
INLINE_AVX512 __m512i eight_rotate32(__m512i a) { return _mm512_ror_epi64(a, 32); }
INLINE_AVX512 __m512i eight_rotate24(__m512i a) { return _mm512_ror_epi64(a, 24); }
INLINE_AVX512 __m512i eight_rotate16(__m512i a) { return _mm512_ror_epi64(a, 16); }
INLINE_AVX512 __m512i eight_rotate63(__m512i a) { return _mm512_ror_epi64(a, 63); }

INLINE_AVX512 void eight_gather(__m512i m[16], const uint8_t *const *messages,
                                const hash_span *span, size_t index) {
    const ptrdiff_t at = (ptrdiff_t)((index - span->first) * HASH_BLOCK) - 1;
    const ptrdiff_t from = (ptrdiff_t)(index * HASH_BLOCK) - 1;
    const __mmask64 low = bytes_present(from, span->length);
    const __mmask64 high = bytes_present(from + 64, span->length);
    for (int lane = 0; lane < 8; lane++) {
        m[lane] = _mm512_maskz_loadu_epi8(low, messages[lane] + at);
        m[lane + 8] = _mm512_maskz_loadu_epi8(high, messages[lane] + at + 64);
    }
    transpose8(m);
    transpose8(m + 8);
    if (index == 0) m[0] = _mm512_or_si512(m[0], eight_set(span->prefix));
}

INLINE_AVX512 void eight_load_states(__m512i h[8], uint64_t *const *states) {
    for (int lane = 0; lane < 8; lane++) h[lane] = _mm512_loadu_si512(states[lane]);
    transpose8(h);
}

INLINE_AVX512 void eight_store_states(__m512i h[8], uint64_t *const *states) {
    transpose8(h);
    for (int lane = 0; lane < 8; lane++) _mm512_storeu_si512(states[lane], h[lane]);
}

#include "blake2b_lanes.h"

#undef LANE
#undef vector
#define LANE(name) four_##name
#define vector __m256i

INLINE_AVX512 __m256i four_set(uint64_t word) { return _mm256_set1_epi64x((long long)word); }
INLINE_AVX512 __m256i four_plus(__m256i a, __m256i b) { return _mm256_add_epi64(a, b); }
INLINE_AVX512 __m256i four_xor(__m256i a, __m256i b) { return _mm256_xor_si256(a, b); }
INLINE_AVX512 __m256i four_rotate32(__m256i a) { return _mm256_ror_epi64(a, 32); }
INLINE_AVX512 __m256i four_rotate24(__m256i a) { return _mm256_ror_epi64(a, 24); }
INLINE_AVX512 __m256i four_rotate16(__m256i a) { return _mm256_ror_epi64(a, 16); }
INLINE_AVX512 __m256i four_rotate63(__m256i a) { return _mm256_ror_epi64(a, 63); }

INLINE_AVX512 void four_gather(__m256i m[16], const uint8_t *const *messages,
                               const hash_span *span, size_t index) {
    const ptrdiff_t at = (ptrdiff_t)((index - span->first) * HASH_BLOCK) - 1;
    const ptrdiff_t from = (ptrdiff_t)(index * HASH_BLOCK) - 1;
    const uint64_t halves[2] = {bytes_present(from, span->length),
                                bytes_present(from + 64, span->length)};
    for (int group = 0; group < 4; group++) {
        const __mmask32 mask = (__mmask32)(halves[group / 2] >> (32 * (group % 2)));
        for (int lane = 0; lane < 4; lane++)
            m[4 * group + lane] =
                _mm256_maskz_loadu_epi8(mask, messages[lane] + at + 32 * group);
        transpose4(m + 4 * group);
    }
    if (index == 0) m[0] = _mm256_or_si256(m[0], four_set(span->prefix));
}

INLINE_AVX512 void four_load_states(__m256i h[8], uint64_t *const *states) {
    for (int lane = 0; lane < 4; lane++) {
        h[lane] = _mm256_loadu_si256((const __m256i *)states[lane]);
        h[lane + 4] = _mm256_loadu_si256((const __m256i *)(states[lane] + 4));
    }
    transpose4(h);
    transpose4(h + 4);
}

INLINE_AVX512 void four_store_states(__m256i h[8], uint64_t *const *states) {
    transpose4(h);
    transpose4(h + 4);
    for (int lane = 0; lane < 4; lane++) {
        _mm256_storeu_si256((__m256i *)states[lane], h[lane]);
        _mm256_storeu_si256((__m256i *)(states[lane] + 4), h[lane + 4]);
    }
}

#include "blake2b_lanes.h"

static void avx512_absorb(const uint8_t *const *messages, size_t count, const hash_span *span,
                          uint64_t *const *states) {
    if (count == 1) return walrus_blake2b_absorb_one(messages[0], span, states[0]);
    const size_t lanes = count <= 4 ? 4 : 8;
    const uint8_t *sources[8];
    uint64_t *targets[8];
    uint64_t unused[8];
    for (size_t lane = 0; lane < lanes; lane++) {
        sources[lane] = messages[lane < count ? lane : 0];
        targets[lane] = lane < count ? states[lane] : unused;
    }
    // What idle lanes start from does not matter, but reading it must be allowed.
    for (int i = 0; i < 8; i++) unused[i] = 0;
    if (lanes == 4)
        four_absorb(sources, span, targets);
    else
        eight_absorb(sources, span, targets);
}

// A node over two others is one block: nine words, of which the last has one byte.
TARGET static void avx512_parents(const uint8_t *messages, size_t count, uint8_t *digests) {
    __m512i m[16], w[8], h[8];
    for (size_t lane = 0; lane < 8; lane++)
        w[lane] = _mm512_loadu_si512(messages + 64 * (lane < count ? lane : 0));
    transpose8(w);
    m[0] = _mm512_or_si512(_mm512_slli_epi64(w[0], 8), eight_set(1));
    for (int i = 1; i < 8; i++) m[i] = _mm512_shldi_epi64(w[i], w[i - 1], 8);
    m[8] = _mm512_srli_epi64(w[7], 56);
    for (int i = 9; i < 16; i++) m[i] = _mm512_setzero_si512();
    for (int i = 0; i < 8; i++) h[i] = eight_set(walrus_blake2b_initial[i]);
    h[0] = _mm512_xor_si512(h[0], eight_set(WALRUS_BLAKE2B_PARAMETERS));
    eight_compress(h, m, 65, true);
    transpose8(h);
    for (size_t lane = 0; lane < 8; lane++)
        if (lane < count)
            _mm256_storeu_si256((__m256i *)(digests + 32 * lane), _mm512_castsi512_si256(h[lane]));
}

const hash_kernels walrus_hash_avx512 = {.absorb = avx512_absorb, .parents = avx512_parents};
#endif
