// Random work on one file, against the same work on memory.
//
// `fsx run SEED STEPS SIZE PATH` performs it and compares after every reading; `fsx check` with the
// same words performs it in memory only and compares the file, which may have been away meanwhile.

#include "calls.h"

#include <sys/mman.h>

typedef struct {
    uint64_t random;
    char *bytes;
    long long length, room;
    /// -1: in memory only.
    int file, direct;
    const char *path, *failure;
    long long step;
} Fsx;

static uint64_t next(Fsx *fsx) {
    // xorshift64*; the seed decides everything.
    fsx->random ^= fsx->random >> 12;
    fsx->random ^= fsx->random << 25;
    fsx->random ^= fsx->random >> 27;
    return fsx->random * 2685821657736338717u;
}

static long long below(Fsx *fsx, long long bound) {
    return bound <= 0 ? 0 : (long long)(next(fsx) % (uint64_t)bound);
}

static void check(Fsx *fsx, int holds, const char *what) {
    if (!holds && fsx->failure == NULL) fsx->failure = what;
}

static void grow(Fsx *fsx, long long length) {
    if (length <= fsx->length) return;
    memset(fsx->bytes + fsx->length, 0, (size_t)(length - fsx->length));
    fsx->length = length;
}

static void fill(Fsx *fsx, char *bytes, long long count) {
    uint64_t word = next(fsx);
    for (long long index = 0; index < count; index++)
        bytes[index] = (char)(word >> (index % 8 * 8)) ^ (char)(index * 31 >> 3);
}

static void write_some(Fsx *fsx, long long at, long long count, int directly) {
    static char buffer[1 << 20] __attribute__((aligned(4096)));
    if (directly) {
        at &= ~4095LL;
        count = (count | 4095) + 1;
    }
    if (at + count > fsx->room || count > (long long)sizeof buffer) return;
    fill(fsx, buffer, count);
    grow(fsx, at + count);
    memcpy(fsx->bytes + at, buffer, (size_t)count);
    if (fsx->file < 0) return;
    int file = directly && fsx->direct >= 0 ? fsx->direct : fsx->file;
    check(fsx, pwrite(file, buffer, (size_t)count, at) == count, "write");
}

static void read_some(Fsx *fsx, long long at, long long count) {
    static char buffer[1 << 20];
    if (fsx->file < 0 || count > (long long)sizeof buffer) return;
    long long left = fsx->length > at ? fsx->length - at : 0;
    long long expected = left < count ? left : count;
    check(fsx, pread(fsx->file, buffer, (size_t)count, at) == expected, "length of a read");
    if (expected > 0)
        check(fsx, memcmp(buffer, fsx->bytes + at, (size_t)expected) == 0, "bytes of a read");
}

static void map_some(Fsx *fsx, long long at, long long count, int writes) {
    if (at >= fsx->length) return;
    if (count > fsx->length - at) count = fsx->length - at;
    if (count <= 0) return;
    if (writes) fill(fsx, fsx->bytes + at, count);
    if (fsx->file < 0) return;
    long long start = at & ~4095LL;
    size_t length = (size_t)(at + count - start);
    char *map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fsx->file, start);
    check(fsx, map != MAP_FAILED, "mmap");
    if (map == MAP_FAILED) return;
    if (writes)
        memcpy(map + (at - start), fsx->bytes + at, (size_t)count);
    else
        check(fsx, memcmp(map + (at - start), fsx->bytes + at, (size_t)count) == 0, "mapped bytes");
    if (writes && fsx->step % 2 == 0) check(fsx, msync(map, length, MS_SYNC) == 0, "msync");
    munmap(map, length);
}

static void allocate_some(Fsx *fsx, long long at, long long count, int mode) {
    if (count == 0 || at + count > fsx->room) return;
    if (mode & 0x12) {
        long long end = at + count < fsx->length ? at + count : fsx->length;
        if (at < end) memset(fsx->bytes + at, 0, (size_t)(end - at));
    }
    if (!(mode & 1)) grow(fsx, at + count);
    if (fsx->file >= 0) check(fsx, fallocate(fsx->file, mode, at, count) == 0, "fallocate");
}

static void clone_some(Fsx *fsx, long long from, long long to, long long count) {
    if (count > fsx->length - from) count = fsx->length - from;
    long long apart = from < to ? to - from : from - to;
    if (count > apart) count = apart;
    if (count <= 0 || to + count > fsx->room) return;
    grow(fsx, to + count);
    memcpy(fsx->bytes + to, fsx->bytes + from, (size_t)count);
    if (fsx->file < 0) return;
    off_t source = from, target = to;
    for (long long left = count; left > 0;) {
        ssize_t done = copy_file_range(fsx->file, &source, fsx->file, &target, (size_t)left, 0);
        check(fsx, done > 0, "copy_file_range");
        if (done <= 0) return;
        left -= done;
    }
}

static void resize(Fsx *fsx, long long length) {
    if (length < fsx->length)
        fsx->length = length;
    else
        grow(fsx, length);
    if (fsx->file >= 0) check(fsx, ftruncate(fsx->file, length) == 0, "ftruncate");
}

static void open_files(Fsx *fsx, int flags) {
    fsx->file = open(fsx->path, O_RDWR | flags, 0644);
    check(fsx, fsx->file >= 0, "open");
    // Not every filesystem has it.
    fsx->direct = open(fsx->path, O_RDWR | O_DIRECT);
}

static void reopen(Fsx *fsx) {
    if (fsx->file < 0) return;
    check(fsx, fsync(fsx->file) == 0, "fsync");
    close(fsx->file);
    if (fsx->direct >= 0) close(fsx->direct);
    open_files(fsx, 0);
}

static void step(Fsx *fsx) {
    static const int modes[] = {0, 1, 3, 0x10, 0x11};
    static const long long sizes[] = {1, 13, 511, 4096, 5000, 65536, 200000};
    long long at = below(fsx, fsx->room), count = sizes[below(fsx, 7)];
    count = 1 + below(fsx, count);
    if (below(fsx, 3) == 0) at &= ~4095LL;
    switch (below(fsx, 16)) {
    case 0: case 1: case 2: case 3: write_some(fsx, at, count, 0); break;
    case 4: write_some(fsx, at, count, 1); break;
    case 5: case 6: case 7: read_some(fsx, at, count); break;
    case 8: map_some(fsx, at, count, 1); break;
    case 9: map_some(fsx, at, count, 0); break;
    case 10: case 11: allocate_some(fsx, at, count, modes[below(fsx, 5)]); break;
    case 12: clone_some(fsx, below(fsx, fsx->length), at, count); break;
    case 13: clone_some(fsx, below(fsx, fsx->length), at, fsx->length); break;
    case 14: resize(fsx, below(fsx, 4) == 0 ? below(fsx, 5000) : at); break;
    default: if (below(fsx, 8) == 0) reopen(fsx); break;
    }
    if (fsx->file < 0) return;
    struct stat status;
    check(fsx, fstat(fsx->file, &status) == 0 && status.st_size == fsx->length, "size");
}

static void call_fsx(const Words *w) {
    Fsx fsx = {0};
    int runs = strcmp(w->word[1], "run") == 0;
    fsx.random = (uint64_t)number(w->word[2]) * 2654435769u + 1;
    long long steps = number(w->word[3]);
    fsx.room = number(w->word[4]);
    fsx.bytes = malloc((size_t)fsx.room);
    require(fsx.bytes != NULL, "no memory");
    fsx.path = w->word[5];
    fsx.file = fsx.direct = -1;
    if (runs) open_files(&fsx, O_CREAT | O_TRUNC);
    for (fsx.step = 0; fsx.step < steps && fsx.failure == NULL; fsx.step++) step(&fsx);
    if (!runs) open_files(&fsx, 0);
    for (long long at = 0; at <= fsx.length && fsx.failure == NULL; at += 1 << 19)
        read_some(&fsx, at, 1 << 19);
    struct stat status;
    check(&fsx, fstat(fsx.file, &status) == 0 && status.st_size == fsx.length, "last size");
    close(fsx.file);
    if (fsx.direct >= 0) close(fsx.direct);
    free(fsx.bytes);
    if (fsx.failure == NULL)
        printf("same %lld", fsx.length);
    else
        printf("seed %s step %lld: %s differs", w->word[2], fsx.step, fsx.failure);
}

const Call fsx_calls[] = {{"fsx", 5, call_fsx}, {NULL, 0, NULL}};
