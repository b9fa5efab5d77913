// BLAKE2b of two messages at once in NEON registers.

#include "kernels.h"

#if WALRUS_NEON
#include "blake2b_sigma.h"
#include <arm_neon.h>

#define TARGET
#define LANE(name) neon_##name
#define vector uint64x2_t

static inline uint64x2_t neon_set(uint64_t word) { return vdupq_n_u64(word); }
static inline uint64x2_t neon_plus(uint64x2_t a, uint64x2_t b) { return vaddq_u64(a, b); }
static inline uint64x2_t neon_xor(uint64x2_t a, uint64x2_t b) { return veorq_u64(a, b); }
static inline uint64x2_t neon_rotate32(uint64x2_t a) {
    return vreinterpretq_u64_u32(vrev64q_u32(vreinterpretq_u32_u64(a)));
}
static inline uint64x2_t neon_rotate24(uint64x2_t a) {
    return vsriq_n_u64(vshlq_n_u64(a, 40), a, 24);
}
static inline uint64x2_t neon_rotate16(uint64x2_t a) {
    return vsriq_n_u64(vshlq_n_u64(a, 48), a, 16);
}
static inline uint64x2_t neon_rotate63(uint64x2_t a) {
    return vsriq_n_u64(vaddq_u64(a, a), a, 63);
}

static inline void neon_gather(uint64x2_t m[16], const uint8_t *const *messages,
                               const hash_span *span, size_t index) {
    uint8_t staged[2][HASH_BLOCK];
    for (int lane = 0; lane < 2; lane++)
        walrus_blake2b_stage(staged[lane], messages[lane], span, index);
    for (int word = 0; word < 16; word += 2) {
        const uint64x2_t a = vreinterpretq_u64_u8(vld1q_u8(staged[0] + 8 * word));
        const uint64x2_t b = vreinterpretq_u64_u8(vld1q_u8(staged[1] + 8 * word));
        m[word] = vtrn1q_u64(a, b);
        m[word + 1] = vtrn2q_u64(a, b);
    }
}

static inline void neon_load_states(uint64x2_t h[8], uint64_t *const *states) {
    for (int i = 0; i < 8; i++)
        h[i] = vcombine_u64(vld1_u64(states[0] + i), vld1_u64(states[1] + i));
}

static inline void neon_store_states(uint64x2_t h[8], uint64_t *const *states) {
    for (int i = 0; i < 8; i++) {
        vst1_u64(states[0] + i, vget_low_u64(h[i]));
        vst1_u64(states[1] + i, vget_high_u64(h[i]));
    }
}

#include "blake2b_lanes.h"

static void absorb_some(const uint8_t *const *messages, size_t count, const hash_span *span,
                        uint64_t *const *states) {
    for (; count >= 2; count -= 2, messages += 2, states += 2) neon_absorb(messages, span, states);
    if (count == 1) walrus_blake2b_absorb_one(messages[0], span, states[0]);
}

const hash_kernels walrus_hash_neon = {.absorb = absorb_some};
#endif
