// Kernels that Swift can not express well: BLAKE2b-256 of many messages at once, and arithmetic
// over rows of GF(2^16) elements. Each has a portable form and some for what a processor may have,
// the best of which is chosen when the program runs. Functions take plain pointers: vectors by value
// would cross an ABI border.

#ifndef WALRUS_CKERNELS_H
#define WALRUS_CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The forms of the kernels; of those that a processor has, the last is the best.
enum {
    WALRUS_FORM_PORTABLE = 0,
    WALRUS_FORM_NEON = 1,
    WALRUS_FORM_AVX2 = 2,
    // AVX2, and GFNI for products.
    WALRUS_FORM_GFNI = 3,
    // AVX-512 F, BW, VL and VBMI2, and GFNI.
    WALRUS_FORM_AVX512 = 4,
    WALRUS_FORM_COUNT = 5,
};

// The form in use.
int walrus_kernels_form(void);

// Whether this processor has a form.
bool walrus_kernels_has(int form);

// For tests: has every kernel take this form, or the best when the processor does not have it.
void walrus_kernels_use(int form);

// Hashes `count` messages of `length` bytes each, `stride` bytes apart, with BLAKE2b-256. Each is
// preceded by the byte `prefix`. Digests are written one after another, 32 bytes each.
void walrus_blake2b256_many(const uint8_t *_Nullable messages, size_t stride, size_t length,
                            size_t count, uint8_t prefix, uint8_t *_Nonnull digests);

// A grid of messages of one length, and where their digests go. Strides are in bytes, those of
// states in words.
typedef struct {
    // Where each row's first message is; the others follow at equal distances.
    const uint8_t *_Nonnull const *_Nonnull rows;
    size_t row_count, column_count, column_stride;
    size_t length;
    uint8_t prefix;
    // Which blocks of 128 bytes are hashed, counted with the prefix; `end_block` may be past the
    // last. If not from the first on, `rows` are where byte 128 * first_block of each message is,
    // and the byte before it is there too.
    size_t first_block, end_block;
    // Of 32 bytes each; written with the last block.
    uint8_t *_Nonnull digests;
    size_t digest_row_stride, digest_column_stride;
    // The same once more, unless null.
    uint8_t *_Nullable copies;
    size_t copy_row_stride, copy_column_stride;
    // Of 8 words each, between calls that hash some blocks each; null when one hashes all.
    uint64_t *_Nullable states;
    size_t state_row_stride, state_column_stride;
} walrus_hash_grid;

void walrus_blake2b256_grid(const walrus_hash_grid *_Nonnull grid);

// Reduces `count` leaf hashes (32 bytes each) to their Merkle root. `scratch` holds at least
// 32 * (count + 1) bytes; it may be the leaves themselves if they have room for one more.
// `count` is at least 1.
void walrus_merkle_root(const uint8_t *_Nonnull leaves, size_t count, uint8_t *_Nonnull scratch,
                        uint8_t *_Nonnull root);

// Replaces `rows` rows of `width` nodes each, that lie one after another, with the node over each:
// a part of a larger tree. `width` is a power of two; the first `filled` nodes of each row are there,
// at least one.
void walrus_merkle_fold(uint8_t *_Nonnull nodes, size_t rows, size_t width, size_t filled);

// Fills the logarithms and powers, 65,536 of each, of the field GF(2^16) in its Cantor basis. The
// logarithm of zero is the marker 65535, which no other element has.
void walrus_gf_fill(uint16_t *_Nonnull logarithms, uint16_t *_Nonnull powers);

// Bytes of a multiplier: what products with one constant are computed from.
enum { WALRUS_GF_TABLE = 160 };

// Fills a multiplier from the products of its constant with 1, 2, 4, .. 32768.
void walrus_gf_table(const uint16_t *_Nonnull products, uint8_t *_Nonnull table);

// Fills `count` multipliers from the logarithms, at most 65535, of their constants.
void walrus_gf_tables(const uint16_t *_Nonnull logarithms, const uint16_t *_Nonnull powers,
                      const uint32_t *_Nonnull constants, size_t count,
                      uint8_t *_Nonnull tables);

// Rows of elements are blocks of 64 bytes: 32 low halves, then the 32 high halves. Lengths are
// multiples of 64. A null multiplier is zero, so that nothing is multiplied.
//
// A butterfly of x = source and y = source + distance: x ^= y * table; y ^= x. Results go to the
// same places of `target`, which may be `source`.
void walrus_gf_butterfly(uint8_t *_Nonnull target, const uint8_t *_Nonnull source, size_t distance,
                         size_t length, const uint8_t *_Nullable table);
// Its inverse, in place: y ^= x; x ^= y * table
void walrus_gf_inverse_butterfly(uint8_t *_Nonnull rows, size_t distance, size_t length,
                                 const uint8_t *_Nullable table);
// Two layers of butterflies between four rows a, b, c, d at equal distances: (a, c) and (b, d) with
// `outer`, then (a, b) with `first` and (c, d) with `second`.
void walrus_gf_butterfly4(uint8_t *_Nonnull target, const uint8_t *_Nonnull source,
                          size_t distance, size_t length, const uint8_t *_Nullable outer,
                          const uint8_t *_Nullable first, const uint8_t *_Nullable second);
void walrus_gf_inverse_butterfly4(uint8_t *_Nonnull rows, size_t distance, size_t length,
                                  const uint8_t *_Nullable outer, const uint8_t *_Nullable first,
                                  const uint8_t *_Nullable second);
// target ^= source * table, for `count` sources at equal distances and as many tables
void walrus_gf_add_products(uint8_t *_Nonnull target, const uint8_t *_Nonnull source,
                            size_t distance, size_t count, size_t length,
                            const uint8_t *_Nonnull tables);
// row *= table
void walrus_gf_scale(uint8_t *_Nonnull row, size_t length, const uint8_t *_Nonnull table);
// target ^= source
void walrus_gf_add(uint8_t *_Nonnull target, const uint8_t *_Nonnull source, size_t length);

// Symbols as rows of elements. `count` symbols of `size` bytes (even), `stride` bytes apart, lie side
// by side in one wide row: first the whole 64-byte blocks of all of them, then their tails, repacked
// into blocks, zero-padded. Copies the part `from ..< to` of that row; both are multiples of 64.
size_t walrus_wide_length(size_t size, size_t count);
void walrus_wide_gather(uint8_t *_Nonnull row, const uint8_t *_Nonnull symbols, size_t stride,
                        size_t size, size_t count, size_t from, size_t to);
void walrus_wide_scatter(uint8_t *_Nonnull symbols, size_t stride, size_t size, size_t count,
                         const uint8_t *_Nonnull row, size_t from, size_t to);

#endif
