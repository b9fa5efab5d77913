#include "include/CShims.h"

#include <pthread.h>
#include <string.h>

// The reflected polynomial of CRC-32C.
static const uint32_t polynomial = 0x82F63B78;

static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (polynomial & -(value & 1));
        tables[0][byte] = value;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (int table = 1; table < 8; table++) {
            uint32_t value = tables[table - 1][byte];
            tables[table][byte] = (value >> 8) ^ tables[0][value & 0xFF];
        }
}

// Slicing by eight (Kounavis and Berry 2005).
uint32_t walrus_crc32c_portable(uint32_t checksum, const void *bytes, size_t length) {
    pthread_once(&tables_once, fill_tables);
    const uint8_t *at = bytes;
    uint32_t crc = ~checksum;
    for (; length >= 8; at += 8, length -= 8) {
        uint32_t low = crc ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16
                              | (uint32_t)at[3] << 24);
        crc = tables[7][low & 0xFF] ^ tables[6][low >> 8 & 0xFF] ^ tables[5][low >> 16 & 0xFF]
              ^ tables[4][low >> 24] ^ tables[3][at[4]] ^ tables[2][at[5]] ^ tables[1][at[6]]
              ^ tables[0][at[7]];
    }
    for (; length > 0; at++, length--) crc = (crc >> 8) ^ tables[0][(crc ^ *at) & 0xFF];
    return ~crc;
}

#if defined(__x86_64__)

#include <nmmintrin.h>

// One chain of crc32 instructions has a latency of 3 cycles and a throughput of 1, so a block of
// 4 KiB is cut into three chains that are joined by two multiplications with x^n, done by tables.
enum { lane = 1360, block = 3 * lane };

static uint32_t shift_one[4][256], shift_two[4][256];
static pthread_once_t shifts_once = PTHREAD_ONCE_INIT;

__attribute__((target("sse4.2"))) static uint32_t append_zeros(uint32_t crc, size_t count) {
    for (size_t index = 0; index < count; index += 8) crc = (uint32_t)_mm_crc32_u64(crc, 0);
    return crc;
}

static void fill_shifts(void) {
    for (int byte = 0; byte < 4; byte++)
        for (uint32_t value = 0; value < 256; value++) {
            shift_one[byte][value] = append_zeros(value << (8 * byte), lane);
            shift_two[byte][value] = append_zeros(value << (8 * byte), 2 * lane);
        }
}

static inline uint32_t shifted(uint32_t table[4][256], uint32_t crc) {
    return table[0][crc & 0xFF] ^ table[1][crc >> 8 & 0xFF] ^ table[2][crc >> 16 & 0xFF]
           ^ table[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint64_t word_at(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

__attribute__((target("sse4.2"))) static uint32_t
crc32c_sse(uint32_t checksum, const uint8_t *at, size_t length) {
    uint64_t crc = (uint32_t)~checksum;
    if (length >= block) pthread_once(&shifts_once, fill_shifts);
    for (; length >= block; at += block, length -= block) {
        uint64_t second = 0, third = 0;
        for (size_t index = 0; index < lane; index += 8) {
            crc = _mm_crc32_u64(crc, word_at(at + index));
            second = _mm_crc32_u64(second, word_at(at + lane + index));
            third = _mm_crc32_u64(third, word_at(at + 2 * lane + index));
        }
        crc = shifted(shift_two, (uint32_t)crc) ^ shifted(shift_one, (uint32_t)second) ^ third;
    }
    for (; length >= 8; at += 8, length -= 8) crc = _mm_crc32_u64(crc, word_at(at));
    for (; length > 0; at++, length--) crc = _mm_crc32_u8((uint32_t)crc, *at);
    return ~(uint32_t)crc;
}

uint32_t walrus_crc32c(uint32_t checksum, const void *bytes, size_t length) {
    if (__builtin_cpu_supports("sse4.2")) return crc32c_sse(checksum, bytes, length);
    return walrus_crc32c_portable(checksum, bytes, length);
}

#else

uint32_t walrus_crc32c(uint32_t checksum, const void *bytes, size_t length) {
    return walrus_crc32c_portable(checksum, bytes, length);
}

#endif
