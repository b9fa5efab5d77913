/// A difference between a volume and the machine's filesystem that is meant.
///
/// Each has its row in `Docs/Semantics.md`, and one that no case shows any more fails the test: so
/// the page stays true.
struct PosixDifference {
    /// Cases whose name begins and ends so.
    let prefix: String
    var suffix = ""
    /// Answers of the machine's filesystem that contain this may differ.
    let local: String
    /// What the volume's answers contain then.
    var volume = ""
    /// Words of the row that are in no other.
    let row: String

    func covers(_ name: String) -> Bool { name.hasPrefix(prefix) && name.hasSuffix(suffix) }

    func covers(_ item: PosixCase, _ local: [String], _ volume: [String]) -> Bool {
        guard covers(item.name), local.count == volume.count else { return false }
        return zip(local, volume).allSatisfy {
            $0 == $1 || $0.contains(self.local) && $1.contains(self.volume)
        }
    }

    static let all: [PosixDifference] = [
        PosixDifference(
            prefix: "difference: collapse",
            local: " 0",
            volume: "EOPNOTSUPP",
            row: "COLLAPSE_RANGE"
        ),
        PosixDifference(
            prefix: "difference: insert",
            local: " 0",
            volume: "EOPNOTSUPP",
            row: "INSERT_RANGE"
        ),
        PosixDifference(
            prefix: "difference: direct access without alignment",
            local: "EINVAL",
            row: "O_DIRECT"
        ),
        PosixDifference(
            prefix: "difference: flags",
            local: " 0",
            volume: "ENOTTY",
            row: "FS_IOC_GETFLAGS"
        ),
        PosixDifference(
            prefix: "difference: version",
            local: " 0",
            volume: "ENOTTY",
            row: "FS_IOC_GETVERSION"
        ),
        PosixDifference(
            prefix: "difference: map of extents",
            local: " 0",
            volume: "EOPNOTSUPP",
            row: "FS_IOC_FIEMAP"
        ),
        PosixDifference(
            prefix: "difference: time of birth",
            local: "told",
            volume: "unknown",
            row: "statx(2) does not tell"
        ),
        PosixDifference(
            prefix: "difference: sizes past 16 TiB",
            local: "EFBIG",
            volume: " 0",
            row: "no limit of file size"
        ),
        PosixDifference(
            prefix: "difference: read of cached bytes",
            local: " f:a",
            volume: " f:",
            row: "reads that the page cache answers"
        ),
        PosixDifference(
            prefix: "of a running program: execute",
            local: " p:a",
            volume: " p:",
            row: "reads that the page cache answers"
        ),
        PosixDifference(
            prefix: "times of read at the end",
            local: " f:a",
            volume: " f:",
            row: "reads that the page cache answers"
        ),
        PosixDifference(
            prefix: "times of mapped",
            local: " f:",
            row: "a mapped write changes the times"
        ),
        PosixDifference(
            prefix: "times of private write",
            local: " f:",
            row: "a mapped write changes the times"
        ),
        PosixDifference(
            prefix: "times of copy",
            local: "6 f:a g:mc",
            volume: "6 f: g:mc",
            row: "copy_file_range leaves"
        ),
        PosixDifference(
            prefix: "chown -1 -1 of a file",
            local: "EPERM p:",
            volume: " 0 p:",
            row: "chown(2) with neither"
        ),
        PosixDifference(
            prefix: "other on 02766",
            local: "0766 ",
            volume: "2766 ",
            row: "set-group-ID without group execution"
        ),
        PosixDifference(
            prefix: "other on 06766",
            local: "0766 ",
            volume: "2766 ",
            row: "set-group-ID without group execution"
        ),
    ]
}

extension PosixCase {
    /// What shows a difference and nothing else; always performed whole.
    static let differences = corners(
        "difference:",
        [
            ["collapse", "put *16384 f", "open 3 rdwr f", "fallocate 3 8 0 4096", "truncate f 0"],
            [
                "insert", "put *16384 f", "open 3 rdwr f", "fallocate 3 0x20 4096 4096",
                "truncate f 0",
            ],
            [
                "direct access without alignment", "put *8192 f", "open 3 rdwr|direct f",
                "direct 3 write 1 100 7", "direct 3 read 5 10 3", "truncate f 0",
            ],
            ["flags", "put a f", "open 3 rdonly f", "ioctl 3 flags"],
            ["version", "put a f", "open 3 rdonly f", "ioctl 3 version"],
            ["map of extents", "put a f", "open 3 rdonly f", "ioctl 3 extents"],
            ["time of birth", "put a f", "birth f"],
            [
                "sizes past 16 TiB", "create 0644 f", "truncate f 17592186044416",
                "truncate f 9223372036854775807", "truncate f 0",
            ],
            [
                "read of cached bytes", "put abc f", "open 3 rdonly f", "pread 3 0 3",
                "times f -- pread 3 0 3",
            ],
        ]
    )

    /// What neither can do.
    static let refusals = corners(
        "refused",
        [
            [
                "clone by ioctl", "put a f", "put b g", "open 3 rdwr f", "open 4 rdonly g",
                "ioctl 3 clone 4",
            ],
            ["unsharing", "put *16384 f", "open 3 rdwr f", "fallocate 3 0x40 0 4096"],
        ]
    )
}
