// Symbols laid side by side in wide rows, so that one call works on many of them.
//
// A symbol is blocks of 64 bytes, each 32 low halves and then 32 high halves of elements; its last
// block may be shorter, and is split in the middle all the same. Whole blocks can be copied as they
// are; tails are taken apart and packed into whole blocks.

#include "kernels.h"
#include <string.h>

enum { BLOCK = 64, HALF = 32 };

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

size_t walrus_wide_length(size_t size, size_t count) {
    const size_t whole = size / BLOCK * BLOCK;
    const size_t tails = (size - whole) * count;
    return whole * count + (tails + BLOCK - 1) / BLOCK * BLOCK;
}

// Copies up to 32 bytes; the two may not overlap. Mostly the same number again and again, so that
// the branches are foreseen.
static inline void copy_half(uint8_t *to, const uint8_t *from, size_t count) {
    if (count >= 16) {
        uint8_t head[16], tail[16];
        memcpy(head, from, 16), memcpy(tail, from + count - 16, 16);
        memcpy(to, head, 16), memcpy(to + count - 16, tail, 16);
    } else if (count >= 8) {
        uint64_t head, tail;
        memcpy(&head, from, 8), memcpy(&tail, from + count - 8, 8);
        memcpy(to, &head, 8), memcpy(to + count - 8, &tail, 8);
    } else if (count >= 4) {
        uint32_t head, tail;
        memcpy(&head, from, 4), memcpy(&tail, from + count - 4, 4);
        memcpy(to, &head, 4), memcpy(to + count - 4, &tail, 4);
    } else {
        for (size_t i = 0; i < count; i++) to[i] = from[i];
    }
}

// Where a run of elements of the tail of a symbol is, and where in the repacked tails; each run lies
// in one block.
typedef struct {
    size_t symbol, first;
    size_t half;
} tail_cursor;

static inline tail_cursor tail_start(size_t element, size_t half) {
    return (tail_cursor){.symbol = element / half, .first = element % half, .half = half};
}

// The length of the next run, of which `place` elements of the row are before it and `left` wanted.
static inline size_t tail_run(const tail_cursor *cursor, size_t place, size_t left) {
    return smaller(smaller(cursor->half - cursor->first, HALF - place % HALF), left);
}

static inline void tail_advance(tail_cursor *cursor, size_t run) {
    cursor->first += run;
    if (cursor->first == cursor->half) cursor->first = 0, cursor->symbol++;
}

static inline void copy_blocks(uint8_t *to, const uint8_t *from, size_t count) {
    for (size_t i = 0; i < count; i += BLOCK) memcpy(to + i, from + i, BLOCK);
}

// Both directions: `symbols` to `row` when gathering, and back.
static inline __attribute__((always_inline)) void move(uint8_t *row, uint8_t *symbols,
                                                       size_t stride, size_t size, size_t count,
                                                       size_t from, size_t to, bool gathering) {
    const size_t whole = size / BLOCK * BLOCK, half = (size - whole) / 2;
    size_t at = from;
    if (at < to && at < whole * count) {
        size_t symbol = at / whole, offset = at % whole;
        while (at < to && symbol < count) {
            const size_t run = smaller(whole - offset, to - at);
            uint8_t *wide = row + (at - from), *narrow = symbols + symbol * stride + offset;
            if (gathering)
                copy_blocks(wide, narrow, run);
            else
                copy_blocks(narrow, wide, run);
            at += run;
            offset = 0, symbol++;
        }
    }
    if (at == to) return;
    uint8_t *tails = row + (at - from);
    const size_t first = (at - whole * count) / 2;
    const size_t end = smaller((to - whole * count) / 2, half * count);
    if (gathering && end - first < (to - at) / 2) memset(row + (to - from) - BLOCK, 0, BLOCK);
    tail_cursor cursor = tail_start(first, half);
    for (size_t place = 0; place < end - first;) {
        const size_t run = tail_run(&cursor, place, end - first - place);
        uint8_t *low = tails + place / HALF * BLOCK + place % HALF;
        uint8_t *narrow = symbols + cursor.symbol * stride + whole + cursor.first;
        if (gathering) {
            copy_half(low, narrow, run);
            copy_half(low + HALF, narrow + half, run);
        } else {
            copy_half(narrow, low, run);
            copy_half(narrow + half, low + HALF, run);
        }
        place += run;
        tail_advance(&cursor, run);
    }
}

void walrus_wide_gather(uint8_t *row, const uint8_t *symbols, size_t stride, size_t size,
                        size_t count, size_t from, size_t to) {
    // Gathering only reads `symbols`.
    move(row, (uint8_t *)symbols, stride, size, count, from, to, true);
}

void walrus_wide_scatter(uint8_t *symbols, size_t stride, size_t size, size_t count,
                         const uint8_t *row, size_t from, size_t to) {
    // Scattering only reads `row`.
    move((uint8_t *)row, symbols, stride, size, count, from, to, false);
}
