extension PosixCase {
    /// What a directory's permissions let whom do in it.
    static let directoryPermissions: [PosixCase] = {
        let operations = [
            "create 0644 d/new", "mkdir 0755 d/new", "unlink d/file", "rmdir d/sub",
            "rename d/file d/other", "rename d/file outside", "link d/file d/other", "list d",
            "stat d/file", "chdir d", "symlink x d/new", "cat d/file", "mknod p 0644 d/new",
            "open 3 rdwr|tmpfile d",
        ]
        var cases: [PosixCase] = []
        for (name, who) in Who.all {
            for bits in 0..<8 {
                // The same bits for the one class that counts, and the opposite for the others.
                let mine = Self.mode(bits, for: name)
                for operation in operations {
                    cases.append(
                        PosixCase(
                            "\(name) in a directory \(octal(mine)): \(operation)",
                            [
                                "mkdir 0777 d", "put text d/file", "chmod 0666 d/file",
                                "mkdir 0755 d/sub",
                                "chown 1001 1001 d/file", "chown 1001 1001 d",
                                "chmod \(octal(mine)) d",
                                "as \(who) \(operation)",
                            ]
                        )
                    )
                }
            }
        }
        return cases
    }()

    private static func mode(_ bits: Int, for name: String) -> Int {
        switch name {
        case "owner": bits << 6 | (~bits & 7) << 3 | (~bits & 7)
        case "member", "supplementary": (~bits & 7) << 6 | bits << 3 | (~bits & 7)
        default: (~bits & 7) << 6 | (~bits & 7) << 3 | bits
        }
    }

    static let filePermissions: [PosixCase] = {
        let operations = [
            "open 3 rdonly f", "open 3 wronly f", "open 3 rdwr f", "open 3 wronly|append f",
            "open 3 rdonly|trunc f", "truncate f 1", "access r f", "access w f", "access x f",
            "setxattr any user.a v f", "getxattr user.b f", "removexattr user.b f",
            "utimens now now f", "utimens 5.5 6.6 f", "utimens omit now f", "utimens omit omit f",
            "chmod 0600 f", "chown -1 1001 f", "chown 1004 -1 f", "link f g",
            "setxattr any trusted.a v f", "setxattr any security.a v f", "listxattr f",
            "open 3 rdonly|noatime f",
        ]
        var cases: [PosixCase] = []
        for (name, who) in Who.all {
            for bits in 0..<8 {
                let mine = mode(bits, for: name)
                for operation in operations {
                    cases.append(
                        PosixCase(
                            "\(name) with a file \(octal(mine)): \(operation)",
                            [
                                "put text f", "setxattr any user.b v f", "chown 1001 1001 f",
                                "chmod \(octal(mine)) f", "as \(who) \(operation)",
                            ]
                        )
                    )
                }
            }
        }
        return cases
    }()

    /// Who may remove or move what in a directory with the sticky bit.
    static let stickyDirectories: [PosixCase] = {
        let operations = [
            "unlink d/file", "rmdir d/sub", "rename d/file d/other", "rename d/mine d/file",
            "rename d/file e/file", "rename e/mine d/file", "rename2 2 d/mine d/file",
            "rename d/sub d/sub2", "link d/file d/other",
        ]
        let users = [("root", 0), ("owner", 1001), ("other", 1004)]
        var cases: [PosixCase] = []
        for (directoryOwner, directoryUser) in users {
            for (fileOwner, fileUser) in users {
                for (name, who) in Who.all where name != "member" {
                    for operation in operations {
                        let user = who.split(separator: ":")[0]
                        cases.append(
                            PosixCase(
                                "sticky of \(directoryOwner), file of \(fileOwner), "
                                    + "\(name): \(operation)",
                                [
                                    "mkdir 0777 d", "mkdir 0777 e", "put text d/file",
                                    "mkdir 0777 d/sub", "put mine d/mine", "put mine e/mine",
                                    "chown \(user) 0 d/mine", "chown \(user) 0 e/mine",
                                    "chown \(fileUser) 0 d/file", "chown \(fileUser) 0 d/sub",
                                    "chown \(directoryUser) 0 d", "chmod 01777 d",
                                    "as \(who) \(operation)",
                                ]
                            )
                        )
                    }
                }
            }
        }
        return cases
    }()
}
