// A program of system calls: what each file of it shares. `main.c` says how it is spoken to.

#ifndef POSIX_CALLS_H
#define POSIX_CALLS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { words_max = 32, descriptors_max = 16 };

/// Descriptors that a case has opened, by the number that it calls them; -1: none.
extern int descriptors[descriptors_max];

/// One line of a case, in words.
typedef struct {
    int count;
    char *word[words_max];
    size_t length[words_max];
} Words;

/// A call: its name, how many words it needs after it, and what performs it and prints the answer.
typedef struct {
    const char *name;
    int arguments;
    void (*perform)(const Words *words);
} Call;

extern const Call name_calls[];
extern const Call attribute_calls[];
extern const Call extended_calls[];
extern const Call file_calls[];
extern const Call range_calls[];
extern const Call fsx_calls[];

/// Prints `0`, or the name of the error.
void answer(long result);
/// Prints the number, or the name of the error.
void answer_number(long result);
/// Prints bytes, or their count and checksum when they are many.
void print_bytes(const char *bytes, size_t length);
uint64_t checksum(uint64_t seed, const char *bytes, size_t length);

/// The descriptor that a word names; ends the program if it names none.
int descriptor(const char *word);
void set_descriptor(const char *word, int value);
/// The number in a word: octal with a leading 0, and with K, M or G behind it.
long long number(const char *word);
/// The flags of open(2) in a word: `rdwr|creat|excl`.
int open_flags(const char *word);
void require(int holds, const char *what);

/// Prints everything in a folder, in order, and stays in it.
void dump_tree(const char *folder);
/// Removes a name and everything below it; 0, or -1.
int remove_tree(const char *name);
/// Prints what stat(2) tells, save what differs between sound filesystems.
void print_status(const struct stat *status);
void print_extended(const char *path);

#endif
