// Kernels that Swift can not express well: BLAKE2b-256 of many messages at once, and arithmetic
// over rows of GF(2^16) elements. Each has a portable form and, on x86-64, one for AVX2 chosen
// when the program runs. Functions take plain pointers: vectors by value would cross an ABI border.

#ifndef WALRUS_CKERNELS_H
#define WALRUS_CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether the AVX2 forms are in use.
bool walrus_kernels_are_wide(void);

// For tests: makes every kernel take its portable form (true), or the machine's best (false).
void walrus_kernels_set_portable(bool portable);

// Hashes `count` messages of `length` bytes each, `stride` bytes apart, with BLAKE2b-256. Each is
// preceded by the byte `prefix`. Digests are written one after another, 32 bytes each.
void walrus_blake2b256_many(const uint8_t *_Nullable messages, size_t stride, size_t length,
                            size_t count, uint8_t prefix, uint8_t *_Nonnull digests);

// The same for a grid of messages: `rows` rows, `row_stride` bytes apart, of `columns` messages each,
// `column_stride` bytes apart. A row's digests are contiguous, `digest_stride` bytes after those of
// the row before.
void walrus_blake2b256_grid(const uint8_t *_Nullable messages, size_t rows, size_t row_stride,
                            size_t columns, size_t column_stride, size_t length, uint8_t prefix,
                            uint8_t *_Nonnull digests, size_t digest_stride);

// Reduces `count` leaf hashes (32 bytes each) to their Merkle root. `scratch` holds at least
// 32 * (count + 1) bytes; it may be the leaves themselves if they have room for one more.
// `count` is at least 1.
void walrus_merkle_root(const uint8_t *_Nonnull leaves, size_t count, uint8_t *_Nonnull scratch,
                        uint8_t *_Nonnull root);

// Fills the logarithms and powers, 65,536 of each, of the field GF(2^16) in its Cantor basis. The
// logarithm of zero is the marker 65535, which no other element has.
void walrus_gf_fill(uint16_t *_Nonnull logarithms, uint16_t *_Nonnull powers);

// Bytes of a multiplier: the products of one constant with all values of each of four nibbles.
enum { WALRUS_GF_TABLE = 128 };

// Fills a multiplier from the products of its constant with 1, 2, 4, .. 32768.
void walrus_gf_table(const uint16_t *_Nonnull products, uint8_t *_Nonnull table);

// Rows of elements are blocks of 64 bytes: 32 low halves, then the 32 high halves. Lengths are
// multiples of 64. A null multiplier is zero, so that nothing is multiplied.
//
// x ^= y * table; y ^= x
void walrus_gf_fft(uint8_t *_Nonnull x, uint8_t *_Nonnull y, size_t length,
                   const uint8_t *_Nullable table);
// y ^= x; x ^= y * table
void walrus_gf_ifft(uint8_t *_Nonnull x, uint8_t *_Nonnull y, size_t length,
                    const uint8_t *_Nullable table);
// target ^= source * table
void walrus_gf_add_product(uint8_t *_Nonnull target, const uint8_t *_Nonnull source, size_t length,
                           const uint8_t *_Nonnull table);
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
