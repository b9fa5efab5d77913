// Arithmetic over rows of GF(2^16) elements: the field's tables, and what Swift calls.
//
// A product with a constant is linear in the other factor: the sum of what its four nibbles
// contribute, looked up in tables, or products of bytes with matrices of bits. A multiplier holds
// both, and each form of the kernels takes what its instructions are made for.

#include "kernels.h"

void walrus_gf_fill(uint16_t *logarithms, uint16_t *powers) {
    static const uint16_t cantor[16] = {
        0x0001, 0xACCA, 0x3C0E, 0x163E, 0xC582, 0xED2E, 0x914C, 0x4012,
        0x6C98, 0x10D8, 0x6A72, 0xB900, 0xFDB8, 0xFB34, 0xFF38, 0x991E,
    };
    enum { POLYNOMIAL = 0x1002D, ORDER = 65535 };
    // `powers` first holds the logarithms of elements as polynomials.
    uint32_t element = 1;
    for (uint32_t exponent = 0; exponent < ORDER; exponent++) {
        powers[element] = (uint16_t)exponent;
        element <<= 1;
        if (element > 65535) element ^= POLYNOMIAL;
    }
    powers[0] = ORDER;
    // `logarithms` first holds the polynomial of each coordinate vector.
    logarithms[0] = 0;
    for (uint32_t bit = 0; bit < 16; bit++)
        for (uint32_t low = 0; low < 1u << bit; low++)
            logarithms[low | 1u << bit] = logarithms[low] ^ cantor[bit];
    for (uint32_t vector = 0; vector < 65536; vector++)
        logarithms[vector] = powers[logarithms[vector]];
    for (uint32_t vector = 1; vector < 65536; vector++)
        powers[logarithms[vector]] = (uint16_t)vector;
    powers[ORDER] = powers[0];
}

// Exchanges rows and columns of 8 x 8 bits, one row a byte.
static uint64_t transposed(uint64_t m) {
    uint64_t t = (m ^ m >> 7) & 0x00AA00AA00AA00AA;
    m ^= t ^ t << 7;
    t = (m ^ m >> 14) & 0x0000CCCC0000CCCC;
    m ^= t ^ t << 14;
    t = (m ^ m >> 28) & 0x00000000F0F0F0F0;
    return m ^ t ^ t << 28;
}

void walrus_gf_table(const uint16_t *products, uint8_t *table) {
    for (int nibble = 0; nibble < 4; nibble++) {
        uint16_t sums[16] = {0};
        for (int value = 1; value < 16; value++)
            sums[value] = sums[value & (value - 1)] ^
                          products[4 * nibble + __builtin_ctz((unsigned)value)];
        for (int value = 0; value < 16; value++) {
            table[GF_NIBBLES + 32 * nibble + value] = (uint8_t)sums[value];
            table[GF_NIBBLES + 32 * nibble + 16 + value] = (uint8_t)(sums[value] >> 8);
        }
    }
    // Bit `j` of byte `7 - i` of a matrix is what bit `j` of a factor adds to bit `i` of the product.
    static const int from[4] = {0, 8, 8, 0}, to[4] = {0, 8, 0, 8};
    for (int matrix = 0; matrix < 4; matrix++) {
        uint64_t rows = 0;
        for (int j = 0; j < 8; j++)
            rows |= (uint64_t)(products[from[matrix] + j] >> to[matrix] & 0xFF) << (8 * j);
        rows = transposed(rows);
        for (int i = 0; i < 8; i++)
            table[GF_MATRICES + 8 * matrix + 7 - i] = (uint8_t)(rows >> (8 * i));
    }
}

void walrus_gf_tables(const uint16_t *logarithms, const uint16_t *powers,
                      const uint32_t *constants, size_t count, uint8_t *tables) {
    enum { ORDER = 65535 };
    for (size_t index = 0; index < count; index++) {
        uint16_t products[16];
        for (int bit = 0; bit < 16; bit++) {
            const uint32_t sum = logarithms[1u << bit] + constants[index];
            products[bit] = powers[sum >= ORDER ? sum - ORDER : sum];
        }
        walrus_gf_table(products, tables + index * WALRUS_GF_TABLE);
    }
}

const uint8_t walrus_gf_zero[WALRUS_GF_TABLE] = {0};


void walrus_gf_butterfly(uint8_t *target, const uint8_t *source, size_t distance, size_t length,
                         const uint8_t *table) {
    walrus_gf_chosen()->butterfly(target, source, distance, length, table);
}

void walrus_gf_inverse_butterfly(uint8_t *rows, size_t distance, size_t length,
                                 const uint8_t *table) {
    walrus_gf_chosen()->inverse_butterfly(rows, distance, length, table);
}

void walrus_gf_butterfly4(uint8_t *target, const uint8_t *source, size_t distance, size_t length,
                          const uint8_t *outer, const uint8_t *first, const uint8_t *second) {
    walrus_gf_chosen()->butterfly4(target, source, distance, length, outer, first, second);
}

void walrus_gf_inverse_butterfly4(uint8_t *rows, size_t distance, size_t length,
                                  const uint8_t *outer, const uint8_t *first,
                                  const uint8_t *second) {
    walrus_gf_chosen()->inverse_butterfly4(rows, distance, length, outer, first, second);
}

void walrus_gf_add_products(uint8_t *target, const uint8_t *source, size_t distance, size_t count,
                            size_t length, const uint8_t *tables) {
    const gf_kernels *kernels = walrus_gf_chosen();
    size_t done = 0;
    for (; done + 4 <= count; done += 4)
        kernels->add_products(target, source + done * distance, distance, length,
                              tables + done * WALRUS_GF_TABLE);
    for (; done < count; done++)
        kernels->add_product(target, source + done * distance, length,
                             tables + done * WALRUS_GF_TABLE);
}

void walrus_gf_scale(uint8_t *row, size_t length, const uint8_t *table) {
    walrus_gf_chosen()->scale(row, length, table);
}

void walrus_gf_add(uint8_t *target, const uint8_t *source, size_t length) {
    walrus_gf_chosen()->add(target, source, length);
}
