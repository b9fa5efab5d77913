// What the kernels share and Swift does not see.
//
// Each form of the kernels is a file of its own that says how one block of 64 bytes (`gf16_rows.h`)
// or one lane of words (`blake2b_lanes.h`) is worked on; what is done with them is written once.

#ifndef WALRUS_KERNELS_INTERNAL_H
#define WALRUS_KERNELS_INTERNAL_H

#include "include/CKernels.h"

#if defined(__x86_64__)
#define WALRUS_X86 1
#else
#define WALRUS_X86 0
#endif
#if defined(__aarch64__) && defined(__ARM_NEON)
#define WALRUS_NEON 1
#else
#define WALRUS_NEON 0
#endif

enum { GF_BLOCK = 64, GF_HALF = 32 };

// Where parts of a multiplier lie: four tables of low and high bytes for the nibbles, then the four
// 8 x 8 bit matrices low from low, high from high, low from high and high from low.
enum { GF_NIBBLES = 0, GF_MATRICES = 128 };

// Rows, and their distances and lengths in bytes, are as in CKernels.h. Tables are never null, but
// for those of butterflies.
typedef struct {
    void (*butterfly)(uint8_t *target, const uint8_t *source, size_t distance, size_t length,
                      const uint8_t *table);
    void (*inverse_butterfly)(uint8_t *rows, size_t distance, size_t length, const uint8_t *table);
    void (*butterfly4)(uint8_t *target, const uint8_t *source, size_t distance, size_t length,
                       const uint8_t *outer, const uint8_t *first, const uint8_t *second);
    void (*inverse_butterfly4)(uint8_t *rows, size_t distance, size_t length,
                               const uint8_t *outer, const uint8_t *first, const uint8_t *second);
    void (*add_product)(uint8_t *target, const uint8_t *source, size_t length,
                        const uint8_t *table);
    void (*add_products)(uint8_t *target, const uint8_t *source, size_t distance, size_t length,
                         const uint8_t *tables);
    void (*scale)(uint8_t *row, size_t length, const uint8_t *table);
    void (*add)(uint8_t *target, const uint8_t *source, size_t length);
} gf_kernels;

// The multiplier of zero, for butterflies that have none.
extern const uint8_t walrus_gf_zero[WALRUS_GF_TABLE];

// Some blocks of messages of one length with a byte in front: blocks `first ..< end` of each, of
// which the message's byte `128 * first` is where the pointer is; unless `first` is zero, the byte
// before can be read.
typedef struct {
    size_t length;
    size_t first, end;
    uint8_t prefix;
} hash_span;

enum { HASH_BLOCK = 128, HASH_BATCH = 8 };

// Parameter block: digest length 32, no key, fanout 1, depth 1.
#define WALRUS_BLAKE2B_PARAMETERS ((uint64_t)0x01010020)

typedef struct {
    // Feeds 1 to HASH_BATCH messages to as many states.
    void (*absorb)(const uint8_t *const *messages, size_t count, const hash_span *span,
                   uint64_t *const *states);
    // Writes the digests of up to HASH_BATCH messages of 64 bytes that lie one after another, with
    // the byte 1 in front of each, to `digests`, which may be where they lie. Null where `absorb`
    // does it as well.
    void (*parents)(const uint8_t *messages, size_t count, uint8_t *digests);
} hash_kernels;

extern const uint64_t walrus_blake2b_initial[8];

// One message at a time, with no more than C has.
void walrus_blake2b_absorb_one(const uint8_t *message, const hash_span *span, uint64_t *state);

// Copies block `index` of a message as in `hash_span` to `block`, padded with zeros.
void walrus_blake2b_stage(uint8_t *block, const uint8_t *message, const hash_span *span,
                          size_t index);

extern const gf_kernels walrus_gf_portable;
extern const hash_kernels walrus_hash_portable;
#if WALRUS_X86
extern const gf_kernels walrus_gf_avx2, walrus_gf_gfni, walrus_gf_avx512;
extern const hash_kernels walrus_hash_avx2, walrus_hash_avx512;
#endif
#if WALRUS_NEON
extern const gf_kernels walrus_gf_neon;
extern const hash_kernels walrus_hash_neon;
#endif

const gf_kernels *walrus_gf_chosen(void);
const hash_kernels *walrus_hash_chosen(void);

#endif
