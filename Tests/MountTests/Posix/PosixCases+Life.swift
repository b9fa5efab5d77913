/// Files without names, locks, listings, nodes and limits.
extension PosixCase {
    static let unlinkedFiles = corners(
        "unlinked",
        [
            [
                "still works", "put abc f", "open 3 rdwr f", "unlink f", "fstat 3", "pread 3 0 9",
                "pwrite 3 3 def", "pread 3 0 9", "ftruncate 3 2", "fstat 3", "fchmod 0600 3",
                "as 0:0 fchown 1 1 3", "fstat 3", "fallocate 3 0 0 100", "fsync 3",
            ],
            [
                "its name is free", "put old f", "open 3 rdwr f", "unlink f", "put new f",
                "pread 3 0 9", "cat f", "same f f",
            ],
            ["gets no new name", "put abc f", "open 3 rdwr f", "unlink f", "linkfd 3 g"],
            [
                "one of two names", "put abc f", "link f g", "open 3 rdwr f", "unlink f", "fstat 3",
                "linkfd 3 h", "stat g",
            ],
            ["directory", "mkdir 0755 d", "open 3 rdonly d", "rmdir d", "fstat 3"],
            [
                "working directory", "mkdir 0755 d", "chdir d", "child rmdir ../d", "create 0644 f",
                "mkdir 0755 e", "symlink x l", "stat .", "list .", "mknod p 0644 p", "chdir ..",
            ],
            [
                "by another", "put abc f", "open 3 rdwr f", "child unlink f", "fstat 3",
                "pread 3 0 3",
            ],
            [
                "replaced by rename", "put abc f", "put xyz g", "open 3 rdwr g", "rename f g",
                "fstat 3", "pread 3 0 9", "cat g",
            ],
            [
                "dup lives", "put abc f", "open 3 rdwr f", "dup 3 4", "unlink f", "close 3",
                "pread 4 0 9",
            ],
        ]
    )

    static let unnamedFiles: [PosixCase] =
        [0o600, 0o644, 0o4755, 0o2755, 0].flatMap { mode in
            ["rdwr|tmpfile", "wronly|tmpfile", "rdwr|tmpfile|excl", "rdonly|tmpfile"].map { flags in
                PosixCase(
                    "tmpfile \(flags) \(octal(mode))",
                    [
                        "open 3 \(flags) . \(octal(mode))", "fstat 3", "write 3 text", "list .",
                        "times . -- linkfd 3 named", "fstat 3", "stat named", "cat named",
                        "linkfd 3 again",
                        "stat again", "unlink named", "linkfd 3 named",
                    ]
                )
            }
        }
        + corners(
            "tmpfile",
            [
                ["in a file", "put a f", "open 3 rdwr|tmpfile f"],
                ["nowhere", "open 3 rdwr|tmpfile none"],
                ["over a name", "put a f", "open 3 rdwr|tmpfile .", "linkfd 3 f"],
                ["with a long name", "open 3 rdwr|tmpfile .", "linkfd 3 *256", "linkfd 3 *255"],
                [
                    "twice", "open 3 rdwr|tmpfile .", "open 4 rdwr|tmpfile .", "write 3 a",
                    "write 4 b",
                    "linkfd 4 f", "linkfd 3 f", "cat f",
                ],
            ]
        )

    static let locks: [PosixCase] =
        {
            var cases: [PosixCase] = []
            for held in ["lock 3 r 0 10", "lock 3 w 0 10", "ofdlock 3 r 0 10", "ofdlock 3 w 0 10"] {
                for wanted in ["lock", "ofdlock"] {
                    for kind in ["r", "w"] {
                        for start in [0, 5, 9, 10, 100] {
                            cases.append(
                                PosixCase(
                                    "\(held), another \(wanted) \(kind) from \(start)",
                                    [
                                        "put *50 f", "open 3 rdwr f", held,
                                        "child open 4 rdwr f ; \(wanted) 4 \(kind) \(start) 10 ; "
                                            + "getlock 4 w 0 0",
                                        "open 5 rdwr f", "\(wanted) 5 \(kind) \(start) 10",
                                        "close 5",
                                        "child open 4 rdwr f ; \(wanted) 4 \(kind) \(start) 10",
                                    ]
                                )
                            )
                        }
                    }
                }
            }
            for held in ["sh", "ex"] {
                for wanted in ["sh", "ex"] {
                    cases.append(
                        PosixCase(
                            "flock \(held), another \(wanted)",
                            [
                                "put a f", "open 3 rdwr f", "flock 3 \(held)",
                                "child open 4 rdwr f ; flock 4 \(wanted)", "open 5 rdwr f",
                                "flock 5 \(wanted)", "flock 3 un", "flock 5 \(wanted)",
                                "child flock 5 un", "child open 4 rdwr f ; flock 4 \(wanted)",
                            ]
                        )
                    )
                }
            }
            return cases
        }()
        + corners(
            "locks",
            [
                [
                    "split", "put *50 f", "open 3 rdwr f", "lock 3 w 0 30", "lock 3 u 10 10",
                    "child open 4 rdwr f ; getlock 4 w 0 0 ; getlock 4 w 10 10 ; lock 4 w 10 10",
                ],
                [
                    "upgrade", "put *50 f", "open 3 rdwr f", "lock 3 r 0 10", "lock 3 w 0 10",
                    "child open 4 rdwr f ; lock 4 r 0 1",
                ],
                [
                    "need the right handle", "put a f", "open 3 rdonly f", "lock 3 w 0 1",
                    "lock 3 r 0 1",
                    "open 4 wronly f", "lock 4 r 0 1",
                ],
                [
                    "go with their process", "put a f", "open 3 rdwr f", "child lock 3 w 0 1",
                    "child lock 3 w 0 1",
                ],
                [
                    "go with any close", "put a f", "open 3 rdwr f", "lock 3 w 0 1",
                    "open 4 rdonly f",
                    "close 4", "child open 5 rdwr f ; lock 5 w 0 1",
                ],
                [
                    "of open files stay", "put a f", "open 3 rdwr f", "ofdlock 3 w 0 1",
                    "open 4 rdonly f",
                    "close 4", "child open 5 rdwr f ; ofdlock 5 w 0 1",
                ],
                [
                    "and flock are apart", "put a f", "open 3 rdwr f", "flock 3 ex",
                    "child open 4 rdwr f ; lock 4 w 0 0",
                ],
            ]
        )

    static let listings =
        [0, 1, 2, 3, 50, 500, 999, 1002, 2000].map { skip in
            PosixCase(
                "seekdir after \(skip)",
                ["mkdir 0755 d", "chdir d", "many 1000 f", "chdir ..", "seekdir d \(skip)"]
            )
        }
        + [10, 300, 1500].map { count in
            PosixCase(
                "listing \(count) while names come and go",
                [
                    "mkdir 0755 d", "chdir d", "many \(count) stay", "many \(count) go", "chdir ..",
                    "churn d \(count)", "chdir d", "fewer \(count) come 1",
                ]
            )
        }
        + corners(
            "listing",
            [
                [
                    "types", "mkdir 0755 d", "put a f", "symlink x l", "mknod p 0644 p",
                    "mknod s 0644 s",
                    "as 0:0 mknod c 0644 c 1 3", "as 0:0 mknod b 0644 b 1 3", "list .",
                ],
                ["deep", "deep 1000 d"], ["deep with long names", "deep 100 *200"],
                [
                    "after removal", "mkdir 0755 d", "chdir d", "many 500 f", "fewer 500 f 2",
                    "list .",
                    "seekdir . 100",
                ],
                ["a file", "put a f", "list f"],
            ]
        )

    static let nodes: [PosixCase] = ["c", "b", "p", "s", "-", "d"].flatMap { kind in
        ["0 0", "1 3", "255 255", "256 256", "4095 1048575"].flatMap { device in
            [0o644, 0o6755, 0].map { mode in
                PosixCase(
                    "mknod \(kind) \(device) \(octal(mode))",
                    [
                        "times . -- mknod \(kind) \(octal(mode)) n \(device)", "stat n",
                        "chmod 0600 n",
                        "rename n m", "link m k", "unlink m", "stat k",
                    ]
                )
            }
        }
    }

    /// Programs that run can not be written (ETXTBSY), but removed and replaced.
    static let programs: [PosixCase] =
        [
            "open 3 wronly p", "open 3 rdwr p", "open 3 rdonly p", "open 3 rdonly|trunc p",
            "open 3 wronly|creat|trunc p", "truncate p 0", "truncate p 100", "unlink p",
            "rename p q", "rename other p", "link p q", "chmod 0644 p", "execute p",
            "utimens 1.0 2.0 p", "setxattr any user.a v p",
        ].map { call in
            PosixCase(
                "of a running program: \(call)",
                ["program p", "put a other", "running p times p -- \(call)", call]
            )
        }
        + corners(
            "program",
            [
                ["runs", "program p", "execute p", "chmod 0644 p", "execute p"],
                [
                    "that is being written", "program p", "open 3 wronly p", "execute p", "close 3",
                    "execute p",
                ],
                [
                    "that is none", "put text p", "chmod 0755 p", "execute p", "mkdir 0755 d",
                    "execute d", "execute none",
                ],
                [
                    "that was removed while it ran", "program p", "running p unlink p", "program p",
                    "execute p",
                ],
                [
                    "of another", "as 0:0 program p", "as 0:0 chmod 0711 p",
                    "as \(Who.other) execute p", "as \(Who.other) open 3 rdonly p",
                    "as 0:0 chmod 0700 p", "as \(Who.other) execute p",
                ],
            ]
        )

    static let limits = corners(
        "limits",
        [
            [
                "of file size", "put abc f", "open 3 rdwr f", "limit 10", "pwrite 3 5 *20",
                "fstat 3",
                "pwrite 3 10 x", "ftruncate 3 11", "ftruncate 3 10", "fallocate 3 0 0 11",
            ],
            [
                "of file size that ends a process", "put abc f", "open 3 rdwr f",
                "child limit 10 fatal ; pwrite 3 9 x ; pwrite 3 10 x", "fstat 3",
                "child limit 10 fatal ; ftruncate 3 11", "fstat 3",
            ],
            ["negative offsets", "put abc f", "open 3 rdwr f", "pwrite 3 -1 x", "pread 3 -1 1"],
            [
                "past the largest offset", "put abc f", "open 3 rdwr f",
                "pwrite 3 9223372036854775807 x", "pread 3 9223372036854775807 1",
            ],
            ["links", "put a f"] + (0..<200).map { "link f l\($0)" } + ["stat f"],
            ["a long target", "symlink *4095 l", "symlink *4096 m", "readlink l"],
            ["statfs", "statfs ."],
        ]
    )
}
