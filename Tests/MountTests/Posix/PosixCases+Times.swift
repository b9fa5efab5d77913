/// Times: which call changes which of them.
extension PosixCase {
    static let timesOfCalls: [PosixCase] = corners(
        "times of",
        [
            ["create", "mkdir 0755 d", "times d,. -- create 0644 d/f"],
            ["mkdir", "mkdir 0755 d", "times d,. -- mkdir 0755 d/e"],
            ["mknod", "mkdir 0755 d", "times d -- mknod p 0644 d/p"],
            ["symlink", "mkdir 0755 d", "times d -- symlink x d/l"],
            ["link", "mkdir 0755 d", "put a f", "times d,f,. -- link f d/g"],
            ["unlink", "mkdir 0755 d", "put a d/f", "link d/f g", "times d,g -- unlink d/f"],
            ["rmdir", "mkdir 0755 d", "mkdir 0755 d/e", "times d,. -- rmdir d/e"],
            [
                "rename", "mkdir 0755 d", "mkdir 0755 e", "put a d/f", "put b e/g", "link e/g h",
                "times d,e,d/f,h,. -- rename d/f e/g",
            ],
            [
                "rename of a directory", "mkdir 0755 d", "mkdir 0755 e", "mkdir 0755 d/f",
                "times d,e,d/f,. -- rename d/f e/g", "times e/g -- stat e/g",
            ],
            [
                "exchange", "mkdir 0755 d", "mkdir 0755 e", "put a d/f", "mkdir 0755 e/g",
                "times d,e,d/f,e/g -- rename2 2 d/f e/g",
            ],
            ["chmod", "put a f", "times f,. -- chmod 0600 f"],
            ["chmod to the same", "put a f", "times f -- chmod 0644 f"],
            ["chown", "put a f", "times f,. -- as 0:0 chown 7 7 f"],
            ["chown to the same", "put a f", "times f -- chown -1 -1 f"],
            ["truncate shorter", "put abc f", "times f,. -- truncate f 1"],
            ["truncate longer", "put abc f", "times f -- truncate f 9"],
            ["truncate to the same", "put abc f", "times f -- truncate f 3"],
            ["ftruncate to the same", "put abc f", "open 3 rdwr f", "times f -- ftruncate 3 3"],
            ["ftruncate", "put abc f", "open 3 rdwr f", "times f -- ftruncate 3 2"],
            ["open that truncates", "put abc f", "times f -- open 3 wronly|trunc f"],
            ["open that truncates nothing", "create 0644 f", "times f -- open 3 wronly|trunc f"],
            ["open", "put abc f", "times f,. -- open 3 rdwr f"],
            ["open to make what is there", "put abc f", "times f,. -- open 3 rdwr|creat f"],
            ["write", "put abc f", "open 3 rdwr f", "times f,. -- write 3 x"],
            ["write of nothing", "put abc f", "open 3 rdwr f", "times f -- write 3 ''"],
            ["read", "put abc f", "open 3 rdwr f", "times f,. -- read 3 3"],
            ["read at the end", "put abc f", "open 3 rdwr f", "times f -- pread 3 100 3"],
            ["read of nothing", "put abc f", "open 3 rdwr f", "times f -- read 3 0"],
            [
                "read without access time", "put abc f", "open 3 rdonly|noatime f",
                "times f -- read 3 3",
            ],
            ["list", "mkdir 0755 d", "put a d/f", "times d,d/f -- list d"],
            ["list of an empty directory", "mkdir 0755 d", "times d -- list d"],
            ["readlink", "symlink x l", "times l -- readlink l"],
            ["following", "put a f", "symlink f l", "times l,f -- stat l"],
            ["lookup", "mkdir 0755 d", "put a d/f", "times d,d/f -- stat d/f"],
            ["setxattr", "put a f", "times f,. -- setxattr any user.a v f"],
            [
                "setxattr to the same", "put a f", "setxattr any user.a v f",
                "times f -- setxattr any user.a v f",
            ],
            ["getxattr", "put a f", "setxattr any user.a v f", "times f -- getxattr user.a f"],
            [
                "removexattr", "put a f", "setxattr any user.a v f",
                "times f -- removexattr user.a f",
            ],
            ["listxattr", "put a f", "setxattr any user.a v f", "times f -- listxattr f"],
            ["setacl", "put a f", "times f -- setacl access u::rw,u:5:r,g::r,m::r,o::r f"],
            ["default acl", "mkdir 0755 d", "times d -- setacl default u::rw,g::r,o::r d"],
            [
                "removeacl", "put a f", "setacl access u::rw,u:5:r,g::r,m::r,o::r f",
                "times f -- removeacl access f",
            ],
            ["fallocate", "put a f", "open 3 rdwr f", "times f -- fallocate 3 0 0 9000"],
            ["fallocate within", "put abcde f", "open 3 rdwr f", "times f -- fallocate 3 1 0 3"],
            [
                "fallocate past the end", "put a f", "open 3 rdwr f",
                "times f -- fallocate 3 1 0 9000",
            ],
            ["punch", "put abcdef f", "open 3 rdwr f", "times f -- fallocate 3 3 0 3"],
            [
                "punch of a hole", "create 0644 f", "truncate f 1M", "open 3 rdwr f",
                "times f -- fallocate 3 3 0 4096",
            ],
            ["zero", "put abcdef f", "open 3 rdwr f", "times f -- fallocate 3 0x10 0 3"],
            [
                "copy", "put abcdef f", "put x g", "open 3 rdonly f", "open 4 rdwr g",
                "times f,g -- copyrange 3 0 4 0 6",
            ],
            [
                "copy of nothing", "put abcdef f", "put x g", "open 3 rdonly f", "open 4 rdwr g",
                "times f,g -- copyrange 3 100 4 0 6",
            ],
            [
                "mapped write", "put abcdef f", "open 3 rdwr f", "mmap 3 shared rw 0 6",
                "times f -- poke 0 xy", "msync sync", "munmap",
            ],
            [
                "mapped read", "put abcdef f", "open 3 rdwr f", "mmap 3 shared r 0 6",
                "times f -- peek 0 2", "munmap",
            ],
            [
                "private write", "put abcdef f", "open 3 rdwr f", "mmap 3 private rw 0 6",
                "times f -- poke 0 xy", "munmap",
            ],
            ["fsync", "put abcdef f", "open 3 rdwr f", "times f -- fsync 3"],
            ["close", "put abcdef f", "open 3 rdwr f", "write 3 x", "times f -- close 3"],
            ["locks", "put abcdef f", "open 3 rdwr f", "times f -- flock 3 ex"],
            ["linkfd", "open 3 rdwr|tmpfile . 0644", "times . -- linkfd 3 f"],
            ["tmpfile", "times . -- open 3 rdwr|tmpfile . 0644"],
            [
                "direct write", "create 0644 f", "open 3 rdwr|direct f",
                "times f -- direct 3 write 0 4096 0",
            ],
            ["failed create", "put a f", "times f,. -- create 0644 f"],
            ["failed unlink", "mkdir 0755 d", "times d,. -- unlink d"],
            ["failed rename", "mkdir 0755 d", "put a f", "times d,f,. -- rename d f"],
            ["access", "put a f", "times f -- access r f"], ["statfs", "times . -- statfs ."],
        ]
    )

    static let timesSet: [PosixCase] = {
        // 1901, the epoch, 2038, 2106, 2446 and nanoseconds at their ends.
        let values = [
            "now", "omit", "0.0", "1.999999999", "-1.1", "-2147483648.0", "2147483647.999999999",
            "2147483648.1", "4294967296.5", "15032385535.0", "1e9", "981173106.123456789",
        ]
        var cases: [PosixCase] = []
        for accessed in values {
            for modified in values {
                let stamps =
                    accessed == "now" || modified == "now" || accessed == "omit"
                        || modified == "omit" ? [] : ["stamps f", "stamps l", "stamps d"]
                cases.append(
                    PosixCase(
                        "utimens \(accessed) \(modified)",
                        [
                            "put a f", "symlink f l", "mkdir 0755 d",
                            "times f -- utimens \(accessed) \(modified) f",
                            "times l,f -- utimens \(accessed) \(modified) l nofollow",
                            "times d -- utimens \(accessed) \(modified) d",
                        ] + stamps
                    )
                )
            }
        }
        for (name, who) in Who.all {
            for mode in [0o644, 0o666, 0o400, 0o000] {
                for times in [
                    "now now", "1.0 2.0", "omit now", "now omit", "omit 2.0", "omit omit",
                ] {
                    cases.append(
                        PosixCase(
                            "utimens \(times) of \(octal(mode)) by \(name)",
                            [
                                "put a f", "chown 1001 1001 f", "chmod \(octal(mode)) f",
                                "times f -- as \(who) utimens \(times) f",
                            ]
                        )
                    )
                }
            }
        }
        return cases
    }()

    /// The access time as relatime keeps it: seen from its age and the other two.
    static let timesOfReads: [PosixCase] = ["1.0 2.0", "2.0 1.0", "2.0 2.0", "9999999999.0 1.0"]
        .flatMap { times in
            [
                ("read", "put abc f", "cat f"), ("list", "mkdir 0755 f", "list f"),
                ("mapped", "put abc f", "stat f"),
            ].map { name, make, use in
                PosixCase(
                    "relatime \(name) after \(times)",
                    [make, "utimens \(times) f", use, "utimens omit 5.0 f", use, "lstat f"]
                )
            }
        }
}
