// Performs system calls and prints what they answer, so that two filesystems can be compared:
//
//     posix-calls FOLDER UID:GID[,GROUP…]
//
// Standard input is cases. `case NAME` begins one: it runs in a process and a folder of its own
// below FOLDER, as the identity given. Each line after it is one call, words between spaces;
// `%XX` in a word is a byte, `*N` as a word is N times the letter n, '' is an empty word. Before
// the call may stand
//
//     as UID:GID[,GROUP…]        the call is made by somebody else
//     times PATH[,PATH…] --      which of the times change: a, m, c
//     child                      another process makes it, and those after ` ; `, and ends
//     running PATH               another process runs that program meanwhile
//
// For each case the program prints `case NAME`, the number of each line with its answer, what is
// left in the folder, and `end`. Then the folder is removed.

#include "calls.h"

#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

int descriptors[descriptors_max];

typedef struct {
    uid_t user;
    gid_t group;
    gid_t groups[16];
    size_t count;
} Identity;

static Identity own;

void require(int holds, const char *what) {
    if (holds) return;
    printf("! %s\n", what);
    fflush(stdout);
    _exit(99);
}

static Identity identity(const char *text) {
    Identity result = {0, 0, {0}, 0};
    char *rest;
    result.user = (uid_t)strtoul(text, &rest, 10);
    require(*rest == ':', "an identity is UID:GID[,GROUP…]");
    result.group = (gid_t)strtoul(rest + 1, &rest, 10);
    while (*rest == ',' && result.count < 16)
        result.groups[result.count++] = (gid_t)strtoul(rest + 1, &rest, 10);
    return result;
}

/// Becomes somebody, with effective ids only, so that the way back stays open.
static void become(const Identity *who) {
    if (geteuid() != 0 && getuid() == 0) require(seteuid(0) == 0, "seteuid back");
    if (geteuid() != 0) {
        require(who->user == geteuid(), "only root can be somebody else");
        return;
    }
    require(setgroups(who->count, who->groups) == 0, "setgroups");
    require(setegid(who->group) == 0, "setegid");
    require(seteuid(who->user) == 0, "seteuid");
    // Or /proc/self would belong to root.
    prctl(PR_SET_DUMPABLE, 1);
}

static int hex(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    return (digit | 32) - 'a' + 10;
}

/// Splits a line in place.
static Words split(char *line) {
    Words words = {0, {0}, {0}};
    char *at = line;
    while (*at != 0 && words.count < words_max) {
        while (*at == ' ') at++;
        if (*at == 0) break;
        char *start = at, *out = at;
        while (*at != 0 && *at != ' ') {
            if (*at == '%' && at[1] != 0 && at[2] != 0) {
                *out++ = (char)(hex(at[1]) << 4 | hex(at[2]));
                at += 3;
            } else {
                *out++ = *at++;
            }
        }
        size_t length = (size_t)(out - start);
        if (*at != 0) at++;
        *out = 0;
        // An empty word, which could not be written otherwise.
        if (strcmp(start, "''") == 0) start[length = 0] = 0;
        if (length > 1 && start[0] == '*' && start[1] >= '0' && start[1] <= '9') {
            length = strtoul(start + 1, NULL, 10);
            start = malloc(length + 1);
            require(start != NULL, "no memory");
            memset(start, 'n', length);
            start[length] = 0;
        }
        words.word[words.count] = start;
        words.length[words.count++] = length;
    }
    return words;
}

static Words rest(const Words *words, int from) {
    Words result = {0, {0}, {0}};
    for (int index = from; index < words->count; index++) {
        result.word[result.count] = words->word[index];
        result.length[result.count++] = words->length[index];
    }
    return result;
}

static void perform(const Words *words);

/// Waits until the clock that goes by ticks has passed a time.
///
/// Kernels before 6.13 stamp inodes by it; later ones too in a rename, and else by a finer one as soon
/// as someone looked.
static void pass(const struct timespec *time) {
    struct timespec now;
    while (clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0 &&
           (now.tv_sec < time->tv_sec ||
            (now.tv_sec == time->tv_sec && now.tv_nsec <= time->tv_nsec)))
        usleep(300);
}

/// Says which times of some paths change by a call.
static void perform_watched(const Words *words) {
    enum { paths_max = 8 };
    char *paths[paths_max];
    struct stat before[paths_max], after;
    int count = 0;
    require(words->count > 3 && strcmp(words->word[2], "--") == 0, "times PATH[,PATH…] -- CALL");
    for (char *path = strtok(words->word[1], ","); path != NULL && count < paths_max;
         path = strtok(NULL, ","))
        paths[count++] = path;
    Identity root = {0, 0, {0}, 0};
    if (getuid() == 0) become(&root);
    struct timespec past[2] = {{1000000000, 5}, {1000000000, 5}};
    for (int index = 0; index < count; index++) {
        utimensat(AT_FDCWD, paths[index], past, AT_SYMLINK_NOFOLLOW);
        if (lstat(paths[index], &before[index]) != 0)
            memset(&before[index], 0, sizeof *before);
    }
    Words inner = rest(words, 3);
    for (int index = 0; index < count; index++) pass(&before[index].st_ctim);
    become(&own);
    perform(&inner);
    if (getuid() == 0) become(&root);
    for (int index = 0; index < count; index++) {
        printf(" %s:", paths[index]);
        if (lstat(paths[index], &after) != 0) {
            printf("gone");
            continue;
        }
        if (after.st_atim.tv_sec != 1000000000) printf("a");
        if (after.st_mtim.tv_sec != 1000000000) printf("m");
        if (after.st_ctim.tv_sec != before[index].st_ctim.tv_sec ||
            after.st_ctim.tv_nsec != before[index].st_ctim.tv_nsec)
            printf("c");
    }
    become(&own);
}

static void perform_in_child(const Words *words) {
    fflush(stdout);
    pid_t child = fork();
    require(child >= 0, "fork");
    if (child == 0) {
        int from = 1;
        for (int index = 1; index <= words->count; index++) {
            if (index < words->count && strcmp(words->word[index], ";") != 0) continue;
            Words part = rest(words, from);
            part.count = index - from;
            perform(&part);
            if (index < words->count) printf(" ");
            from = index + 1;
        }
        fflush(stdout);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) printf(" signal %d", WTERMSIG(status));
}

static void perform_while_running(const Words *words) {
    require(words->count > 2, "running PATH CALL");
    int ends[2];
    // The program that begins closes it.
    require(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    fflush(stdout);
    pid_t child = fork();
    require(child >= 0, "fork");
    if (child == 0) {
        execl(words->word[1], "sleep", "60", NULL);
        answer(-1);
        fflush(stdout);
        _exit(1);
    }
    close(ends[1]);
    char none;
    require(read(ends[0], &none, 1) == 0, "read of a pipe");
    close(ends[0]);
    Words inner = rest(words, 2);
    perform(&inner);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void perform(const Words *words) {
    require(words->count > 0, "a call has a name");
    const char *name = words->word[0];
    if (strcmp(name, "as") == 0) {
        require(words->count > 2, "as UID:GID CALL");
        Identity who = identity(words->word[1]);
        if (getuid() != 0 && who.user != getuid()) {
            printf("skipped");
            return;
        }
        become(&who);
        Words inner = rest(words, 2);
        perform(&inner);
        become(&own);
        return;
    }
    if (strcmp(name, "times") == 0) return perform_watched(words);
    if (strcmp(name, "child") == 0) return perform_in_child(words);
    if (strcmp(name, "running") == 0) return perform_while_running(words);
    static const Call *const tables[] = {name_calls, attribute_calls, extended_calls, file_calls,
                                         range_calls, fsx_calls};
    for (size_t table = 0; table < sizeof tables / sizeof *tables; table++)
        for (const Call *call = tables[table]; call->name != NULL; call++)
            if (strcmp(name, call->name) == 0) {
                if (words->count - 1 < call->arguments) break;
                return call->perform(words);
            }
    printf("! no such call: %s", name);
}

static const char *base;
static int failures;

/// Runs the lines of one case in a process and a folder of their own.
static void run(const char *name, char **lines, int count) {
    static int serial;
    char folder[64];
    printf("case %s\n", name);
    fflush(stdout);
    require(chdir(base) == 0, "the folder is gone");
    // One in another, so that `..` may be changed too.
    snprintf(folder, sizeof folder, "c%d", serial++);
    require(mkdir(folder, 0777) == 0 && chdir(folder) == 0, "mkdir of a case");
    require(mkdir("w", 0777) == 0, "mkdir of a case");
    if (getuid() == 0) require(chown("w", own.user, own.group) == 0, "chown of a case");
    pid_t child = fork();
    require(child >= 0, "fork");
    if (child == 0) {
        alarm(20);
        require(chdir("w") == 0, "chdir");
        char *path = realpath(".", NULL);
        require(path != NULL, "realpath");
        for (int index = 0; index < descriptors_max; index++) descriptors[index] = -1;
        become(&own);
        for (int index = 0; index < count; index++) {
            printf("%d ", index);
            Words words = split(lines[index]);
            perform(&words);
            printf("\n");
        }
        Identity root = {0, 0, {0}, 0};
        if (getuid() == 0) become(&root);
        dump_tree(path);
        fflush(stdout);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        printf("! ended with status %x\n", status);
        failures++;
    }
    if (chdir(base) != 0 || remove_tree(folder) != 0) {
        printf("! can not be removed: %s\n", strerror(errno));
        failures++;
    }
    printf("end\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: posix-calls FOLDER UID:GID[,GROUP…]\n");
        return 64;
    }
    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    base = realpath(argv[1], NULL);
    require(base != NULL, "no such folder");
    own = identity(argv[2]);
    umask(0);
    signal(SIGXFSZ, SIG_IGN);
    char *line = NULL, *name = NULL, *lines[4096];
    size_t room = 0;
    int count = 0;
    ssize_t length;
    while ((length = getline(&line, &room, stdin)) >= 0) {
        if (length > 0 && line[length - 1] == '\n') line[length - 1] = 0;
        if (strncmp(line, "case ", 5) != 0) {
            require(count < 4096, "a case is too long");
            lines[count++] = strdup(line);
            continue;
        }
        if (name != NULL) run(name, lines, count);
        while (count > 0) free(lines[--count]);
        free(name);
        name = strdup(line + 5);
    }
    if (name != NULL) run(name, lines, count);
    return failures == 0 ? 0 : 1;
}
