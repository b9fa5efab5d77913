// Arithmetic over rows of GF(2^16) elements.
//
// A product with a constant is linear in the other factor, so it is the sum of what the four nibbles
// contribute: four tables of 16 entries, each split in low and high bytes, which one AVX2 shuffle
// looks up for 32 elements.

#include "kernels.h"
#include <string.h>

enum { BLOCK = 64, HALF = 32 };

void walrus_gf_fill(uint16_t *logarithms, uint16_t *powers) {
    static const uint16_t cantor[16] = {
        0x0001, 0xACCA, 0x3C0E, 0x163E, 0xC582, 0xED2E, 0x914C, 0x4012,
        0x6C98, 0x10D8, 0x6A72, 0xB900, 0xFDB8, 0xFB34, 0xFF38, 0x991E,
    };
    enum { POLYNOMIAL = 0x1002D, ORDER = 65535 };
    // `powers` first holds the logarithms of elements as polynomials.
    uint32_t element = 1;
    for (uint32_t exponent = 0; exponent < ORDER; exponent++) {
        powers[element] = (uint16_t)exponent;
        element <<= 1;
        if (element > 65535) element ^= POLYNOMIAL;
    }
    powers[0] = ORDER;
    // `logarithms` first holds the polynomial of each coordinate vector.
    logarithms[0] = 0;
    for (uint32_t bit = 0; bit < 16; bit++)
        for (uint32_t low = 0; low < 1u << bit; low++)
            logarithms[low | 1u << bit] = logarithms[low] ^ cantor[bit];
    for (uint32_t vector = 0; vector < 65536; vector++)
        logarithms[vector] = powers[logarithms[vector]];
    for (uint32_t vector = 1; vector < 65536; vector++)
        powers[logarithms[vector]] = (uint16_t)vector;
    powers[ORDER] = powers[0];
}

void walrus_gf_table(const uint16_t *products, uint8_t *table) {
    for (int nibble = 0; nibble < 4; nibble++)
        for (int value = 0; value < 16; value++) {
            uint16_t product = 0;
            for (int bit = 0; bit < 4; bit++)
                if (value >> bit & 1) product ^= products[4 * nibble + bit];
            table[32 * nibble + value] = (uint8_t)product;
            table[32 * nibble + 16 + value] = (uint8_t)(product >> 8);
        }
}

// The portable form.

static inline uint16_t product(const uint8_t *table, uint8_t low, uint8_t high) {
    const unsigned a = low & 15, b = low >> 4, c = high & 15, d = high >> 4;
    const uint8_t result_low = table[a] ^ table[32 + b] ^ table[64 + c] ^ table[96 + d];
    const uint8_t result_high = table[16 + a] ^ table[48 + b] ^ table[80 + c] ^ table[112 + d];
    return (uint16_t)(result_low | result_high << 8);
}

static void portable_add_product(uint8_t *target, const uint8_t *source, size_t length,
                                 const uint8_t *table) {
    for (size_t block = 0; block < length; block += BLOCK)
        for (size_t i = block; i < block + HALF; i++) {
            const uint16_t term = product(table, source[i], source[i + HALF]);
            target[i] ^= (uint8_t)term;
            target[i + HALF] ^= (uint8_t)(term >> 8);
        }
}

static void portable_scale(uint8_t *row, size_t length, const uint8_t *table) {
    for (size_t block = 0; block < length; block += BLOCK)
        for (size_t i = block; i < block + HALF; i++) {
            const uint16_t term = product(table, row[i], row[i + HALF]);
            row[i] = (uint8_t)term;
            row[i + HALF] = (uint8_t)(term >> 8);
        }
}

void walrus_gf_add(uint8_t *target, const uint8_t *source, size_t length) {
    for (size_t i = 0; i < length; i += 8) {
        uint64_t a, b;
        memcpy(&a, target + i, 8);
        memcpy(&b, source + i, 8);
        a ^= b;
        memcpy(target + i, &a, 8);
    }
}

#if WALRUS_HAS_AVX2

typedef struct {
    __m256i low[4], high[4];
} wide_table;

WALRUS_AVX2 static inline wide_table load_table(const uint8_t *table) {
    wide_table wide;
    for (int nibble = 0; nibble < 4; nibble++) {
        const __m128i *entries = (const __m128i *)(table + 32 * nibble);
        wide.low[nibble] = _mm256_broadcastsi128_si256(_mm_loadu_si128(entries));
        wide.high[nibble] = _mm256_broadcastsi128_si256(_mm_loadu_si128(entries + 1));
    }
    return wide;
}

#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define XOR(a, b) _mm256_xor_si256(a, b)
#define LOOK(t, i) _mm256_shuffle_epi8(t, i)

// Sets `pl` and `ph` to the products of 32 elements with low halves `l` and high halves `h`.
#define PRODUCT(t, l, h, pl, ph)                                                                  \
    do {                                                                                          \
        const __m256i mask = _mm256_set1_epi8(15);                                                \
        const __m256i n0 = _mm256_and_si256(l, mask);                                             \
        const __m256i n1 = _mm256_and_si256(_mm256_srli_epi64(l, 4), mask);                       \
        const __m256i n2 = _mm256_and_si256(h, mask);                                             \
        const __m256i n3 = _mm256_and_si256(_mm256_srli_epi64(h, 4), mask);                       \
        pl = XOR(XOR(LOOK(t.low[0], n0), LOOK(t.low[1], n1)),                                     \
                 XOR(LOOK(t.low[2], n2), LOOK(t.low[3], n3)));                                    \
        ph = XOR(XOR(LOOK(t.high[0], n0), LOOK(t.high[1], n1)),                                   \
                 XOR(LOOK(t.high[2], n2), LOOK(t.high[3], n3)));                                  \
    } while (0)

WALRUS_AVX2 static void wide_fft(uint8_t *x, uint8_t *y, size_t length, const uint8_t *table) {
    const wide_table t = load_table(table);
    for (size_t i = 0; i < length; i += BLOCK) {
        const __m256i yl = LOAD(y + i), yh = LOAD(y + i + HALF);
        __m256i pl, ph;
        PRODUCT(t, yl, yh, pl, ph);
        const __m256i xl = XOR(LOAD(x + i), pl), xh = XOR(LOAD(x + i + HALF), ph);
        STORE(x + i, xl);
        STORE(x + i + HALF, xh);
        STORE(y + i, XOR(yl, xl));
        STORE(y + i + HALF, XOR(yh, xh));
    }
}

WALRUS_AVX2 static void wide_ifft(uint8_t *x, uint8_t *y, size_t length, const uint8_t *table) {
    const wide_table t = load_table(table);
    for (size_t i = 0; i < length; i += BLOCK) {
        const __m256i xl = LOAD(x + i), xh = LOAD(x + i + HALF);
        const __m256i yl = XOR(LOAD(y + i), xl), yh = XOR(LOAD(y + i + HALF), xh);
        __m256i pl, ph;
        PRODUCT(t, yl, yh, pl, ph);
        STORE(y + i, yl);
        STORE(y + i + HALF, yh);
        STORE(x + i, XOR(xl, pl));
        STORE(x + i + HALF, XOR(xh, ph));
    }
}

WALRUS_AVX2 static void wide_add_product(uint8_t *target, const uint8_t *source, size_t length,
                                         const uint8_t *table) {
    const wide_table t = load_table(table);
    for (size_t i = 0; i < length; i += BLOCK) {
        const __m256i sl = LOAD(source + i), sh = LOAD(source + i + HALF);
        __m256i pl, ph;
        PRODUCT(t, sl, sh, pl, ph);
        STORE(target + i, XOR(LOAD(target + i), pl));
        STORE(target + i + HALF, XOR(LOAD(target + i + HALF), ph));
    }
}

WALRUS_AVX2 static void wide_scale(uint8_t *row, size_t length, const uint8_t *table) {
    const wide_table t = load_table(table);
    for (size_t i = 0; i < length; i += BLOCK) {
        const __m256i sl = LOAD(row + i), sh = LOAD(row + i + HALF);
        __m256i pl, ph;
        PRODUCT(t, sl, sh, pl, ph);
        STORE(row + i, pl);
        STORE(row + i + HALF, ph);
    }
}

#define DISPATCH(wide, portable)                                                                  \
    do {                                                                                          \
        if (walrus_kernels_are_wide()) {                                                          \
            wide;                                                                                 \
        } else {                                                                                  \
            portable;                                                                             \
        }                                                                                         \
    } while (0)
#else
#define DISPATCH(wide, portable) portable
#endif

static void portable_fft(uint8_t *x, uint8_t *y, size_t length, const uint8_t *table) {
    portable_add_product(x, y, length, table);
    walrus_gf_add(y, x, length);
}

static void portable_ifft(uint8_t *x, uint8_t *y, size_t length, const uint8_t *table) {
    walrus_gf_add(y, x, length);
    portable_add_product(x, y, length, table);
}

void walrus_gf_fft(uint8_t *x, uint8_t *y, size_t length, const uint8_t *table) {
    if (!table) return walrus_gf_add(y, x, length);
    DISPATCH(wide_fft(x, y, length, table), portable_fft(x, y, length, table));
}

void walrus_gf_ifft(uint8_t *x, uint8_t *y, size_t length, const uint8_t *table) {
    if (!table) return walrus_gf_add(y, x, length);
    DISPATCH(wide_ifft(x, y, length, table), portable_ifft(x, y, length, table));
}

void walrus_gf_add_product(uint8_t *target, const uint8_t *source, size_t length,
                           const uint8_t *table) {
    DISPATCH(wide_add_product(target, source, length, table),
             portable_add_product(target, source, length, table));
}

void walrus_gf_scale(uint8_t *row, size_t length, const uint8_t *table) {
    DISPATCH(wide_scale(row, length, table), portable_scale(row, length, table));
}
