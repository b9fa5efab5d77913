import Testing

@testable import Volume

/// What each operation refuses, and why.
struct OperationErrorTests {
    /// A volume with a directory `d` (with `f` in it), an empty one `e`, a file `f`, a link `l`.
    private func populated(_ body: (Volume) throws -> Void) throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            let directory = try volume.makeDirectory(
                in: .root,
                [0x64],
                permissions: 0o755,
                context: someone
            )
            _ = try volume.makeDirectory(in: .root, [0x65], permissions: 0o755, context: someone)
            try volume.makeFile("f", in: directory.inode)
            try volume.makeFile("f", [1, 2, 3])
            _ = try volume.makeSymlink(in: .root, [0x6C], target: [0x66], context: someone)
            try body(volume)
            try volume.checkInvariants()
        }
    }

    private func inode(_ volume: Volume, _ name: String) throws -> InodeNumber {
        try volume.lookup(.root, volume.name(name)).inode
    }

    private static let tooLong = [UInt8](repeating: 0x61, count: 256)

    @Test func namesAreBounded() throws {
        try populated { volume in
            try volume.makeFile(String(repeating: "a", count: 255))
            let calls: [(String, ([UInt8]) throws -> Void)] = [
                ("lookup", { _ = try volume.lookup(.root, $0) }),
                ("unlink", { try volume.unlink(.root, $0, context: someone) }),
                ("rmdir", { try volume.removeDirectory(.root, $0, context: someone) }),
                (
                    "mkdir",
                    {
                        _ = try volume.makeDirectory(
                            in: .root,
                            $0,
                            permissions: 0o755,
                            context: someone
                        )
                    }
                ),
                (
                    "rename",
                    {
                        try volume.rename(
                            .root,
                            [0x66],
                            to: .root,
                            $0,
                            flags: [],
                            context: someone
                        )
                    }
                ),
                (
                    "link",
                    {
                        _ = try volume.link(
                            volume.lookup(.root, [0x66]).inode,
                            to: .root,
                            $0,
                            context: someone
                        )
                    }
                ),
            ]
            for (what, call) in calls {
                #expect(throws: VolumeError.nameTooLong, "\(what)") { try call(Self.tooLong) }
                for bad: [UInt8] in [[], [0], [0x61, 0x2F], [0x61, 0, 0x62]] {
                    #expect(throws: VolumeError.invalidArgument, "\(what)") { try call(bad) }
                }
            }
        }
    }

    @Test func removalsTellWhatIsInTheWay() throws {
        try populated { volume in
            let file = try inode(volume, "f")
            let table: [(VolumeError, () throws -> Void)] = [
                (.notFound, { try volume.unlink(.root, [0x7A], context: someone) }),
                (.isDirectory, { try volume.unlink(.root, [0x64], context: someone) }),
                (.isDirectory, { try volume.unlink(.root, [0x2E], context: someone) }),
                (.notDirectory, { try volume.unlink(file, [0x61], context: someone) }),
                (.stale, { try volume.unlink(InodeNumber(999), [0x61], context: someone) }),
                (.notFound, { try volume.removeDirectory(.root, [0x7A], context: someone) }),
                (.notDirectory, { try volume.removeDirectory(.root, [0x66], context: someone) }),
                (
                    .directoryNotEmpty,
                    { try volume.removeDirectory(.root, [0x64], context: someone) }
                ),
                (.invalidArgument, { try volume.removeDirectory(.root, [0x2E], context: someone) }),
                (
                    .directoryNotEmpty,
                    { try volume.removeDirectory(.root, [0x2E, 0x2E], context: someone) }
                ),
            ]
            for (index, (error, call)) in table.enumerated() {
                #expect(throws: error, "row \(index)") { try call() }
            }
        }
    }

    @Test func renamesTellWhatIsInTheWay() throws {
        try populated { volume in
            let directory = try inode(volume, "d")
            func rename(
                _ from: String,
                _ target: InodeNumber,
                _ to: String,
                _ flags: RenameFlags = []
            ) throws {
                try volume.rename(
                    .root,
                    volume.name(from),
                    to: target,
                    volume.name(to),
                    flags: flags,
                    context: someone
                )
            }
            let table: [(VolumeError, () throws -> Void)] = [
                (.notFound, { try rename("z", .root, "y") }),
                (.exists, { try rename("f", .root, "l", .noReplace) }),
                (.exists, { try rename("f", .root, "f", .noReplace) }),
                (.isDirectory, { try rename("f", .root, "e") }),
                (.notDirectory, { try rename("e", .root, "f") }),
                (.directoryNotEmpty, { try rename("e", .root, "d") }),
                (.invalidArgument, { try rename("d", directory, "x") }),
                (.invalidArgument, { try rename("d", directory, "x", .exchange) }),
                (.notFound, { try rename("f", .root, "z", .exchange) }),
                (.invalidArgument, { try rename("f", .root, "z", [.exchange, .noReplace]) }),
                (.invalidArgument, { try rename("f", .root, ".") }),
            ]
            for (index, (error, call)) in table.enumerated() {
                #expect(throws: error, "row \(index)") { try call() }
            }
            // Two names of one file: nothing to do.
            _ = try volume.link(try inode(volume, "f"), to: .root, [0x67], context: someone)
            try rename("f", .root, "g")
            #expect(try volume.lookup(.root, [0x66]).linkCount == 2)
        }
    }

    @Test func filesTellWhatTheyCanNot() throws {
        try populated { volume in
            let file = try inode(volume, "f")
            let link = try inode(volume, "l")
            let directory = try inode(volume, "d")
            let reading = try volume.open(file, flags: [.read], context: someone)
            let writing = try volume.open(file, flags: [.read, .write], context: someone)
            let gone = HandleNumber(12345)
            let end = UInt64(Int64.max)
            let table: [(VolumeError, () throws -> Void)] = [
                (
                    .isDirectory,
                    { _ = try volume.open(directory, flags: [.read], context: someone) }
                ),
                (.invalidArgument, { _ = try volume.open(link, flags: [.read], context: someone) }),
                (.badHandle, { try volume.write(reading, 0, [1]) }),
                (.badHandle, { _ = try volume.read(gone, 0, 1) }),
                (.badHandle, { try volume.flush(gone) }),
                (.fileTooLarge, { try volume.write(writing, end, [1]) }),
                (.noSuchOffset, { _ = try volume.seek(writing, offset: 3, toData: true) }),
                (
                    .invalidArgument,
                    { try volume.allocate(writing, mode: [], offset: 0, length: 0) }
                ),
                (
                    .unsupported,
                    { try volume.allocate(writing, mode: .punchHole, offset: 0, length: 1) }
                ),
                (
                    .fileTooLarge,
                    { try volume.allocate(writing, mode: [], offset: end, length: 1) }
                ),
                (
                    .invalidArgument,
                    {
                        _ = try volume.copyRange(
                            from: writing,
                            offset: 0,
                            to: writing,
                            offset: 1,
                            length: 2
                        )
                    }
                ),
            ]
            for (index, (error, call)) in table.enumerated() {
                #expect(throws: error, "row \(index)") { try call() }
            }
        }
    }

    @Test func inodesTellWhatTheyCanNot() throws {
        try populated { volume in
            let file = try inode(volume, "f")
            let directory = try inode(volume, "d")
            var size = AttributeChanges()
            size.size = UInt64(Int64.max) + 1
            let tooBig = size
            size.size = 1
            let small = size
            let table: [(VolumeError, () throws -> Void)] = [
                (
                    .fileTooLarge,
                    {
                        _ = try volume.setAttributes(
                            of: file,
                            tooBig,
                            handle: nil,
                            context: someone
                        )
                    }
                ),
                (
                    .isDirectory,
                    {
                        _ = try volume.setAttributes(
                            of: directory,
                            small,
                            handle: nil,
                            context: someone
                        )
                    }
                ),
                (.invalidArgument, { _ = try volume.readSymlink(file) }),
                (
                    .notPermitted,
                    { _ = try volume.link(directory, to: .root, [0x78], context: someone) }
                ),
                (.exists, { _ = try volume.link(file, to: .root, [0x6C], context: someone) }),
                (
                    .exists,
                    {
                        _ = try volume.create(
                            in: .root,
                            [0x66],
                            permissions: 0,
                            flags: [.exclusive],
                            context: someone
                        )
                    }
                ),
            ]
            for (index, (error, call)) in table.enumerated() {
                #expect(throws: error, "row \(index)") { try call() }
            }
        }
    }

    @Test func extendedAttributesAreBounded() throws {
        try populated { volume in
            let file = try inode(volume, "f")
            let a = volume.name("user.a")
            func set(
                _ name: [UInt8],
                _ count: Int,
                _ mode: AttributeWriteMode = .createOrReplace
            ) throws {
                try volume.setExtendedAttribute(
                    of: file,
                    name,
                    [UInt8](repeating: 1, count: count),
                    mode: mode,
                    context: someone
                )
            }
            #expect(throws: VolumeError.noAttribute) { try set(a, 1, .replace) }
            try set(a, 65536, .create)
            #expect(throws: VolumeError.exists) { try set(a, 1, .create) }
            #expect(throws: VolumeError.attributeTooLarge) { try set(a, 65537) }
            #expect(throws: VolumeError.invalidArgument) { try set([], 1) }
            #expect(throws: VolumeError.noAttribute) {
                _ = try volume.extendedAttribute(of: file, volume.name("user.b"))
            }
            #expect(try volume.extendedAttribute(of: file, a).count == 65536)
            // 256 names of 255 bytes, with a byte after each, are all that can be listed.
            #expect(throws: VolumeError.noSpace) {
                for index in 0..<300 {
                    let name = volume.name("user.\(index)")
                    try set(name + [UInt8](repeating: 0x78, count: 255 - name.count), 1)
                }
            }
            try volume.removeExtendedAttribute(of: file, a, context: someone)
            #expect(throws: VolumeError.noAttribute) {
                try volume.removeExtendedAttribute(of: file, a, context: someone)
            }
        }
    }
}
