// What Swift cannot say itself: instructions chosen at run time, and calls of the GNU C library
// that its module map hides.

#ifndef WALRUS_CSHIMS_H
#define WALRUS_CSHIMS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `length` bytes, continuing from `checksum`.
uint32_t walrus_crc32c(uint32_t checksum, const void *bytes, size_t length);

/// The same by tables: what machines without SSE 4.2 use, and the other's reference.
uint32_t walrus_crc32c_portable(uint32_t checksum, const void *bytes, size_t length);

/// Finds a word at an offset that is a multiple of `stride`; returns `length` if it is not there.
size_t walrus_find_word(const void *bytes, size_t length, size_t stride, uint32_t word);

/// Keeps large buffers in the heap instead of mapping and faulting them anew each time.
void walrus_tune_malloc(void);

/// Opens a pipe whose ends are closed on exec. Returns 0 or an errno.
int walrus_pipe(int ends[2]);

/// Starts a program; `descriptors[i]` becomes its descriptor `i`, save negative ones.
///
/// All else that is not marked close-on-exec is inherited, but by a new session nothing. Signal
/// masks and dispositions are reset.
/// Returns 0 and the process id, or an errno.
int walrus_spawn(pid_t *process, const char *path, char *const arguments[],
                 char *const environment[], const int *descriptors, size_t descriptor_count,
                 const char *directory, int new_session);

/// Sends one datagram to the Unix socket at `path` ('@' first: abstract). Returns 0 or an errno.
int walrus_notify(const char *path, const char *message);

/// Fills memory with random bytes of the kernel, getrandom(2). Returns 0 or an errno.
int walrus_random(void *bytes, size_t length);

/// Has `listener` called with `argument` each time the calling thread is about to wait for the disk
/// in a function of this header; NULL: no longer.
void walrus_listen_to_blocking(void (*listener)(void *argument), void *argument);

/// Says that the calling thread is about to wait for the disk.
void walrus_will_block(void);

/// As pread(2). In a thread with a listener, that is told before the call waits for the disk.
ssize_t walrus_pread(int descriptor, void *bytes, size_t length, off_t offset);

/// As lsetxattr(2), which Swift's view of the library lacks.
int walrus_set_attribute(const char *path, const char *name, const void *value, size_t length);

/// Makes the calling thread give way to others: adds to its nice value (nice(2)), and to it alone.
void walrus_lower_priority(int niceness);

/// Sets the name of the calling thread, cut to 15 bytes.
void walrus_name_thread(const char *name);

#endif
