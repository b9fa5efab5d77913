// The kernel's own structures are needed too: the adapter reads what libfuse 3.14 drops. And Glibc's
// module map has no xattr(7).
#define FUSE_USE_VERSION 312
#include <fuse3/fuse_lowlevel.h>
#include <linux/fuse.h>
#include <sys/xattr.h>
