// Calls on open files: opening, reading, writing, locks.

#include "calls.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static void call_create(const Words *w) {
    int file = open(w->word[2], O_CREAT | O_EXCL | O_WRONLY, (mode_t)number(w->word[1]));
    answer(file);
    if (file >= 0) close(file);
}

/// `open FD FLAGS PATH [MODE]`
static void call_open(const Words *w) {
    mode_t mode = w->count > 4 ? (mode_t)number(w->word[4]) : 0644;
    int file = open(w->word[3], open_flags(w->word[2]) | O_CLOEXEC, mode);
    answer(file);
    if (file >= 0) set_descriptor(w->word[1], file);
}

static void call_close(const Words *w) {
    int index = (int)number(w->word[1]);
    require(index >= 0 && index < descriptors_max, "close of what");
    answer(close(descriptors[index]));
    descriptors[index] = -1;
}

static void call_dup(const Words *w) {
    int file = dup(descriptor(w->word[1]));
    answer(file);
    if (file >= 0) set_descriptor(w->word[2], file);
}

static void call_write(const Words *w) {
    answer_number(write(descriptor(w->word[1]), w->word[2], w->length[2]));
}
static void call_pwrite(const Words *w) {
    answer_number(
        pwrite(descriptor(w->word[1]), w->word[3], w->length[3], number(w->word[2])));
}

static void call_read(const Words *w) {
    static char bytes[1 << 20];
    ssize_t count = read(descriptor(w->word[1]), bytes, (size_t)number(w->word[2]));
    if (count < 0) return answer(count);
    print_bytes(bytes, (size_t)count);
}

/// `pread FD OFFSET LENGTH`
static void call_pread(const Words *w) {
    static char bytes[1 << 20];
    ssize_t count = pread(descriptor(w->word[1]), bytes, (size_t)number(w->word[3]),
                          number(w->word[2]));
    if (count < 0) return answer(count);
    print_bytes(bytes, (size_t)count);
}

/// `cat PATH`
static void call_cat(const Words *w) {
    static char bytes[1 << 20];
    int file = open(w->word[1], O_RDONLY | O_NONBLOCK);
    if (file < 0) return answer(file);
    ssize_t count = read(file, bytes, sizeof bytes);
    close(file);
    if (count < 0) return answer(count);
    print_bytes(bytes, (size_t)count);
}

/// `put TEXT PATH`: makes or overwrites.
static void call_put(const Words *w) {
    int file = open(w->word[2], O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, 0644);
    if (file < 0) return answer(file);
    answer_number(write(file, w->word[1], w->length[1]));
    close(file);
}

/// `lseek FD OFFSET set|cur|end|data|hole`
static void call_lseek(const Words *w) {
    static const char *const names[] = {"set", "cur", "end", "data", "hole"};
    for (int whence = 0; whence < 5; whence++)
        if (strcmp(w->word[3], names[whence]) == 0)
            return answer_number(lseek(descriptor(w->word[1]), number(w->word[2]), whence));
    answer_number(lseek(descriptor(w->word[1]), number(w->word[2]), (int)number(w->word[3])));
}

static void call_ftruncate(const Words *w) {
    answer(ftruncate(descriptor(w->word[1]), number(w->word[2])));
}
static void call_fsync(const Words *w) { answer(fsync(descriptor(w->word[1]))); }
static void call_fdatasync(const Words *w) { answer(fdatasync(descriptor(w->word[1]))); }

/// `direct FD read|write OFFSET LENGTH ALIGNMENT`
static void call_direct(const Words *w) {
    static char room[1 << 20] __attribute__((aligned(4096)));
    char *bytes = room + (number(w->word[5]) % 4096);
    size_t length = (size_t)number(w->word[4]);
    require(length < (1 << 20) - 4096, "too long");
    if (w->word[2][0] == 'w') {
        memset(bytes, 'D', length);
        return answer_number(pwrite(descriptor(w->word[1]), bytes, length, number(w->word[3])));
    }
    ssize_t count = pread(descriptor(w->word[1]), bytes, length, number(w->word[3]));
    if (count < 0) return answer(count);
    print_bytes(bytes, (size_t)count);
}

/// `flock FD sh|ex|un`, never waiting.
static void call_flock(const Words *w) {
    int operation = w->word[2][0] == 's' ? LOCK_SH : w->word[2][0] == 'e' ? LOCK_EX : LOCK_UN;
    answer(flock(descriptor(w->word[1]), operation | LOCK_NB));
}

static struct flock lock_of(const Words *w) {
    struct flock lock = {0};
    lock.l_type = w->word[2][0] == 'r' ? F_RDLCK : w->word[2][0] == 'w' ? F_WRLCK : F_UNLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = number(w->word[3]);
    lock.l_len = number(w->word[4]);
    return lock;
}

/// `lock FD r|w|u START LENGTH` by fcntl(2), `ofdlock` for the open file.
static void call_lock(const Words *w) {
    struct flock lock = lock_of(w);
    answer(fcntl(descriptor(w->word[1]), F_SETLK, &lock));
}
static void call_ofdlock(const Words *w) {
    struct flock lock = lock_of(w);
    answer(fcntl(descriptor(w->word[1]), F_OFD_SETLK, &lock));
}
static void call_getlock(const Words *w) {
    struct flock lock = lock_of(w);
    if (fcntl(descriptor(w->word[1]), F_GETLK, &lock) != 0) return answer(-1);
    printf("%s %lld %lld", lock.l_type == F_UNLCK ? "free" : lock.l_type == F_RDLCK ? "r" : "w",
           (long long)lock.l_start, (long long)lock.l_len);
}

/// `program PATH`: makes one that sleeps for as many seconds as it is told.
static void call_program(const Words *w) {
    int from = open("/bin/sleep", O_RDONLY);
    int to = open(w->word[1], O_WRONLY | O_CREAT | O_EXCL, 0755);
    require(from >= 0, "no sleep(1)");
    if (to < 0) return answer(-1);
    static char bytes[1 << 16];
    ssize_t count;
    while ((count = read(from, bytes, sizeof bytes)) > 0)
        if (write(to, bytes, (size_t)count) != count) break;
    answer(count);
    close(from);
    close(to);
}

/// `execute PATH`: runs such a program, which ends at once.
static void call_execute(const Words *w) {
    fflush(stdout);
    pid_t child = fork();
    require(child >= 0, "fork");
    if (child == 0) {
        execl(w->word[1], "sleep", "0", NULL);
        answer(-1);
        fflush(stdout);
        _exit(1);
    }
    int status;
    waitpid(child, &status, 0);
    printf(" status=%d", status);
}

/// `ioctl FD flags|version|extents`, and `ioctl FD clone FD`.
static void call_ioctl(const Words *w) {
    int file = descriptor(w->word[1]), number = 0;
    struct fiemap map = {0};
    map.fm_length = FIEMAP_MAX_OFFSET;
    switch (w->word[2][0]) {
    case 'f': return answer(ioctl(file, FS_IOC_GETFLAGS, &number));
    case 'v': return answer(ioctl(file, FS_IOC_GETVERSION, &number));
    case 'e': return answer(ioctl(file, FS_IOC_FIEMAP, &map));
    default: return answer(ioctl(file, FICLONE, descriptor(w->word[3])));
    }
}

const Call file_calls[] = {
    {"create", 2, call_create},     {"open", 3, call_open},           {"close", 1, call_close},
    {"dup", 2, call_dup},           {"write", 2, call_write},         {"pwrite", 3, call_pwrite},
    {"read", 2, call_read},         {"pread", 3, call_pread},         {"cat", 1, call_cat},
    {"put", 2, call_put},           {"lseek", 3, call_lseek},         {"fsync", 1, call_fsync},
    {"ftruncate", 2, call_ftruncate}, {"fdatasync", 1, call_fdatasync},
    {"direct", 5, call_direct},     {"flock", 2, call_flock},         {"lock", 4, call_lock},
    {"ofdlock", 4, call_ofdlock},   {"getlock", 4, call_getlock},     {"ioctl", 2, call_ioctl},
    {"program", 1, call_program},   {"execute", 1, call_execute},
    {NULL, 0, NULL},
};
