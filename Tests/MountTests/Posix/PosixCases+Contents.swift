/// Bytes: sizes, holes, clones, mappings.
extension PosixCase {
    static let truncations: [PosixCase] =
        [0, 1, 4095, 4096, 4097, 10_000, 1 << 20].flatMap { old in
            [0, 1, 4095, 4096, 4097, 8192, 10_000, 1 << 21].flatMap { new in
                [
                    ["truncate f \(new)"], ["open 3 rdwr f", "ftruncate 3 \(new)"],
                ].map { calls in
                    PosixCase(
                        "from \(old): \(calls.joined(separator: "; "))",
                        ["put \(old == 0 ? "''" : "*\(min(old, 10_000))") f", "truncate f \(old)"]
                            + calls
                            + [
                                "truncate f 20000", "open 4 rdonly f", "pread 4 0 20000",
                                "lseek 4 0 end",
                            ]
                    )
                }
            }
        }
        + corners(
            "truncate",
            [
                ["negative", "put a f", "truncate f -1", "open 3 rdwr f", "ftruncate 3 -1"],
                ["read-only handle", "put a f", "open 3 rdonly f", "ftruncate 3 0", "write 3 x"],
                ["of a directory handle", "mkdir 0755 d", "open 3 rdonly d", "ftruncate 3 0"],
                [
                    "then append", "put abc f", "open 3 wronly|append f", "truncate f 1",
                    "write 3 z",
                    "cat f",
                ],
                [
                    "under a mapping", "put *5000 f", "open 3 rdwr f", "mmap 3 shared rw 0 4096",
                    "ftruncate 3 100", "peek 90 20", "ftruncate 3 200", "peek 90 20",
                ],
                [
                    "and old bytes do not come back", "put *9000 f", "truncate f 10",
                    "truncate f 9000",
                    "open 3 rdonly f", "pread 3 0 20",
                ],
            ]
        )

    static let allocations: [PosixCase] =
        {
            var cases: [PosixCase] = []
            // Those that the kernel passes on, and those it refuses by itself.
            for mode in ["0", "1", "2", "3", "0x10", "0x11", "0x12", "0x13", "4", "0x80", "7"] {
                for offset in [0, 4096, 5000, 16_384, 100_000] {
                    for length in [0, 1, 4096, 10_000, 200_000, -1] {
                        cases.append(
                            PosixCase(
                                "fallocate mode \(mode) at \(offset) of \(length)",
                                [
                                    "put *20000 f", "open 3 rdwr f",
                                    "times f -- fallocate 3 \(mode) \(offset) \(length)", "fstat 3",
                                ]
                            )
                        )
                    }
                }
            }
            return cases
        }()
        + corners(
            "fallocate",
            [
                ["of a read-only handle", "put a f", "open 3 rdonly f", "fallocate 3 0 0 10"],
                ["of a directory", "mkdir 0755 d", "open 3 rdonly d", "fallocate 3 0 0 10"],
                ["of a fifo", "mknod p 0644 p", "open 3 rdwr|nonblock p", "fallocate 3 0 0 10"],
                ["at a negative offset", "put a f", "open 3 rdwr f", "fallocate 3 0 -1 10"],
                [
                    "past all bounds", "put a f", "open 3 rdwr f",
                    "fallocate 3 0 9223372036854775807 10",
                ],
                [
                    "keeps bytes", "put abcdef f", "open 3 rdwr f", "fallocate 3 0 0 100",
                    "pread 3 0 200",
                ],
                [
                    "then write", "create 0644 f", "open 3 rdwr f", "fallocate 3 1 0 8192",
                    "pwrite 3 4096 x", "fstat 3", "pread 3 4090 10",
                ],
            ]
        )

    private static let seeks: [String] = [
        0, 1, 4095, 4096, 5000, 1_048_576, 1_052_671, 1_052_672, 2_097_152, -1,
    ].flatMap { (offset: Int) in ["lseek 3 \(offset) data", "lseek 3 \(offset) hole"] }

    static let holes = corners(
        "holes",
        [
            [
                "one in the middle", "create 0644 f", "open 3 rdwr f", "pwrite 3 0 *4096",
                "pwrite 3 1M *4096",
            ] + seeks,
            [
                "all", "create 0644 f", "truncate f 1M", "open 3 rdonly f", "lseek 3 0 data",
                "lseek 3 0 hole", "lseek 3 1M data", "sparse f 4096",
            ],
            [
                "none", "put *8192 f", "open 3 rdonly f", "lseek 3 0 data", "lseek 3 0 hole",
                "lseek 3 8191 hole", "lseek 3 8192 hole",
            ],
            [
                "of an empty file", "create 0644 f", "open 3 rdonly f", "lseek 3 0 data",
                "lseek 3 0 hole",
            ],
            [
                "punched", "put *65536 f", "open 3 rdwr f", "fsync 3", "fallocate 3 3 8192 8192",
                "lseek 3 0 hole", "lseek 3 8192 data", "lseek 3 16384 hole", "sparse f 65536",
            ],
            [
                "at the end", "put *4096 f", "truncate f 1M", "open 3 rdonly f", "lseek 3 0 hole",
                "lseek 3 4096 data",
            ],
            [
                "far away", "create 0644 f", "open 3 rdwr f", "pwrite 3 1000G x", "lseek 3 0 end",
                "sparse f 1M", "pread 3 1000G 5", "ftruncate 3 0",
            ],
            [
                "bad whence", "put a f", "open 3 rdonly f", "lseek 3 0 9", "lseek 3 -5 set",
                "lseek 3 -5 end", "lseek 3 5 cur", "lseek 3 -2 cur",
            ],
            ["of directories", "mkdir 0755 d", "open 3 rdonly d", "lseek 3 0 set"],
        ]
    )

    static let clones: [PosixCase] =
        {
            var cases: [PosixCase] = []
            for source in [0, 1, 4096, 9999, 10_000, 20_000] {
                for target in [0, 1, 4096, 30_000] {
                    for length in [0, 1, 5000, 100_000] {
                        cases.append(
                            PosixCase(
                                "copy \(length) from \(source) to \(target)",
                                [
                                    "put *10000 f", "put abcdefgh g", "truncate g 12345",
                                    "open 3 rdonly f",
                                    "open 4 rdwr g", "copyrange 3 \(source) 4 \(target) \(length)",
                                    "fstat 4",
                                ]
                            )
                        )
                    }
                }
            }
            return cases
        }()
        + corners(
            "copy",
            [
                [
                    "within a file", "put *9000 f", "open 3 rdwr f", "pwrite 3 0 abc",
                    "copyrange 3 0 3 20000 3000", "fstat 3",
                ],
                ["over itself", "put *9000 f", "open 3 rdwr f", "copyrange 3 0 3 100 3000"],
                [
                    "from a write-only handle", "put a f", "put b g", "open 3 wronly f",
                    "open 4 rdwr g",
                    "copyrange 3 0 4 0 1",
                ],
                [
                    "to a read-only handle", "put a f", "put b g", "open 3 rdonly f",
                    "open 4 rdonly g",
                    "copyrange 3 0 4 0 1",
                ],
                [
                    "to an appending handle", "put a f", "put b g", "open 3 rdonly f",
                    "open 4 wronly|append g", "copyrange 3 0 4 0 1",
                ],
                [
                    "of a directory", "mkdir 0755 d", "put b g", "open 3 rdonly d", "open 4 rdwr g",
                    "copyrange 3 0 4 0 1",
                ],
                [
                    "then writes are apart", "put *9000 f", "create 0644 g", "open 3 rdwr f",
                    "open 4 rdwr g", "copyrange 3 0 4 0 9000", "pwrite 3 10 AAA", "pwrite 4 20 BBB",
                    "pread 3 0 40", "pread 4 0 40",
                ],
                [
                    "of holes", "create 0644 f", "truncate f 1M", "open 3 rdwr f",
                    "pwrite 3 500K *5000",
                    "create 0644 g", "open 4 rdwr g", "copyrange 3 0 4 0 1M", "fstat 4",
                ],
            ]
        )

    static let mappings = corners(
        "mmap",
        [
            [
                "shared write is read", "put *8192 f", "open 3 rdwr f", "mmap 3 shared rw 0 8192",
                "poke 100 hello", "pread 3 98 9", "msync sync", "cat f",
            ],
            [
                "write is seen", "put *8192 f", "open 3 rdwr f", "mmap 3 shared rw 0 8192",
                "peek 0 3", "pwrite 3 0 XYZ", "peek 0 5",
            ],
            [
                "private is private", "put *8192 f", "open 3 rdwr f", "mmap 3 private rw 0 8192",
                "poke 0 mine", "peek 0 6", "pread 3 0 6", "munmap", "cat f",
            ],
            [
                "after close", "put *8192 f", "open 3 rdwr f", "mmap 3 shared rw 0 8192", "close 3",
                "poke 4000 late", "msync async", "munmap", "cat f",
            ],
            [
                "of a read-only handle", "put abc f", "open 3 rdonly f", "mmap 3 shared rw 0 3",
                "mmap 3 shared r 0 3", "peek 0 3", "mmap 3 private rw 0 3",
            ],
            [
                "of a write-only handle", "put abc f", "open 3 wronly f", "mmap 3 shared r 0 3",
                "mmap 3 shared rw 0 3",
            ],
            [
                "past the end of a page", "put abc f", "open 3 rdwr f", "mmap 3 shared rw 0 4096",
                "peek 0 6", "poke 2 CDEF", "msync sync", "munmap", "fstat 3", "cat f",
            ],
            [
                "of a hole", "create 0644 f", "truncate f 1M", "open 3 rdwr f",
                "mmap 3 shared rw 500K 8192", "poke 0 data", "msync sync", "munmap",
                "pread 3 512000 6",
            ],
            ["of a directory", "mkdir 0755 d", "open 3 rdonly d", "mmap 3 shared r 0 4096"],
            [
                "of an unlinked file", "put *5000 f", "open 3 rdwr f", "unlink f",
                "mmap 3 shared rw 0 5000", "poke 10 kept", "msync sync", "pread 3 8 8",
            ],
            [
                "seen by a child", "put *5000 f", "open 3 rdwr f", "mmap 3 shared rw 0 5000",
                "child poke 10 from-child", "peek 8 12", "cat f",
            ],
            [
                "two handles", "put *5000 f", "open 3 rdwr f", "open 4 rdwr f",
                "mmap 3 shared rw 0 5000", "poke 0 first", "pread 4 0 7", "pwrite 4 1 second",
                "peek 0 9",
            ],
        ]
    )

    static let directAccess = corners(
        "direct",
        [
            [
                "write and read", "create 0644 f", "open 3 rdwr|direct f",
                "direct 3 write 0 8192 0",
                "direct 3 read 0 8192 0", "direct 3 read 4096 8192 0", "direct 3 read 8192 4096 0",
            ],
            [
                "after a cached write", "put *8192 f", "open 3 rdwr f", "open 4 rdwr|direct f",
                "pwrite 3 0 cached", "direct 4 read 0 4096 0", "direct 4 write 4096 4096 0",
                "pread 3 4090 12",
            ],
            [
                "with a mapping", "put *8192 f", "open 3 rdwr f", "mmap 3 shared rw 0 8192",
                "poke 0 mapped", "open 4 rdwr|direct f", "direct 4 read 0 4096 0",
                "direct 4 write 0 4096 0", "peek 0 8",
            ],
            [
                "grows", "create 0644 f", "open 3 rdwr|direct f", "direct 3 write 1M 4096 0",
                "fstat 3", "direct 3 read 0 4096 0",
            ],
            [
                "append", "put *4096 f", "open 3 rdwr|direct|append f", "direct 3 write 0 4096 0",
                "fstat 3",
            ],
        ]
    )
}
