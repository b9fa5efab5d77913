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

// A run of `length` elements of the tail of `symbol`, from the element `first` of that tail, at the
// element `at` of the repacked tails; it lies in one block.
typedef struct {
    size_t symbol, first, length, at;
} tail_run;

static inline tail_run next_run(size_t at, size_t end, size_t half) {
    tail_run run = {.symbol = at / half, .first = at % half, .at = at};
    run.length = smaller(smaller(half - run.first, HALF - at % HALF), end - at);
    return run;
}

void walrus_wide_gather(uint8_t *row, const uint8_t *symbols, size_t stride, size_t size,
                        size_t count, size_t from, size_t to) {
    const size_t whole = size / BLOCK * BLOCK, half = (size - whole) / 2;
    size_t at = from;
    while (at < to && at < whole * count) {
        const size_t symbol = at / whole, offset = at % whole;
        const size_t run = smaller(whole - offset, to - at);
        memcpy(row + (at - from), symbols + symbol * stride + offset, run);
        at += run;
    }
    if (at == to) return;
    uint8_t *tails = row + (at - from);
    const size_t first = (at - whole * count) / 2;
    const size_t end = smaller((to - whole * count) / 2, half * count);
    memset(tails, 0, to - at);
    for (size_t element = first; element < end;) {
        const tail_run run = next_run(element, end, half);
        const size_t place = element - first;
        uint8_t *low = tails + place / HALF * BLOCK + place % HALF;
        const uint8_t *source = symbols + run.symbol * stride + whole + run.first;
        for (size_t i = 0; i < run.length; i++) {
            low[i] = source[i];
            low[i + HALF] = source[i + half];
        }
        element += run.length;
    }
}

void walrus_wide_scatter(uint8_t *symbols, size_t stride, size_t size, size_t count,
                         const uint8_t *row, size_t from, size_t to) {
    const size_t whole = size / BLOCK * BLOCK, half = (size - whole) / 2;
    size_t at = from;
    while (at < to && at < whole * count) {
        const size_t symbol = at / whole, offset = at % whole;
        const size_t run = smaller(whole - offset, to - at);
        memcpy(symbols + symbol * stride + offset, row + (at - from), run);
        at += run;
    }
    if (at == to) return;
    const uint8_t *tails = row + (at - from);
    const size_t first = (at - whole * count) / 2;
    const size_t end = smaller((to - whole * count) / 2, half * count);
    for (size_t element = first; element < end;) {
        const tail_run run = next_run(element, end, half);
        const size_t place = element - first;
        const uint8_t *low = tails + place / HALF * BLOCK + place % HALF;
        uint8_t *target = symbols + run.symbol * stride + whole + run.first;
        for (size_t i = 0; i < run.length; i++) {
            target[i] = low[i];
            target[i + half] = low[i + HALF];
        }
        element += run.length;
    }
}
