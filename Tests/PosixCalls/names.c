// Calls that make, move, find and remove names.

#include "calls.h"

#include <dirent.h>
#include <linux/fs.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>

static void call_mkdir(const Words *w) { answer(mkdir(w->word[2], (mode_t)number(w->word[1]))); }
static void call_rmdir(const Words *w) { answer(rmdir(w->word[1])); }
static void call_unlink(const Words *w) { answer(unlink(w->word[1])); }
static void call_symlink(const Words *w) { answer(symlink(w->word[1], w->word[2])); }
static void call_link(const Words *w) { answer(link(w->word[1], w->word[2])); }
static void call_rename(const Words *w) { answer(rename(w->word[1], w->word[2])); }
static void call_chdir(const Words *w) { answer(chdir(w->word[1])); }

/// `mknod c|b|p|s|- MODE PATH [MAJOR MINOR]`
static void call_mknod(const Words *w) {
    static const char letters[] = "cbps-d";
    static const mode_t kinds[] = {S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, S_IFREG, S_IFDIR};
    const char *at = strchr(letters, w->word[1][0]);
    require(at != NULL, "mknod of what");
    dev_t device = 0;
    if (w->count > 5)
        device = makedev((unsigned)number(w->word[4]), (unsigned)number(w->word[5]));
    answer(mknod(w->word[3], kinds[at - letters] | (mode_t)number(w->word[2]), device));
}

static void call_readlink(const Words *w) {
    char target[8192];
    ssize_t length = readlink(w->word[1], target, sizeof target);
    if (length < 0) return answer(length);
    print_bytes(target, (size_t)length);
}

/// `linkat FLAGS OLD NEW`
static void call_linkat(const Words *w) {
    answer(linkat(AT_FDCWD, w->word[2], AT_FDCWD, w->word[3], (int)number(w->word[1])));
}

/// `linkfd FD NEW`: gives an open file a name.
static void call_linkfd(const Words *w) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor(w->word[1]));
    answer(linkat(AT_FDCWD, path, AT_FDCWD, w->word[2], AT_SYMLINK_FOLLOW));
}

/// `rename2 FLAGS OLD NEW`
static void call_rename2(const Words *w) {
    answer(renameat2(AT_FDCWD, w->word[2], AT_FDCWD, w->word[3], (unsigned)number(w->word[1])));
}

/// Names in a directory, in order of the alphabet.
static void call_list(const Words *w) {
    struct dirent **names;
    int count = scandir(w->word[1], &names, NULL, alphasort);
    if (count < 0) return answer(count);
    for (int index = 0; index < count; index++) {
        print_bytes(names[index]->d_name, strlen(names[index]->d_name));
        printf("/%d ", names[index]->d_type);
        free(names[index]);
    }
    free(names);
}

/// `many COUNT PREFIX`: makes so many files; `fewer COUNT PREFIX STEP` removes each STEPth.
static void call_many(const Words *w) {
    char name[300];
    for (long long index = 0; index < number(w->word[1]); index++) {
        snprintf(name, sizeof name, "%s%lld", w->word[2], index);
        int file = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
        if (file < 0) return answer(file);
        close(file);
    }
    printf("0");
}

static void call_fewer(const Words *w) {
    char name[300];
    for (long long index = 0; index < number(w->word[1]); index += number(w->word[3])) {
        snprintf(name, sizeof name, "%s%lld", w->word[2], index);
        if (unlink(name) != 0) return answer(-1);
    }
    printf("0");
}

static int count_from(DIR *directory, uint64_t *sum) {
    struct dirent *entry;
    int count = 0;
    *sum = 0;
    while ((entry = readdir(directory)) != NULL) {
        count++;
        *sum += checksum(1469598103934665603u, entry->d_name, strlen(entry->d_name));
    }
    return count;
}

/// `seekdir PATH SKIP`: what comes after a place is the same when one goes back to it.
static void call_seekdir(const Words *w) {
    DIR *directory = opendir(w->word[1]);
    if (directory == NULL) return answer(-1);
    int skip = (int)number(w->word[2]);
    for (int index = 0; index < skip; index++) readdir(directory);
    long place = telldir(directory);
    uint64_t first, second, whole;
    int left = count_from(directory, &first);
    seekdir(directory, place);
    int again = count_from(directory, &second);
    rewinddir(directory);
    int all = count_from(directory, &whole);
    printf("%s all=%d left=%d", left == again && first == second ? "same" : "different", all,
           left);
    closedir(directory);
}

/// `churn PATH COUNT`: lists a directory while names come and go; those that stay come once each.
static void call_churn(const Words *w) {
    long count = (long)number(w->word[2]);
    DIR *directory = opendir(w->word[1]);
    if (directory == NULL || fchdir(dirfd(directory)) != 0) return answer(-1);
    unsigned char *seen = calloc((size_t)count, 1);
    struct dirent *entry;
    long step = 0, twice = 0, missing = 0;
    char name[64];
    while ((entry = readdir(directory)) != NULL) {
        long index;
        if (sscanf(entry->d_name, "stay%ld", &index) == 1 && index < count) {
            if (seen[index]) twice++;
            seen[index] = 1;
        }
        if (step >= count) continue;
        snprintf(name, sizeof name, "go%ld", step);
        unlink(name);
        snprintf(name, sizeof name, "come%ld", step++);
        close(open(name, O_CREAT | O_WRONLY, 0644));
    }
    for (long index = 0; index < count; index++) missing += !seen[index];
    printf("missing=%ld twice=%ld", missing, twice);
    free(seen);
    closedir(directory);
    require(chdir("..") == 0, "chdir back");
}

/// `deep COUNT NAME`: makes directories each in the last, enters all, and comes back.
static void call_deep(const Words *w) {
    int back = open(".", O_RDONLY | O_DIRECTORY);
    long long made = 0;
    while (made < number(w->word[1]) && mkdir(w->word[2], 0755) == 0 && chdir(w->word[2]) == 0)
        made++;
    printf("%lld", made);
    // The way up is as long.
    long long up = 0;
    struct stat top, here;
    fstat(back, &top);
    while (up < made && chdir("..") == 0) up++;
    stat(".", &here);
    printf(" %s", up == made && top.st_ino == here.st_ino ? "back" : "lost");
    require(fchdir(back) == 0, "fchdir");
    close(back);
}

static void call_statfs(const Words *w) {
    struct statfs status;
    if (statfs(w->word[1], &status) != 0) return answer(-1);
    printf("namemax=%ld free<=total:%d files:%d", (long)status.f_namelen,
           status.f_bavail <= status.f_bfree && status.f_bfree <= status.f_blocks,
           status.f_ffree <= status.f_files);
}

const Call name_calls[] = {
    {"mkdir", 2, call_mkdir},       {"rmdir", 1, call_rmdir},     {"unlink", 1, call_unlink},
    {"symlink", 2, call_symlink},   {"link", 2, call_link},       {"rename", 2, call_rename},
    {"chdir", 1, call_chdir},       {"mknod", 3, call_mknod},     {"readlink", 1, call_readlink},
    {"linkat", 3, call_linkat},     {"linkfd", 2, call_linkfd},   {"rename2", 3, call_rename2},
    {"list", 1, call_list},         {"many", 2, call_many},       {"fewer", 3, call_fewer},
    {"seekdir", 2, call_seekdir},   {"churn", 2, call_churn},     {"deep", 2, call_deep},
    {"statfs", 1, call_statfs},     {NULL, 0, NULL},
};
