// BLAKE2b of several messages of one length at once, one in each 64-bit lane of a vector, for a form
// that says how vectors are worked on. Before it is included:
//
//     LANES, LANE(name), TARGET      how many, a name of this form's own, the attribute of functions
//     vector                         a type of LANES words
//     set, plus, xor, rotate32, rotate24, rotate16, rotate63
//     gather(words, message, span, index)      the 16 words of a block, of all messages
//     load_states, store_states                8 vectors from LANES states and back

#define MIX(a, b, c, d, x, y)                                                                     \
    do {                                                                                          \
        a = LANE(plus)(LANE(plus)(a, b), x), d = LANE(rotate32)(LANE(xor)(d, a));                 \
        c = LANE(plus)(c, d), b = LANE(rotate24)(LANE(xor)(b, c));                                \
        a = LANE(plus)(LANE(plus)(a, b), y), d = LANE(rotate16)(LANE(xor)(d, a));                 \
        c = LANE(plus)(c, d), b = LANE(rotate63)(LANE(xor)(b, c));                                \
    } while (0)

TARGET static inline __attribute__((always_inline)) void LANE(compress)(vector h[8],
                                                                        const vector m[16],
                                                                        uint64_t total,
                                                                        bool last) {
    vector v[16];
    for (int i = 0; i < 8; i++) {
        v[i] = h[i];
        v[i + 8] = LANE(set)(walrus_blake2b_initial[i]);
    }
    v[12] = LANE(xor)(v[12], LANE(set)(total));
    if (last) v[14] = LANE(xor)(v[14], LANE(set)(~(uint64_t)0));
#define ROUND(r)                                                                                  \
    MIX(v[0], v[4], v[8], v[12], m[SIGMA(r, 0)], m[SIGMA(r, 1)]);                                 \
    MIX(v[1], v[5], v[9], v[13], m[SIGMA(r, 2)], m[SIGMA(r, 3)]);                                 \
    MIX(v[2], v[6], v[10], v[14], m[SIGMA(r, 4)], m[SIGMA(r, 5)]);                                \
    MIX(v[3], v[7], v[11], v[15], m[SIGMA(r, 6)], m[SIGMA(r, 7)]);                                \
    MIX(v[0], v[5], v[10], v[15], m[SIGMA(r, 8)], m[SIGMA(r, 9)]);                                \
    MIX(v[1], v[6], v[11], v[12], m[SIGMA(r, 10)], m[SIGMA(r, 11)]);                              \
    MIX(v[2], v[7], v[8], v[13], m[SIGMA(r, 12)], m[SIGMA(r, 13)]);                               \
    MIX(v[3], v[4], v[9], v[14], m[SIGMA(r, 14)], m[SIGMA(r, 15)]);
    ROUND(0) ROUND(1) ROUND(2) ROUND(3) ROUND(4) ROUND(5)
    ROUND(6) ROUND(7) ROUND(8) ROUND(9) ROUND(10) ROUND(11)
#undef ROUND
    for (int i = 0; i < 8; i++) h[i] = LANE(xor)(h[i], LANE(xor)(v[i], v[i + 8]));
}

// `messages` and `states` are LANES each.
TARGET static void LANE(absorb)(const uint8_t *const *messages, const hash_span *span,
                                uint64_t *const *states) {
    const uint64_t total = span->length + 1;
    const size_t blocks = (total + HASH_BLOCK - 1) / HASH_BLOCK;
    vector h[8];
    LANE(load_states)(h, states);
    for (size_t index = span->first; index < span->end; index++) {
        vector m[16];
        const bool last = index + 1 == blocks;
        LANE(gather)(m, messages, span, index);
        LANE(compress)(h, m, last ? total : (index + 1) * HASH_BLOCK, last);
    }
    LANE(store_states)(h, states);
}

#undef MIX
