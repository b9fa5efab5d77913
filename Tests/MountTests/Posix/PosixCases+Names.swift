extension PosixCase {
    /// rename(2) of everything onto everything, with every flag.
    static let renames: [PosixCase] = {
        var cases: [PosixCase] = []
        let things = Thing.allCases.filter { $0 != .toDirectory && $0 != .loop }
        for source in things {
            for target in things {
                // ext4 makes the whiteout before it sees a full target, and takes it away again.
                let flagsOfAll = [0, 1, 2, 3, 8] + (target == .fullDirectory ? [] : [4, 5, 6])
                for flags in flagsOfAll {
                    for (place, from, to) in [("within", "d/s", "d/t"), ("across", "d/s", "e/t")] {
                        cases.append(
                            PosixCase(
                                "rename \(source.rawValue) to \(target.rawValue) "
                                    + "flags \(flags) \(place)",
                                ["mkdir 0755 d", "mkdir 0755 e"] + source.make(from)
                                    + target.make(to)
                                    + ["times d,e,\(from),\(to) -- rename2 \(flags) \(from) \(to)"]
                            )
                        )
                    }
                }
            }
        }
        return cases
    }()

    static let renameCorners = corners(
        "rename",
        [
            ["of itself", "put a f", "times f,. -- rename f f"],
            ["of a directory onto itself", "mkdir 0755 d", "times d -- rename d d"],
            ["of two names of one file", "put a f", "link f g", "times f,. -- rename f g"],
            ["of two names, no replacement", "put a f", "link f g", "rename2 1 f g"],
            ["of two names, exchanged", "put a f", "link f g", "times f,. -- rename2 2 f g"],
            ["into itself", "mkdir 0755 d", "mkdir 0755 d/e", "rename d d/e/f"],
            ["into its child", "mkdir 0755 d", "mkdir 0755 d/e", "rename d d/e"],
            ["onto its parent", "mkdir 0755 d", "mkdir 0755 d/e", "rename d/e d"],
            ["of a file onto its parent", "mkdir 0755 d", "put a d/f", "rename d/f d"],
            ["exchanged with its child", "mkdir 0755 d", "mkdir 0755 d/e", "rename2 2 d d/e"],
            ["exchanged with its parent", "mkdir 0755 d", "mkdir 0755 d/e", "rename2 2 d/e d"],
            ["of .", "mkdir 0755 d", "rename d/. e"], ["of ..", "mkdir 0755 d", "rename d/.. e"],
            ["onto .", "mkdir 0755 d", "put a f", "rename f d/."],
            ["onto ..", "mkdir 0755 d", "put a f", "rename f d/.."],
            ["of a file with a slash", "put a f", "rename f/ g"],
            ["to a slash", "put a f", "rename f g/"],
            ["of a directory to a slash", "mkdir 0755 d", "rename d e/"],
            ["of a directory with a slash", "mkdir 0755 d", "rename d/ e"],
            ["of nothing to a slash", "rename none e/"],
            ["to nowhere", "put a f", "rename f none/g"],
            ["below a file", "put a f", "put b g", "rename f g/h"],
            [
                "moves parents", "mkdir 0755 a", "mkdir 0755 b", "mkdir 0755 a/c", "rename a/c b/c",
                "chdir b/c", "chdir ..", "list .", "chdir ..", "list .",
            ],
            [
                "keeps an open file", "put a f", "put b g", "open 3 rdwr g", "rename f g",
                "pread 3 0 9",
                "fstat 3", "cat g",
            ],
            ["of a long name", "put a f", "rename f *255", "rename *255 *256", "rename *255 g"],
            ["from a long name", "rename *256 g"],
            [
                "whole trees", "mkdir 0755 a", "mkdir 0755 a/b", "put x a/b/c", "rename a z",
                "cat z/b/c",
            ],
            [
                "counts links of directories", "mkdir 0755 a", "mkdir 0755 b", "mkdir 0755 a/c",
                "mkdir 0755 b/c", "rename a/c b/c", "lstat a", "lstat b",
            ],
            [
                "exchange counts links", "mkdir 0755 a", "mkdir 0755 b", "mkdir 0755 a/c",
                "put x b/f",
                "rename2 2 a/c b/f", "lstat a", "lstat b", "list b/f",
            ],
            [
                "into a removed directory", "mkdir 0755 d", "put a f", "mkdir 0755 e", "chdir d",
                "child rmdir ../d", "rename ../f g",
            ],
            [
                "unmakes a removed target's links", "put a f", "put b g", "link g h", "rename f g",
                "times h -- stat h",
            ],
            [
                "over the last name of an open file", "put a f", "put b g", "open 3 rdonly g",
                "rename f g", "fstat 3",
            ],
            [
                "of a directory another may not write", "mkdir 0777 d", "chmod 01777 d",
                "as \(Who.owner) mkdir 0755 d/e", "as \(Who.owner) mkdir 0777 f",
                "as \(Who.other) rename d/e f/e",
            ],
            [
                "of a directory that its owner may not write", "as \(Who.owner) mkdir 0755 d",
                "as \(Who.owner) mkdir 0755 d/e", "as \(Who.owner) chmod 0555 d/e",
                "as \(Who.owner) rename d/e e", "as \(Who.owner) rename d/e d/f",
            ],
        ]
    )
}

extension PosixCase {
    /// Cases as rows: the name, then the calls.
    static func corners(_ prefix: String, _ rows: [[String]]) -> [PosixCase] {
        rows.map { PosixCase("\(prefix) \($0[0])", Array($0.dropFirst())) }
    }
}
