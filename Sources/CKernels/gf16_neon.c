// Rows of GF(2^16) elements in NEON registers, four to a block. A table lookup gives what one nibble
// of 16 elements contributes to a product.

#include "kernels.h"

#if WALRUS_NEON
#include <arm_neon.h>

#define TARGET
#define KERNEL(name) neon_##name

typedef uint8x16x4_t block;
typedef struct {
    uint8x16_t low[4], high[4];
} multiplier;

static inline block neon_load(const uint8_t *from) {
    return (block){{vld1q_u8(from), vld1q_u8(from + 16), vld1q_u8(from + 32),
                    vld1q_u8(from + 48)}};
}

static inline void neon_store(uint8_t *to, block b) {
    for (int i = 0; i < 4; i++) vst1q_u8(to + 16 * i, b.val[i]);
}

static inline block neon_add(block a, block b) {
    for (int i = 0; i < 4; i++) a.val[i] = veorq_u8(a.val[i], b.val[i]);
    return a;
}

static inline multiplier neon_prepare(const uint8_t *table) {
    multiplier m;
    for (int nibble = 0; nibble < 4; nibble++) {
        m.low[nibble] = vld1q_u8(table + GF_NIBBLES + 32 * nibble);
        m.high[nibble] = vld1q_u8(table + GF_NIBBLES + 32 * nibble + 16);
    }
    return m;
}

static inline uint8x16_t neon_look(const uint8x16_t tables[4], const uint8x16_t nibbles[4]) {
    return veorq_u8(
        veorq_u8(vqtbl1q_u8(tables[0], nibbles[0]), vqtbl1q_u8(tables[1], nibbles[1])),
        veorq_u8(vqtbl1q_u8(tables[2], nibbles[2]), vqtbl1q_u8(tables[3], nibbles[3])));
}

static inline block neon_multiply(const multiplier *m, block factor) {
    const uint8x16_t mask = vdupq_n_u8(15);
    block result;
    for (int i = 0; i < 2; i++) {
        const uint8x16_t low = factor.val[i], high = factor.val[i + 2];
        const uint8x16_t nibbles[4] = {
            vandq_u8(low, mask),
            vshrq_n_u8(low, 4),
            vandq_u8(high, mask),
            vshrq_n_u8(high, 4),
        };
        result.val[i] = neon_look(m->low, nibbles);
        result.val[i + 2] = neon_look(m->high, nibbles);
    }
    return result;
}

#include "gf16_rows.h"

const gf_kernels walrus_gf_neon = GF_KERNELS;
#endif
