// Calls on ranges of files: allocation, clones, mappings.

#include "calls.h"

#include <sys/mman.h>

/// `fallocate FD MODE OFFSET LENGTH`
static void call_fallocate(const Words *w) {
    answer(fallocate(descriptor(w->word[1]), (int)number(w->word[2]), number(w->word[3]),
                     number(w->word[4])));
}

/// `copyrange FROM OFFSET TO OFFSET LENGTH`
static void call_copyrange(const Words *w) {
    off_t from = number(w->word[2]), to = number(w->word[4]);
    long long left = number(w->word[5]), done = 0;
    while (left > 0) {
        ssize_t count = copy_file_range(descriptor(w->word[1]), &from, descriptor(w->word[3]),
                                        &to, (size_t)left, 0);
        if (count < 0) return answer(count);
        if (count == 0) break;
        done += count;
        left -= count;
    }
    printf("%lld", done);
}

static char *mapping;
static size_t mapping_length;

/// `mmap FD shared|private r|rw OFFSET LENGTH`
static void call_mmap(const Words *w) {
    if (mapping != NULL) munmap(mapping, mapping_length);
    mapping_length = (size_t)number(w->word[5]);
    int protection = PROT_READ | (w->word[3][1] == 'w' ? PROT_WRITE : 0);
    mapping = mmap(NULL, mapping_length, protection,
                   w->word[2][0] == 's' ? MAP_SHARED : MAP_PRIVATE, descriptor(w->word[1]),
                   number(w->word[4]));
    int failed = mapping == MAP_FAILED;
    if (failed) mapping = NULL;
    answer(failed ? -1 : 0);
}

static void call_munmap(const Words *w) {
    (void)w;
    require(mapping != NULL, "nothing is mapped");
    answer(munmap(mapping, mapping_length));
    mapping = NULL;
}

static void call_msync(const Words *w) {
    require(mapping != NULL, "nothing is mapped");
    int flags = strcmp(w->word[1], "async") == 0 ? MS_ASYNC : MS_SYNC;
    answer(msync(mapping, mapping_length, flags));
}

/// `poke OFFSET TEXT` writes into the mapping, `peek OFFSET LENGTH` reads from it.
static void call_poke(const Words *w) {
    size_t offset = (size_t)number(w->word[1]);
    require(mapping != NULL && offset + w->length[2] <= mapping_length, "poke outside");
    memcpy(mapping + offset, w->word[2], w->length[2]);
    printf("0");
}
static void call_peek(const Words *w) {
    size_t offset = (size_t)number(w->word[1]), length = (size_t)number(w->word[2]);
    require(mapping != NULL && offset + length <= mapping_length, "peek outside");
    print_bytes(mapping + offset, length);
}

/// `stripes FD COUNT STEP`: writes one byte at each step, which makes many extents.
static void call_stripes(const Words *w) {
    for (long long index = 0; index < number(w->word[2]); index++) {
        char byte = (char)('a' + index % 26);
        if (pwrite(descriptor(w->word[1]), &byte, 1, index * number(w->word[3])) != 1)
            return answer(-1);
    }
    printf("0");
}

const Call range_calls[] = {
    {"fallocate", 4, call_fallocate}, {"copyrange", 5, call_copyrange}, {"mmap", 5, call_mmap},
    {"munmap", 0, call_munmap},       {"msync", 1, call_msync},         {"poke", 2, call_poke},
    {"peek", 2, call_peek},           {"stripes", 3, call_stripes},     {NULL, 0, NULL},
};
