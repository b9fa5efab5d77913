// Rows of GF(2^16) elements with no more than C has: a product is the sum of what the four nibbles
// of the other factor contribute, looked up in tables.

#include "kernels.h"
#include <string.h>

#define TARGET
#define KERNEL(name) portable_##name

typedef struct {
    uint8_t bytes[GF_BLOCK];
} block;
typedef const uint8_t *multiplier;

static inline block portable_load(const uint8_t *from) {
    block b;
    memcpy(b.bytes, from, GF_BLOCK);
    return b;
}

static inline void portable_store(uint8_t *to, block b) { memcpy(to, b.bytes, GF_BLOCK); }

static inline block portable_add(block a, block b) {
    for (int i = 0; i < GF_BLOCK; i++) a.bytes[i] ^= b.bytes[i];
    return a;
}

static inline multiplier portable_prepare(const uint8_t *table) { return table; }

static inline block portable_multiply(const multiplier *m, block factor) {
    const uint8_t *t = *m;
    block result;
    for (int i = 0; i < GF_HALF; i++) {
        const unsigned low = factor.bytes[i], high = factor.bytes[i + GF_HALF];
        const unsigned a = low & 15, b = low >> 4, c = high & 15, d = high >> 4;
        result.bytes[i] = t[a] ^ t[32 + b] ^ t[64 + c] ^ t[96 + d];
        result.bytes[i + GF_HALF] = t[16 + a] ^ t[48 + b] ^ t[80 + c] ^ t[112 + d];
    }
    return result;
}

#define FEW_REGISTERS
#include "gf16_rows.h"

const gf_kernels walrus_gf_portable = GF_KERNELS;
