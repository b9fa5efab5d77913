// BLAKE2b with a digest of 32 bytes and no key (RFC 7693), for messages with one byte in front: the
// form with no more than C has, and what Swift calls.
//
// Merkle trees hash many messages of one length, so all forms take a batch of them.

#include "kernels.h"
#include "blake2b_sigma.h"
#include <string.h>

enum { DIGEST = 32 };

const uint64_t walrus_blake2b_initial[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

void walrus_blake2b_stage(uint8_t *block, const uint8_t *message, const hash_span *span,
                          size_t index) {
    const size_t filled = index == 0 ? 1 : 0;
    const size_t from = index == 0 ? 0 : index * HASH_BLOCK - 1;
    const size_t wanted = HASH_BLOCK - filled, left = span->length - from;
    const size_t take = left < wanted ? left : wanted;
    if (filled) block[0] = span->prefix;
    if (take > 0) {
        const uint8_t *source = message + (index - span->first) * HASH_BLOCK;
        memcpy(block + filled, filled ? source : source - 1, take);
    }
    memset(block + filled + take, 0, wanted - take);
}

static inline uint64_t load64(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline uint64_t rotate(uint64_t value, int by) { return value >> by | value << (64 - by); }

#define MIX(a, b, c, d, x, y)                                                                     \
    do {                                                                                          \
        a += b + (x), d = rotate(d ^ a, 32), c += d, b = rotate(b ^ c, 24);                       \
        a += b + (y), d = rotate(d ^ a, 16), c += d, b = rotate(b ^ c, 63);                       \
    } while (0)

static void compress(uint64_t h[8], const uint8_t *block, uint64_t total, bool last) {
    uint64_t m[16], v[16];
    for (int i = 0; i < 16; i++) m[i] = load64(block + 8 * i);
    for (int i = 0; i < 8; i++) v[i] = h[i], v[i + 8] = walrus_blake2b_initial[i];
    v[12] ^= total;
    if (last) v[14] = ~v[14];
#pragma clang loop unroll(full)
    for (int round = 0; round < 12; round++) {
        MIX(v[0], v[4], v[8], v[12], m[SIGMA(round, 0)], m[SIGMA(round, 1)]);
        MIX(v[1], v[5], v[9], v[13], m[SIGMA(round, 2)], m[SIGMA(round, 3)]);
        MIX(v[2], v[6], v[10], v[14], m[SIGMA(round, 4)], m[SIGMA(round, 5)]);
        MIX(v[3], v[7], v[11], v[15], m[SIGMA(round, 6)], m[SIGMA(round, 7)]);
        MIX(v[0], v[5], v[10], v[15], m[SIGMA(round, 8)], m[SIGMA(round, 9)]);
        MIX(v[1], v[6], v[11], v[12], m[SIGMA(round, 10)], m[SIGMA(round, 11)]);
        MIX(v[2], v[7], v[8], v[13], m[SIGMA(round, 12)], m[SIGMA(round, 13)]);
        MIX(v[3], v[4], v[9], v[14], m[SIGMA(round, 14)], m[SIGMA(round, 15)]);
    }
    for (int i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
}

void walrus_blake2b_absorb_one(const uint8_t *message, const hash_span *span, uint64_t *state) {
    const size_t total = span->length + 1;
    const size_t blocks = (total + HASH_BLOCK - 1) / HASH_BLOCK;
    for (size_t index = span->first; index < span->end; index++) {
        const bool last = index + 1 == blocks;
        uint8_t block[HASH_BLOCK];
        const uint8_t *source = block;
        if (index == 0 || last)
            walrus_blake2b_stage(block, message, span, index);
        else
            source = message + (index - span->first) * HASH_BLOCK - 1;
        compress(state, source, last ? total : (index + 1) * HASH_BLOCK, last);
    }
}

static void portable_absorb(const uint8_t *const *messages, size_t count, const hash_span *span,
                            uint64_t *const *states) {
    for (size_t i = 0; i < count; i++) walrus_blake2b_absorb_one(messages[i], span, states[i]);
}

const hash_kernels walrus_hash_portable = {.absorb = portable_absorb};

static void start(uint64_t *state) {
    memcpy(state, walrus_blake2b_initial, 8 * sizeof *state);
    state[0] ^= WALRUS_BLAKE2B_PARAMETERS;
}

static void write_digest(uint8_t *digest, const uint64_t *state) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (int i = 0; i < 4; i++)
        for (int byte = 0; byte < 8; byte++)
            digest[8 * i + byte] = (uint8_t)(state[i] >> (8 * byte));
#else
    memcpy(digest, state, DIGEST);
#endif
}

void walrus_blake2b256_grid(const walrus_hash_grid *grid) {
    const hash_kernels *kernels = walrus_hash_chosen();
    const size_t blocks = (grid->length + HASH_BLOCK) / HASH_BLOCK;
    const size_t end = grid->end_block < blocks ? grid->end_block : blocks;
    const hash_span span = {
        .length = grid->length, .first = grid->first_block, .end = end, .prefix = grid->prefix};
    const bool is_last = end == blocks;
    const size_t count = grid->row_count * grid->column_count;
    size_t row = 0, column = 0, done = 0;
    while (done < count) {
        const uint8_t *messages[HASH_BATCH];
        uint64_t *states[HASH_BATCH];
        uint64_t own[HASH_BATCH][8];
        const size_t first_row = row, first_column = column;
        const size_t batch = count - done < HASH_BATCH ? count - done : HASH_BATCH;
        for (size_t i = 0; i < batch; i++) {
            messages[i] = grid->rows[row] + column * grid->column_stride;
            states[i] = own[i];
            if (grid->states)
                states[i] = grid->states + row * grid->state_row_stride +
                            column * grid->state_column_stride;
            if (span.first == 0) start(states[i]);
            if (++column == grid->column_count) column = 0, row++;
        }
        kernels->absorb(messages, batch, &span, states);
        row = first_row, column = first_column;
        for (size_t i = 0; is_last && i < batch; i++) {
            write_digest(grid->digests + row * grid->digest_row_stride +
                             column * grid->digest_column_stride,
                         states[i]);
            if (grid->copies)
                write_digest(grid->copies + row * grid->copy_row_stride +
                                 column * grid->copy_column_stride,
                             states[i]);
            if (++column == grid->column_count) column = 0, row++;
        }
        if (!is_last) {
            row = (done + batch) / grid->column_count;
            column = (done + batch) % grid->column_count;
        }
        done += batch;
    }
}

static void hash_many(const uint8_t *messages, size_t stride, size_t length, size_t count,
                      uint8_t prefix, uint8_t *digests) {
    // An empty message may be nowhere.
    static const uint8_t nothing[1] = {0};
    const uint8_t *rows[1] = {messages ? messages : nothing};
    const walrus_hash_grid grid = {
        .rows = rows,
        .row_count = 1,
        .column_count = count,
        .column_stride = stride,
        .length = length,
        .prefix = prefix,
        .end_block = SIZE_MAX,
        .digests = digests,
        .digest_column_stride = DIGEST,
    };
    walrus_blake2b256_grid(&grid);
}

// Hashes `count` pairs of nodes that lie one after another; `parents` may be where they lie, since
// those that are written over are read already.
static void hash_pairs(const uint8_t *nodes, size_t count, uint8_t *parents) {
    const hash_kernels *kernels = walrus_hash_chosen();
    if (!kernels->parents) return hash_many(nodes, 2 * DIGEST, 2 * DIGEST, count, 1, parents);
    for (size_t done = 0; done < count; done += HASH_BATCH) {
        const size_t batch = count - done < HASH_BATCH ? count - done : HASH_BATCH;
        kernels->parents(nodes + 2 * DIGEST * done, batch, parents + DIGEST * done);
    }
}

void walrus_blake2b256_many(const uint8_t *messages, size_t stride, size_t length, size_t count,
                            uint8_t prefix, uint8_t *digests) {
    if (length == 2 * DIGEST && stride == length && prefix == 1)
        hash_pairs(messages, count, digests);
    else
        hash_many(messages, stride, length, count, prefix, digests);
}

void walrus_merkle_root(const uint8_t *leaves, size_t count, uint8_t *scratch, uint8_t *root) {
    if (scratch != leaves) memcpy(scratch, leaves, DIGEST * count);
    while (count > 1) {
        if (count % 2 == 1) {
            memset(scratch + DIGEST * count, 0, DIGEST);
            count += 1;
        }
        count /= 2;
        hash_pairs(scratch, count, scratch);
    }
    memcpy(root, scratch, DIGEST);
}

void walrus_merkle_fold(uint8_t *nodes, size_t rows, size_t width, size_t filled) {
    while (width > 1) {
        for (size_t row = 0; row < rows && filled < width; row++)
            memset(nodes + DIGEST * (row * width + filled), 0, DIGEST * (width - filled));
        hash_pairs(nodes, rows * width / 2, nodes);
        width /= 2;
        filled = (filled + 1) / 2;
    }
}
