extension PosixCase {
    /// Calls that take a path, written with `PATH`.
    private static let operations = [
        "mkdir 0755 PATH", "rmdir PATH", "unlink PATH", "create 0644 PATH", "mknod p 0644 PATH",
        "mknod s 0600 PATH", "symlink target PATH", "link source PATH", "link PATH target",
        "linkat 0x400 PATH target", "readlink PATH", "truncate PATH 3", "chmod 0640 PATH",
        "chown 1001 1002 PATH", "lchown 1001 1002 PATH", "stat PATH", "lstat PATH", "list PATH",
        "access rwx PATH", "setxattr any user.a value PATH", "lsetxattr any user.a value PATH",
        "getxattr user.a PATH", "listxattr PATH", "removexattr user.a PATH", "put text PATH",
        "utimens 5.6 7.8 PATH", "utimens 5.6 7.8 PATH nofollow", "rename PATH target",
        "rename source PATH", "chdir PATH", "statfs PATH",
        "setacl access "
            + "u::rwx,u:1001:rx,g::r,m::rwx,o:: PATH",
        "setacl default u::rwx,g::r,o:: PATH", "getacl access PATH",
    ]

    private static func fill(_ operation: String, _ path: String) -> String {
        operation.replacing("PATH", with: path)
    }

    /// Every call on everything that a name may stand for, with all that may follow the name.
    static let pathOperations: [PosixCase] = operations.flatMap { operation in
        Thing.allCases.flatMap { thing in
            ["", "/", "/.", "/.."].map { end in
                PosixCase(
                    "\(operation) on \(thing.rawValue) end '\(end)'",
                    ["mkdir 0755 d", "put text source"] + thing.make("d/p")
                        + ["times d,d/p -- " + fill(operation, "d/p" + end)]
                )
            }
        }
    }

    /// Paths that lead nowhere, or are too long.
    private static let badPaths: [(name: String, making: [String], path: String)] = [
        ("empty", [], "''"), ("missing", [], "none/x"), ("through a file", ["put a f"], "f/x"),
        ("through a loop", ["symlink l l"], "l/x"), ("255 bytes", [], "*255"),
        ("256 bytes", [], "*256"), ("4095 bytes", [], "*4095"), ("4096 bytes", [], "*4096"),
        ("path of 4095 bytes", [], String(repeating: "./", count: 2047) + "p"),
        ("path of 4096 bytes", [], String(repeating: "./", count: 2047) + "pq"),
        (
            "component of 256 bytes below", ["mkdir 0755 d"],
            "d/" + String(repeating: "x", count: 256)
        ),
        ("dot", [], "."), ("dots", [], ".."), ("root of nothing", ["symlink '' e"], "e"),
        ("forty links", chain(40), "l0/x"), ("forty-one links", chain(41), "l0/x"),
        ("every byte", [], "%01%02%7F%80%FF%20%0A%5C"), ("no UTF-8", [], "%C3%28%A0"),
    ]

    private static func chain(_ count: Int) -> [String] {
        ["mkdir 0755 l\(count)"] + (0..<count).map { "symlink l\($0 + 1) l\($0)" }
    }

    static let pathErrors: [PosixCase] = operations.flatMap { operation in
        badPaths.map { bad in
            PosixCase(
                "\(operation) with \(bad.name)",
                ["put text source"] + bad.making + [fill(operation, bad.path)]
            )
        }
    }

    /// open(2) with every combination of flags.
    static let openings: [PosixCase] = {
        let names = ["creat", "excl", "trunc", "append", "directory", "nofollow", "path"]
        var cases: [PosixCase] = []
        for thing in Thing.allCases {
            for mask in 0..<(1 << names.count) {
                let chosen = names.indices.filter { mask >> $0 & 1 == 1 }.map { names[$0] }
                let flags = (["rdwr", "nonblock"] + chosen).joined(separator: "|")
                cases.append(
                    PosixCase(
                        "open \(thing.rawValue) \(flags)",
                        ["mkdir 0755 d"] + thing.make("d/p")
                            + ["times d,d/p -- open 3 \(flags) d/p 0666", "fstat 3"]
                    )
                )
            }
            for flags in ["rdonly", "wronly", "rdonly|trunc", "wronly|sync", "rdonly|noatime"] {
                cases.append(
                    PosixCase(
                        "open \(thing.rawValue) \(flags)",
                        thing.make("p")
                            + ["open 3 nonblock|\(flags) p", "read 3 3", "write 3 abc"]
                    )
                )
            }
        }
        return cases
    }()
}
