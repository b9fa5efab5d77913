// What is done with rows, for a form that says how it is done with one block. Before it is included:
//
//     KERNEL(name)                   a name of this form's own
//     TARGET                         the attribute with which its functions are compiled
//     block, multiplier              types of a block, and of a multiplier ready for use
//     load, store, add, prepare, multiply
//     FEW_REGISTERS                  if three multipliers are more than they hold

TARGET static void KERNEL(butterfly)(uint8_t *target, const uint8_t *source, size_t distance,
                                     size_t length, const uint8_t *table) {
    const multiplier m = KERNEL(prepare)(table ? table : walrus_gf_zero);
    for (size_t i = 0; i < length; i += GF_BLOCK) {
        block x = KERNEL(load)(source + i), y = KERNEL(load)(source + distance + i);
        if (table) x = KERNEL(add)(x, KERNEL(multiply)(&m, y));
        y = KERNEL(add)(y, x);
        if (table || target != source) KERNEL(store)(target + i, x);
        KERNEL(store)(target + distance + i, y);
    }
}

TARGET static void KERNEL(inverse_butterfly)(uint8_t *rows, size_t distance, size_t length,
                                             const uint8_t *table) {
    const multiplier m = KERNEL(prepare)(table ? table : walrus_gf_zero);
    for (size_t i = 0; i < length; i += GF_BLOCK) {
        block x = KERNEL(load)(rows + i), y = KERNEL(load)(rows + distance + i);
        y = KERNEL(add)(y, x);
        KERNEL(store)(rows + distance + i, y);
        if (table) KERNEL(store)(rows + i, KERNEL(add)(x, KERNEL(multiply)(&m, y)));
    }
}

#ifdef FEW_REGISTERS
// Three multipliers do not fit the registers: layer by layer then.
TARGET static void KERNEL(butterfly4)(uint8_t *target, const uint8_t *source, size_t distance,
                                      size_t length, const uint8_t *outer, const uint8_t *first,
                                      const uint8_t *second) {
    KERNEL(butterfly)(target, source, 2 * distance, length, outer);
    KERNEL(butterfly)(target + distance, source + distance, 2 * distance, length, outer);
    KERNEL(butterfly)(target, target, distance, length, first);
    KERNEL(butterfly)(target + 2 * distance, target + 2 * distance, distance, length, second);
}

TARGET static void KERNEL(inverse_butterfly4)(uint8_t *rows, size_t distance, size_t length,
                                              const uint8_t *outer, const uint8_t *first,
                                              const uint8_t *second) {
    KERNEL(inverse_butterfly)(rows, distance, length, first);
    KERNEL(inverse_butterfly)(rows + 2 * distance, distance, length, second);
    KERNEL(inverse_butterfly)(rows, 2 * distance, length, outer);
    KERNEL(inverse_butterfly)(rows + distance, 2 * distance, length, outer);
}
#else
// Two layers at once, so that rows are read and written half as often.
TARGET static void KERNEL(butterfly4)(uint8_t *target, const uint8_t *source, size_t distance,
                                      size_t length, const uint8_t *outer, const uint8_t *first,
                                      const uint8_t *second) {
    const multiplier mo = KERNEL(prepare)(outer ? outer : walrus_gf_zero);
    const multiplier m1 = KERNEL(prepare)(first ? first : walrus_gf_zero);
    const multiplier m2 = KERNEL(prepare)(second ? second : walrus_gf_zero);
    for (size_t i = 0; i < length; i += GF_BLOCK) {
        const uint8_t *from = source + i;
        uint8_t *to = target + i;
        block a = KERNEL(load)(from), b = KERNEL(load)(from + distance);
        block c = KERNEL(load)(from + 2 * distance), d = KERNEL(load)(from + 3 * distance);
        if (outer) {
            a = KERNEL(add)(a, KERNEL(multiply)(&mo, c));
            b = KERNEL(add)(b, KERNEL(multiply)(&mo, d));
        }
        c = KERNEL(add)(c, a);
        d = KERNEL(add)(d, b);
        if (first) a = KERNEL(add)(a, KERNEL(multiply)(&m1, b));
        b = KERNEL(add)(b, a);
        if (second) c = KERNEL(add)(c, KERNEL(multiply)(&m2, d));
        d = KERNEL(add)(d, c);
        KERNEL(store)(to, a);
        KERNEL(store)(to + distance, b);
        KERNEL(store)(to + 2 * distance, c);
        KERNEL(store)(to + 3 * distance, d);
    }
}

TARGET static void KERNEL(inverse_butterfly4)(uint8_t *rows, size_t distance, size_t length,
                                              const uint8_t *outer, const uint8_t *first,
                                              const uint8_t *second) {
    const multiplier mo = KERNEL(prepare)(outer ? outer : walrus_gf_zero);
    const multiplier m1 = KERNEL(prepare)(first ? first : walrus_gf_zero);
    const multiplier m2 = KERNEL(prepare)(second ? second : walrus_gf_zero);
    for (size_t i = 0; i < length; i += GF_BLOCK) {
        uint8_t *at = rows + i;
        block a = KERNEL(load)(at), b = KERNEL(load)(at + distance);
        block c = KERNEL(load)(at + 2 * distance), d = KERNEL(load)(at + 3 * distance);
        b = KERNEL(add)(b, a);
        if (first) a = KERNEL(add)(a, KERNEL(multiply)(&m1, b));
        d = KERNEL(add)(d, c);
        if (second) c = KERNEL(add)(c, KERNEL(multiply)(&m2, d));
        c = KERNEL(add)(c, a);
        d = KERNEL(add)(d, b);
        if (outer) {
            a = KERNEL(add)(a, KERNEL(multiply)(&mo, c));
            b = KERNEL(add)(b, KERNEL(multiply)(&mo, d));
        }
        KERNEL(store)(at, a);
        KERNEL(store)(at + distance, b);
        KERNEL(store)(at + 2 * distance, c);
        KERNEL(store)(at + 3 * distance, d);
    }
}
#endif

TARGET static void KERNEL(add_product)(uint8_t *target, const uint8_t *source, size_t length,
                                       const uint8_t *table) {
    const multiplier m = KERNEL(prepare)(table);
    for (size_t i = 0; i < length; i += GF_BLOCK) {
        const block term = KERNEL(multiply)(&m, KERNEL(load)(source + i));
        KERNEL(store)(target + i, KERNEL(add)(KERNEL(load)(target + i), term));
    }
}

// Four products at once, so that the target is read and written a quarter as often.
TARGET static void KERNEL(add_products)(uint8_t *target, const uint8_t *source, size_t distance,
                                        size_t length, const uint8_t *tables) {
    multiplier m[4];
    for (int k = 0; k < 4; k++) m[k] = KERNEL(prepare)(tables + k * WALRUS_GF_TABLE);
    for (size_t i = 0; i < length; i += GF_BLOCK) {
        block sum = KERNEL(load)(target + i);
        for (int k = 0; k < 4; k++) {
            const block factor = KERNEL(load)(source + k * distance + i);
            sum = KERNEL(add)(sum, KERNEL(multiply)(&m[k], factor));
        }
        KERNEL(store)(target + i, sum);
    }
}

TARGET static void KERNEL(scale)(uint8_t *row, size_t length, const uint8_t *table) {
    const multiplier m = KERNEL(prepare)(table);
    for (size_t i = 0; i < length; i += GF_BLOCK)
        KERNEL(store)(row + i, KERNEL(multiply)(&m, KERNEL(load)(row + i)));
}

TARGET static void KERNEL(add_rows)(uint8_t *target, const uint8_t *source, size_t length) {
    for (size_t i = 0; i < length; i += GF_BLOCK)
        KERNEL(store)(target + i, KERNEL(add)(KERNEL(load)(target + i), KERNEL(load)(source + i)));
}

#define GF_KERNELS                                                                                \
    {                                                                                             \
        .butterfly = KERNEL(butterfly), .inverse_butterfly = KERNEL(inverse_butterfly),           \
        .butterfly4 = KERNEL(butterfly4), .inverse_butterfly4 = KERNEL(inverse_butterfly4),       \
        .add_product = KERNEL(add_product), .add_products = KERNEL(add_products),                 \
        .scale = KERNEL(scale), .add = KERNEL(add_rows),                                          \
    }
