/// Extended attributes.
extension PosixCase {
    static let attributes: [PosixCase] = attributeNames + attributeFlags + attributeSizes

    private static let attributeNames: [PosixCase] = {
        let names = [
            "user.a", "user.", "user", "trusted.a", "trusted.", "security.a", "security.",
            "system.a",
            "system.posix_acl_nothing", "none", "other.a", "''", "a.b.c", "user.%C3%28",
            "user." + String(repeating: "x", count: 250),
            "user." + String(repeating: "x", count: 251),
            "security.selinux",
        ]
        var cases: [PosixCase] = []
        for name in names {
            for thing in [Thing.file, .emptyDirectory, .dangling, .fifo, .device] {
                for (who, identity) in Who.all where who != "member" && who != "supplementary" {
                    cases.append(
                        PosixCase(
                            "xattr \(name) of \(thing.rawValue) by \(who)",
                            thing.make("p") + [
                                "lchown 1001 1001 p",
                                "as \(identity) lsetxattr create \(name) value p",
                                "as \(identity) lgetxattr \(name) p", "as \(identity) listxattr p",
                                "as \(identity) lremovexattr \(name) p",
                                "as \(identity) lremovexattr \(name) p",
                            ]
                        )
                    )
                }
            }
        }
        return cases
    }()

    private static let attributeFlags: [PosixCase] = ["any", "create", "replace", "3", "4"]
        .flatMap { flags in
            [
                ("missing", []), ("there", ["setxattr any user.a old f"]),
                ("empty", ["setxattr any user.a - f"]),
            ].map { state, before in
                PosixCase(
                    "setxattr \(flags) when \(state)",
                    ["put a f"] + before
                        + ["times f -- setxattr \(flags) user.a new f", "getxattr user.a f"]
                )
            }
        }

    private static let attributeSizes: [PosixCase] =
        [0, 1, 100, 1000, 3000].map { size in
            PosixCase(
                "xattr of \(size) bytes",
                [
                    "put a f", "setxattr any user.v \(size == 0 ? "-" : "*\(size)") f",
                    "getxattr user.v f", "sizexattr user.v 0 f", "sizexattr user.v 1 f",
                    "sizexattr user.v \(size) f", "sizexattr user.v \(size + 1) f", "sizelist 0 f",
                    "sizelist 1 f", "sizelist 100 f", "setxattr replace user.v short f",
                    "getxattr user.v f",
                ]
            )
        }
        + corners(
            "xattr",
            [
                ["too large", "put a f", "setxattr any user.v *65537 f"],
                [
                    "survives rename and link", "put a f", "setxattr any user.v v f", "link f g",
                    "rename f h", "getxattr user.v g", "unlink g", "getxattr user.v h",
                ],
                [
                    "goes with its file", "put a f", "setxattr any user.v v f", "unlink f",
                    "put a f",
                    "getxattr user.v f",
                ],
                ["many", "put a f"] + (0..<60).map { "setxattr any user.\($0) v\($0) f" }
                    + ["listxattr f", "removexattr user.30 f", "sizelist 0 f"],
                [
                    "of an open unlinked file", "put a f", "setxattr any user.v v f",
                    "open 3 rdonly f",
                    "unlink f", "fstat 3",
                ],
            ]
        )
}

/// POSIX access control lists.
extension PosixCase {
    /// Lists whose answer differs by who asks.
    private static let lists = [
        "u::rwx,g::rwx,o::rwx", "u::rw,g::r,o::", "u::,g::rw,o::rw",
        "u::rw,u:1004:r,g::,m::r,o::", "u::rw,u:1004:rwx,g::rwx,m::r,o::",
        "u::rw,u:1004:,g::r,m::rw,o::rwx", "u::rw,g::,g:1004:rw,m::rw,o::",
        "u::rw,g::r,g:1003:w,m::rw,o::", "u::rw,g::,g:3001:rwx,m::rwx,o::r",
        "u::rwx,u:1002:x,g::,g:1001:r,m::rwx,o::", "u::r,u:1001:rwx,g::,m::rwx,o::",
        "u::rw,u:1003:w,u:1004:r,g::r,g:1004:w,m::rw,o::", "u::rw,g::rw,m::,o::rw",
        "u::rw,u:0:,g::r,m::rwx,o::",
    ]

    static let accessListChecks: [PosixCase] =
        lists.flatMap { list in
            Who.all.flatMap { name, who in
                [
                    "open 3 rdonly f", "open 3 wronly f", "access r f", "access w f", "access x f",
                    "access rwx f", "getacl access f", "chmod 0600 f", "truncate f 1",
                    "setacl access u::rw,g::r,o:: f", "removeacl access f", "utimens now now f",
                ].map { operation in
                    PosixCase(
                        "acl \(list): \(name) \(operation)",
                        [
                            "put text f", "chown 1001 1001 f", "setacl access \(list) f", "stat f",
                            "as \(who) \(operation)", "getacl access f",
                        ]
                    )
                }
            }
        }
        + lists.flatMap { list in
            Who.all.flatMap { name, who in
                [
                    "create 0644 d/n", "list d", "stat d/in", "unlink d/in", "chdir d",
                    "mkdir 0777 d/n",
                ]
                .map { operation in
                    PosixCase(
                        "acl of a directory \(list): \(name) \(operation)",
                        [
                            "mkdir 0755 d", "put text d/in", "chown 1001 1001 d",
                            "setacl access \(list) d", "as \(who) \(operation)",
                        ]
                    )
                }
            }
        }

    static let accessListInheritance: [PosixCase] = {
        let defaults = [
            "u::rwx,g::rx,o::", "u::rwx,g::rwx,o::rwx", "u::rw,u:1004:rwx,g::r,m::rwx,o::r",
            "u::rwx,g::,g:3001:rx,m::rx,o::", "u::,g::,o::",
        ]
        let makes = [
            "create 0666 d/n", "create 0777 d/n", "create 0600 d/n", "create 0 d/n",
            "mkdir 0777 d/n",
            "mkdir 0700 d/n", "mkdir 0750 d/n", "mknod p 0666 d/n", "mknod s 0640 d/n",
            "symlink x d/n", "open 3 rdwr|creat d/n 0666", "create 02777 d/n", "mkdir 01777 d/n",
        ]
        var cases: [PosixCase] = []
        for list in defaults {
            for make in makes {
                for mask in [0, 0o22, 0o77] {
                    cases.append(
                        PosixCase(
                            "default acl \(list), umask \(octal(mask)): \(make)",
                            [
                                "mkdir 0755 d", "setacl default \(list) d", "umask \(octal(mask))",
                                make, "getacl access d/n", "getacl default d/n", "getacl access d",
                            ]
                        )
                    )
                }
            }
            cases.append(
                PosixCase(
                    "default acl \(list) of unnamed files",
                    [
                        "mkdir 0755 d", "setacl default \(list) d", "umask 022",
                        "open 3 rdwr|tmpfile d 0666", "fstat 3", "linkfd 3 d/n",
                        "getacl access d/n",
                    ]
                )
            )
            cases.append(
                PosixCase(
                    "default acl \(list) two levels down",
                    [
                        "mkdir 0755 d", "setacl default \(list) d", "mkdir 0777 d/e",
                        "mkdir 0770 d/e/f",
                        "create 0666 d/e/f/g", "getacl access d/e/f/g", "getacl default d/e/f",
                    ]
                )
            )
        }
        return cases
    }()

    /// The mode and the list tell the same.
    static let accessListModes: [PosixCase] =
        lists.flatMap { list in
            [0o000, 0o640, 0o751, 0o777, 0o2755, 0o4711, 0o1770].map { mode in
                PosixCase(
                    "acl \(list) then chmod \(octal(mode))",
                    [
                        "put text f", "setacl access \(list) f", "stat f",
                        "times f -- chmod \(octal(mode)) f",
                        "stat f", "getacl access f", "removeacl access f", "stat f",
                        "getacl access f",
                    ]
                )
            }
        }
        + lists.flatMap { list in
            [0o2755, 0o4755, 0o6777, 0o2644, 0o1755].flatMap { mode in
                [("file", "put text f"), ("directory", "mkdir 0755 f")].flatMap { kind, make in
                    [("owner", Who.owner), ("foreign", "1001:1004"), ("root", Who.root)].map {
                        name,
                        who in
                        PosixCase(
                            "chmod \(octal(mode)) of a \(kind), then acl \(list) by \(name)",
                            [
                                make, "chown 1001 1001 f", "chmod \(octal(mode)) f",
                                "as \(who) setacl access \(list) f", "stat f",
                            ]
                        )
                    }
                }
            }
        }

    static let accessListCorners = corners(
        "acl",
        [
            ["without an owner", "put a f", "setacl access g::r,o::r f"],
            ["without a mask", "put a f", "setacl access u::rw,u:5:r,g::r,o::r f"],
            ["twice the owner", "put a f", "setacl access u::rw,u::r,g::r,o::r f"],
            ["twice a user", "put a f", "setacl access u::rw,u:5:r,u:5:w,g::r,m::r,o::r f"],
            ["out of order", "put a f", "setacl access o::r,u::rw,g::r f"],
            [
                "mask alone", "put a f", "setacl access u::rw,g::rw,m::r,o::r f", "stat f",
                "getacl access f",
            ],
            ["of nothing", "put a f", "setxattr any system.posix_acl_access - f"],
            ["of a header", "put a f", "setxattr any system.posix_acl_access %02%00%00%00 f"],
            [
                "of an old version", "put a f",
                "setxattr any system.posix_acl_access %01%00%00%00 f",
            ],
            ["cut short", "put a f", "setxattr any system.posix_acl_access %02%00%00%00%01%00 f"],
            [
                "unknown tag", "put a f",
                "setxattr any system.posix_acl_access %02%00%00%00%03%00%04%00%FF%FF%FF%FF f",
            ],
            ["default of a file", "put a f", "setacl default u::rw,g::r,o::r f"],
            ["no default of a file", "put a f", "removeacl default f", "getacl default f"],
            ["of a link", "symlink x l", "lsetxattr any system.posix_acl_access %02%00%00%00 l"],
            [
                "removed twice", "put a f", "setacl access u::rw,u:5:r,g::r,m::r,o::r f",
                "removeacl access f", "removeacl access f", "stat f",
            ],
            [
                "default removed", "mkdir 0755 d", "setacl default u::rwx,g::,o:: d",
                "removeacl default d", "create 0644 d/f", "removeacl default d",
            ],
            [
                "create flag", "put a f", "setacl access u::rw,u:5:r,g::r,m::r,o::r f",
                "setxattr create system.posix_acl_access %02%00%00%00 f",
            ],
            [
                "shown in the list of names", "put a f",
                "setacl access u::rw,u:5:r,g::r,m::r,o::r f",
                "listxattr f", "sizelist 0 f",
            ],
            [
                "moves with its file", "put a f", "setacl access u::rw,u:5:r,g::r,m::r,o::r f",
                "rename f g", "getacl access g", "link g h", "getacl access h",
            ],
            [
                "of another's file", "put a f", "chown 1001 1001 f",
                "as \(Who.other) setacl access u::rw,g::r,o::r f",
                "as \(Who.other) getacl access f",
            ],
            [
                "of a chown", "put a f", "setacl access u::rw,u:5:r,g::r,m::rw,o::r f",
                "chown 1001 1001 f", "getacl access f",
            ],
            [
                "of many", "put a f",
                "setacl access u::rw," + (0..<100).map { "u:\($0 + 10):r," }.joined()
                    + "g::r,m::r,o:: f", "stat f",
            ],
            [
                "on a fifo", "mknod p 0644 p", "setacl access u::rw,u:5:r,g::r,m::r,o::r p",
                "stat p",
            ],
            [
                "a write by who may", "put a f", "chown 1001 1001 f",
                "setacl access u::rw,u:1004:rw,g::,m::rw,o:: f", "chmod 06755 f",
                "as \(Who.other) open 3 wronly f", "as \(Who.other) write 3 x", "stat f",
                "getacl access f",
            ],
        ]
    )
}
