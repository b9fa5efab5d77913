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

// Reduces `count` leaf hashes (32 bytes each) to their Merkle root. `scratch` holds at least
// 32 * (count + 1) bytes; it may be the leaves themselves if they have room for one more.
// `count` is at least 1.
void walrus_merkle_root(const uint8_t *_Nonnull leaves, size_t count, uint8_t *_Nonnull scratch,
                        uint8_t *_Nonnull root);

#endif
