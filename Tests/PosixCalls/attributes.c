// Calls that read and change attributes.

#include "calls.h"

#include <signal.h>
#include <sys/resource.h>

static void call_chmod(const Words *w) { answer(chmod(w->word[2], (mode_t)number(w->word[1]))); }
static void call_umask(const Words *w) { answer_number((long)umask((mode_t)number(w->word[1]))); }
static void call_truncate(const Words *w) { answer(truncate(w->word[1], number(w->word[2]))); }

/// `chown UID GID PATH`; -1 leaves one as it is.
static void call_chown(const Words *w) {
    answer(chown(w->word[3], (uid_t)number(w->word[1]), (gid_t)number(w->word[2])));
}
static void call_lchown(const Words *w) {
    answer(lchown(w->word[3], (uid_t)number(w->word[1]), (gid_t)number(w->word[2])));
}

static void call_stat(const Words *w) {
    struct stat status;
    if (stat(w->word[1], &status) != 0) return answer(-1);
    print_status(&status);
}
static void call_lstat(const Words *w) {
    struct stat status;
    if (lstat(w->word[1], &status) != 0) return answer(-1);
    print_status(&status);
}
static void call_fstat(const Words *w) {
    struct stat status;
    if (fstat(descriptor(w->word[1]), &status) != 0) return answer(-1);
    print_status(&status);
}
static void call_fchmod(const Words *w) {
    answer(fchmod(descriptor(w->word[2]), (mode_t)number(w->word[1])));
}
static void call_fchown(const Words *w) {
    answer(fchown(descriptor(w->word[3]), (uid_t)number(w->word[1]), (gid_t)number(w->word[2])));
}

/// `access rwx PATH`, as the effective user.
static void call_access(const Words *w) {
    int mode = F_OK;
    if (strchr(w->word[1], 'r') != NULL) mode |= R_OK;
    if (strchr(w->word[1], 'w') != NULL) mode |= W_OK;
    if (strchr(w->word[1], 'x') != NULL) mode |= X_OK;
    answer(faccessat(AT_FDCWD, w->word[2], mode, AT_EACCESS));
}

static struct timespec time_of(const char *word) {
    struct timespec time = {0, 0};
    if (strcmp(word, "now") == 0) {
        time.tv_nsec = UTIME_NOW;
    } else if (strcmp(word, "omit") == 0) {
        time.tv_nsec = UTIME_OMIT;
    } else {
        char *rest;
        time.tv_sec = strtoll(word, &rest, 10);
        if (*rest == '.') time.tv_nsec = strtol(rest + 1, NULL, 10);
    }
    return time;
}

/// `utimens ACCESSED MODIFIED PATH [nofollow]`; a time is SECONDS.NANOSECONDS, now or omit.
static void call_utimens(const Words *w) {
    struct timespec times[2] = {time_of(w->word[1]), time_of(w->word[2])};
    int flags = w->count > 4 ? AT_SYMLINK_NOFOLLOW : 0;
    answer(utimensat(AT_FDCWD, w->word[3], times, flags));
}

/// The access and modification time, exactly.
static void call_stamps(const Words *w) {
    struct stat status;
    if (lstat(w->word[1], &status) != 0) return answer(-1);
    printf("%lld.%09ld %lld.%09ld", (long long)status.st_atim.tv_sec, status.st_atim.tv_nsec,
           (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

/// `birth PATH`: whether it is told when the inode was made.
static void call_birth(const Words *w) {
    struct statx status;
    if (statx(AT_FDCWD, w->word[1], AT_SYMLINK_NOFOLLOW, STATX_BTIME, &status) != 0)
        return answer(-1);
    printf("%s", status.stx_mask & STATX_BTIME ? "told" : "unknown");
}

/// `sparse PATH BYTES`: whether a file takes less room on the disk than that.
static void call_sparse(const Words *w) {
    struct stat status;
    if (stat(w->word[1], &status) != 0) return answer(-1);
    printf("%s", status.st_blocks * 512LL < number(w->word[2]) ? "sparse" : "full");
}

/// `same PATH PATH`: whether two names are of one inode.
static void call_same(const Words *w) {
    struct stat left, right;
    if (lstat(w->word[1], &left) != 0 || lstat(w->word[2], &right) != 0) return answer(-1);
    printf("%s", left.st_ino == right.st_ino && left.st_dev == right.st_dev ? "same" : "other");
}

/// `limit BYTES [fatal]`: how long files may become (RLIMIT_FSIZE); fatal: what is longer ends the
/// process by SIGXFSZ, which is else ignored.
static void call_limit(const Words *w) {
    if (w->count > 2) signal(SIGXFSZ, SIG_DFL);
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0) return answer(-1);
    limit.rlim_cur = (rlim_t)number(w->word[1]);
    answer(setrlimit(RLIMIT_FSIZE, &limit));
}

const Call attribute_calls[] = {
    {"chmod", 2, call_chmod},       {"umask", 1, call_umask},     {"truncate", 2, call_truncate},
    {"chown", 3, call_chown},       {"lchown", 3, call_lchown},   {"stat", 1, call_stat},
    {"lstat", 1, call_lstat},       {"fstat", 1, call_fstat},     {"fchmod", 2, call_fchmod},
    {"fchown", 3, call_fchown},     {"access", 2, call_access},   {"utimens", 3, call_utimens},
    {"stamps", 1, call_stamps},     {"sparse", 2, call_sparse},   {"same", 2, call_same},
    {"limit", 1, call_limit},       {"birth", 1, call_birth},     {NULL, 0, NULL},
};
