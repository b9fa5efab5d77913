/// Set-id bits: who may set them, and when they go.
extension PosixCase {
    private static let lowBits = [0o755, 0o644, 0o745, 0o777, 0o654]

    static let modeChanges: [PosixCase] = {
        var cases: [PosixCase] = []
        for (name, who) in Who.all {
            for high in 0..<8 {
                for low in [0o755, 0o640] {
                    for (kind, make) in [
                        ("file", "put text p"), ("directory", "mkdir 0755 p"),
                        ("fifo", "mknod p 0600 p"),
                    ] {
                        for group in [1001, 1004] {
                            cases.append(
                                PosixCase(
                                    "chmod \(octal(high << 9 | low)) of a \(kind) of group "
                                        + "\(group) by \(name)",
                                    [
                                        make, "chown 1001 \(group) p",
                                        "times p,. -- as \(who) chmod \(octal(high << 9 | low)) p",
                                    ]
                                )
                            )
                        }
                    }
                }
            }
        }
        return cases
    }()

    static let ownerChanges: [PosixCase] = {
        var cases: [PosixCase] = []
        let changes = [
            "-1 -1", "1001 -1", "1004 -1", "-1 1001", "-1 3001", "-1 1004", "1001 3001", "0 0",
        ]
        for (name, who) in Who.all where name != "member" {
            for high in [0, 2, 4, 6, 1, 7] {
                for low in [0o755, 0o745] {
                    for (kind, make) in [("file", "put text p"), ("directory", "mkdir 0755 p")] {
                        for change in changes {
                            cases.append(
                                PosixCase(
                                    "chown \(change) of a \(kind) \(octal(high << 9 | low)) "
                                        + "by \(name)",
                                    [
                                        make, "chown 1001 1001 p",
                                        "chmod \(octal(high << 9 | low)) p",
                                        "times p -- as \(who) chown \(change) p",
                                    ]
                                )
                            )
                        }
                    }
                }
            }
        }
        return cases
    }()

    /// What takes set-id bits and capabilities from a file.
    static let privilegeLosses: [PosixCase] = {
        let operations = [
            ["open 3 wronly f", "write 3 x"], ["open 3 wronly f", "pwrite 3 9 x"],
            ["open 3 wronly|append f", "write 3 x"], ["truncate f 2"], ["truncate f 4"],
            ["truncate f 9"], ["open 3 wronly f", "ftruncate 3 1"], ["open 3 wronly|trunc f"],
            ["open 3 rdwr|creat|trunc f"], ["open 3 wronly f", "fallocate 3 0 0 100"],
            ["open 3 wronly f", "fallocate 3 3 0 4096"],
            ["open 3 rdonly g", "open 4 wronly f", "copyrange 3 0 4 0 4"],
            ["open 3 rdwr f", "write 3 ''"], ["open 3 wronly f", "close 3"],
            ["rename f h"], ["link f h"], ["utimens now now f"],
            ["open 3 rdwr f", "mmap 3 shared rw 0 4", "poke 0 ab", "msync sync", "munmap"],
        ]
        var cases: [PosixCase] = []
        for (name, who) in Who.all {
            for high in [2, 4, 6] {
                for low in [0o777, 0o766, 0o676] {
                    for operation in operations {
                        cases.append(
                            PosixCase(
                                "\(name) on \(octal(high << 9 | low)): "
                                    + operation.joined(separator: "; "),
                                [
                                    "put text f", "put text g", "chmod 0644 g", "chown 1001 1001 f",
                                    "chmod \(octal(high << 9 | low)) f",
                                ]
                                    + operation.map { "as \(who) \($0)" } + ["stat f"]
                            )
                        )
                    }
                }
            }
            for operation in operations {
                cases.append(
                    PosixCase(
                        "\(name) on a capability: " + operation.joined(separator: "; "),
                        [
                            "put text f", "put text g", "chown 1001 1001 f", "chmod 0666 f",
                            "setxattr any security.capability "
                                + "%01%00%00%02%00%20%00%00%00%00%00%00%00%00%00%00%00%00%00%00 f",
                        ]
                            + operation.map { "as \(who) \($0)" } + ["listxattr f"]
                    )
                )
            }
        }
        return cases
    }()

    /// What new files get from their directory.
    static let inheritance: [PosixCase] = {
        var cases: [PosixCase] = []
        let makes = [
            "create 0644 d/n", "create 02755 d/n", "create 04755 d/n", "create 02644 d/n",
            "mkdir 0755 d/n", "mkdir 02700 d/n", "mkdir 01777 d/n", "mknod p 02755 d/n",
            "mknod - 06777 d/n", "symlink x d/n", "open 3 rdwr|tmpfile d 02755",
        ]
        for (name, who) in Who.all {
            for mode in [0o777, 0o2777, 0o3777, 0o1777] {
                for make in makes {
                    cases.append(
                        PosixCase(
                            "\(name) in \(octal(mode)): \(make)",
                            [
                                "mkdir 0777 d", "chown 1001 1001 d", "chmod \(octal(mode)) d",
                                "as \(who) \(make)", "fstat 3",
                            ]
                        )
                    )
                }
            }
        }
        return cases
    }()

    static let masks: [PosixCase] = [0, 0o22, 0o77, 0o777, 0o027].flatMap { mask in
        [
            "create 0777 n", "mkdir 0777 n", "mknod p 0777 n", "mknod s 0777 n", "symlink x n",
            "create 07777 n", "mkdir 07777 n", "open 3 rdwr|tmpfile . 0777", "mknod - 0666 n",
        ].map { make in
            PosixCase("umask \(octal(mask)): \(make)", ["umask \(octal(mask))", make, "fstat 3"])
        }
    }
}
