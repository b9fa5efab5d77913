// Extended attributes, and access control lists, which are some of them.

#include "calls.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/xattr.h>

static int write_flags(const char *word) {
    if (strcmp(word, "create") == 0) return XATTR_CREATE;
    if (strcmp(word, "replace") == 0) return XATTR_REPLACE;
    if (strcmp(word, "any") == 0) return 0;
    return (int)number(word);
}

/// `setxattr any|create|replace NAME VALUE PATH`; the value `-` is none.
static void call_setxattr(const Words *w) {
    size_t length = strcmp(w->word[3], "-") == 0 ? 0 : w->length[3];
    answer(setxattr(w->word[4], w->word[2], w->word[3], length, write_flags(w->word[1])));
}
static void call_lsetxattr(const Words *w) {
    size_t length = strcmp(w->word[3], "-") == 0 ? 0 : w->length[3];
    answer(lsetxattr(w->word[4], w->word[2], w->word[3], length, write_flags(w->word[1])));
}

static void call_getxattr(const Words *w) {
    static char value[65536];
    ssize_t length = getxattr(w->word[2], w->word[1], value, sizeof value);
    if (length < 0) return answer(length);
    print_bytes(value, (size_t)length);
}
static void call_lgetxattr(const Words *w) {
    static char value[65536];
    ssize_t length = lgetxattr(w->word[2], w->word[1], value, sizeof value);
    if (length < 0) return answer(length);
    print_bytes(value, (size_t)length);
}

/// `sizexattr NAME ROOM PATH`: how getxattr(2) answers when there is so much room.
static void call_sizexattr(const Words *w) {
    static char value[65536];
    answer_number(getxattr(w->word[3], w->word[1], value, (size_t)number(w->word[2])));
}
static void call_sizelist(const Words *w) {
    static char value[65536];
    answer_number(listxattr(w->word[2], value, (size_t)number(w->word[1])));
}

static void call_removexattr(const Words *w) { answer(removexattr(w->word[2], w->word[1])); }
static void call_lremovexattr(const Words *w) { answer(lremovexattr(w->word[2], w->word[1])); }

static void call_listxattr(const Words *w) {
    static char names[65536];
    if (listxattr(w->word[1], names, sizeof names) < 0) return answer(-1);
    print_extended(w->word[1]);
}

static const char *acl_name(const char *word) {
    return word[0] == 'd' ? "system.posix_acl_default" : "system.posix_acl_access";
}

static const struct {
    char letter;
    uint16_t own, named;
} acl_tags[] = {{'u', ACL_USER_OBJ, ACL_USER},
                {'g', ACL_GROUP_OBJ, ACL_GROUP},
                {'m', ACL_MASK, ACL_MASK},
                {'o', ACL_OTHER, ACL_OTHER}};

/// Reads `u::rwx,u:5:r,g::,m::r,o::`; returns the length of the attribute.
static size_t acl_bytes(char *text, char *out) {
    struct posix_acl_xattr_header header = {POSIX_ACL_XATTR_VERSION};
    memcpy(out, &header, sizeof header);
    size_t length = sizeof header;
    for (char *part = strtok(text, ","); part != NULL; part = strtok(NULL, ",")) {
        char *id = strchr(part, ':');
        require(id != NULL, "an entry is TAG:ID:PERMISSIONS");
        char *bits = strchr(++id, ':');
        require(bits != NULL, "an entry is TAG:ID:PERMISSIONS");
        struct posix_acl_xattr_entry entry = {0, 0, ACL_UNDEFINED_ID};
        for (size_t index = 0; index < sizeof acl_tags / sizeof *acl_tags; index++)
            if (acl_tags[index].letter == part[0])
                entry.e_tag = *id == ':' ? acl_tags[index].own : acl_tags[index].named;
        if (*id != ':') entry.e_id = (uint32_t)strtoul(id, NULL, 10);
        if (strchr(bits, 'r') != NULL) entry.e_perm |= ACL_READ;
        if (strchr(bits, 'w') != NULL) entry.e_perm |= ACL_WRITE;
        if (strchr(bits, 'x') != NULL) entry.e_perm |= ACL_EXECUTE;
        memcpy(out + length, &entry, sizeof entry);
        length += sizeof entry;
    }
    return length;
}

/// `setacl access|default ENTRIES PATH`
static void call_setacl(const Words *w) {
    static char bytes[4096];
    size_t length = acl_bytes(w->word[2], bytes);
    answer(setxattr(w->word[3], acl_name(w->word[1]), bytes, length, 0));
}

/// `getacl access|default PATH`
static void call_getacl(const Words *w) {
    static char bytes[65536];
    ssize_t length = getxattr(w->word[2], acl_name(w->word[1]), bytes, sizeof bytes);
    if (length < 0) return answer(length);
    for (size_t at = sizeof(struct posix_acl_xattr_header); at < (size_t)length;
         at += sizeof(struct posix_acl_xattr_entry)) {
        struct posix_acl_xattr_entry entry;
        memcpy(&entry, bytes + at, sizeof entry);
        for (size_t index = 0; index < sizeof acl_tags / sizeof *acl_tags; index++)
            if (acl_tags[index].own == entry.e_tag || acl_tags[index].named == entry.e_tag)
                printf("%c:", acl_tags[index].letter);
        if (entry.e_id != (uint32_t)ACL_UNDEFINED_ID) printf("%u", entry.e_id);
        printf(":%s%s%s,", entry.e_perm & ACL_READ ? "r" : "", entry.e_perm & ACL_WRITE ? "w" : "",
               entry.e_perm & ACL_EXECUTE ? "x" : "");
    }
}

static void call_removeacl(const Words *w) {
    answer(removexattr(w->word[2], acl_name(w->word[1])));
}

const Call extended_calls[] = {
    {"setxattr", 4, call_setxattr},       {"lsetxattr", 4, call_lsetxattr},
    {"getxattr", 2, call_getxattr},       {"lgetxattr", 2, call_lgetxattr},
    {"sizexattr", 3, call_sizexattr},     {"sizelist", 2, call_sizelist},
    {"removexattr", 2, call_removexattr}, {"lremovexattr", 2, call_lremovexattr},
    {"listxattr", 1, call_listxattr},     {"setacl", 3, call_setacl},
    {"getacl", 2, call_getacl},           {"removeacl", 2, call_removeacl},
    {NULL, 0, NULL},
};
