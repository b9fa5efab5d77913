// How answers are printed, and words are read.

#include "calls.h"

#include <ctype.h>
#include <dirent.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

void answer(long result) {
    if (result < 0)
        printf("%s", strerrorname_np(errno));
    else
        printf("0");
}

void answer_number(long result) {
    if (result < 0)
        printf("%s", strerrorname_np(errno));
    else
        printf("%ld", result);
}

uint64_t checksum(uint64_t seed, const char *bytes, size_t length) {
    // FNV-1a: two filesystems that differ by chance are not a worry here.
    for (size_t index = 0; index < length; index++)
        seed = (seed ^ (uint8_t)bytes[index]) * 1099511628211u;
    return seed;
}

void print_bytes(const char *bytes, size_t length) {
    if (length > 80) {
        printf("<%zu bytes %016lx>", length, checksum(1469598103934665603u, bytes, length));
        return;
    }
    for (size_t index = 0; index < length; index++) {
        unsigned char byte = (unsigned char)bytes[index];
        if (isgraph(byte) && byte != '%')
            putchar(byte);
        else
            printf("%%%02X", byte);
    }
}

static int place(const char *word) {
    int index = atoi(word);
    require(index >= 0 && index < descriptors_max, "no such descriptor");
    return index;
}

int descriptor(const char *word) { return descriptors[place(word)]; }

void set_descriptor(const char *word, int value) {
    int index = place(word);
    if (descriptors[index] >= 0) close(descriptors[index]);
    descriptors[index] = value;
}

long long number(const char *word) {
    char *rest;
    long long value = strtoll(word, &rest, 0);
    switch (*rest) {
    case 'K': return value << 10;
    case 'M': return value << 20;
    case 'G': return value << 30;
    default: return value;
    }
}

int open_flags(const char *word) {
    static const struct {
        const char *name;
        int flag;
    } known[] = {{"rdonly", O_RDONLY},   {"wronly", O_WRONLY},     {"rdwr", O_RDWR},
                 {"creat", O_CREAT},     {"excl", O_EXCL},         {"trunc", O_TRUNC},
                 {"append", O_APPEND},   {"directory", O_DIRECTORY}, {"nofollow", O_NOFOLLOW},
                 {"tmpfile", O_TMPFILE}, {"direct", O_DIRECT},     {"sync", O_SYNC},
                 {"dsync", O_DSYNC},     {"path", O_PATH},         {"noatime", O_NOATIME},
                 {"nonblock", O_NONBLOCK}};
    int flags = 0;
    char text[128];
    snprintf(text, sizeof text, "%s", word);
    for (char *name = strtok(text, "|"); name != NULL; name = strtok(NULL, "|")) {
        int found = 0;
        for (size_t index = 0; index < sizeof known / sizeof *known; index++)
            if (strcmp(name, known[index].name) == 0) {
                flags |= known[index].flag;
                found = 1;
            }
        require(found, "no such flag of open");
    }
    return flags;
}

static char kind(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFREG: return '-';
    case S_IFDIR: return 'd';
    case S_IFLNK: return 'l';
    case S_IFIFO: return 'p';
    case S_IFSOCK: return 's';
    case S_IFCHR: return 'c';
    case S_IFBLK: return 'b';
    default: return '?';
    }
}

void print_status(const struct stat *status) {
    printf("%c%04o links=%ld %u:%u", kind(status->st_mode), status->st_mode & 07777,
           (long)status->st_nlink, status->st_uid, status->st_gid);
    if (!S_ISDIR(status->st_mode)) printf(" size=%lld", (long long)status->st_size);
    if (S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode))
        printf(" device=%u,%u", major(status->st_rdev), minor(status->st_rdev));
}

static int compare(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

void print_extended(const char *path) {
    static char names[65536], value[65536];
    ssize_t length = llistxattr(path, names, sizeof names);
    char *sorted[256];
    size_t count = 0;
    for (char *name = names; length > 0 && name < names + length && count < 256;
         name += strlen(name) + 1)
        sorted[count++] = name;
    qsort(sorted, count, sizeof *sorted, compare);
    for (size_t index = 0; index < count; index++) {
        ssize_t size = lgetxattr(path, sorted[index], value, sizeof value);
        printf(" %s=", sorted[index]);
        if (size < 0)
            printf("%s", strerrorname_np(errno));
        else
            print_bytes(value, (size_t)size);
    }
}

static void dump_contents(const char *path, const struct stat *status) {
    static char buffer[1 << 16];
    if (S_ISLNK(status->st_mode)) {
        ssize_t length = readlink(path, buffer, sizeof buffer);
        printf(" -> ");
        if (length >= 0) print_bytes(buffer, (size_t)length);
    }
    if (!S_ISREG(status->st_mode) || status->st_size == 0 || status->st_size > 4 << 20) return;
    int file = open(path, O_RDONLY | O_NONBLOCK);
    if (file < 0) {
        printf(" %s", strerrorname_np(errno));
        return;
    }
    uint64_t sum = 1469598103934665603u;
    ssize_t count;
    while ((count = read(file, buffer, sizeof buffer)) > 0)
        sum = checksum(sum, buffer, (size_t)count);
    if (count < 0) printf(" %s", strerrorname_np(errno));
    close(file);
    printf(" %016lx", sum);
}

/// The names in the working directory, in order; the array and its strings are the caller's.
static char **sorted_names(int *count) {
    struct dirent **names = NULL;
    int all = scandir(".", &names, NULL, NULL);
    char **sorted = calloc((size_t)(all > 0 ? all : 1), sizeof *sorted);
    require(sorted != NULL, "no memory");
    *count = 0;
    for (int index = 0; index < all; index++) {
        const char *name = names[index]->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) sorted[(*count)++] = strdup(name);
        free(names[index]);
    }
    free(names);
    qsort(sorted, (size_t)*count, sizeof *sorted, compare);
    return sorted;
}

/// Prints one path and all below it.
///
/// Paths are too long for one call in deep trees, so each directory is entered.
static void dump(const char *name, int depth) {
    struct stat status;
    printf("= %d ", depth);
    print_bytes(name, strlen(name));
    printf(" ");
    if (lstat(name, &status) != 0) {
        printf("%s\n", strerrorname_np(errno));
        return;
    }
    print_status(&status);
    dump_contents(name, &status);
    print_extended(name);
    printf("\n");
    if (!S_ISDIR(status.st_mode)) return;
    if (depth > 0 && chdir(name) != 0) {
        printf("= can not be entered: %s\n", strerrorname_np(errno));
        return;
    }
    int count;
    char **names = sorted_names(&count);
    for (int index = 0; index < count; index++) {
        dump(names[index], depth + 1);
        free(names[index]);
    }
    free(names);
    if (depth > 0) require(chdir("..") == 0, "chdir back");
}

void dump_tree(const char *folder) {
    if (chdir(folder) == 0) dump(".", 0);
}

int remove_tree(const char *name) {
    if (unlink(name) == 0 || rmdir(name) == 0) return 0;
    if (chdir(name) != 0) return -1;
    int count, result = 0;
    char **names = sorted_names(&count);
    for (int index = 0; index < count; index++) {
        if (remove_tree(names[index]) != 0) result = -1;
        free(names[index]);
    }
    free(names);
    require(chdir("..") == 0, "chdir back");
    return rmdir(name) == 0 ? result : -1;
}
