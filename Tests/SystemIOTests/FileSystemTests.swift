internal import SystemIO
internal import TestSupport
internal import Testing

/// What both file systems promise, run over both.
@Suite struct FileSystemTests {
    private enum Kind: CaseIterable { case linux, inMemory }

    private func withEach(
        _ kind: Kind,
        _ body: (any FileSystem, String) throws -> Void
    ) throws {
        switch kind {
        case .linux: try Scratch.with { try body(LinuxFileSystem(), $0.path) }
        case .inMemory:
            let disk = InMemoryFileSystem()
            try disk.makeDirectories("/tmp/here")
            try body(disk, "/tmp/here")
        }
    }

    @Test(arguments: Kind.allCases)
    private func bytesComeBack(kind: Kind) throws {
        try withEach(kind) { disk, base in
            let file = try disk.open(base + "/file", .createNew)
            try file.write([1, 2, 3, 4], at: 2)
            #expect(try file.read(count: 10, at: 0) == [0, 0, 1, 2, 3, 4])
            #expect(try file.read(count: 2, at: 3) == [2, 3])
            #expect(try file.read(count: 4, at: 6) == [])
            try file.allocate(upTo: 8)
            #expect(try file.size() == 8)
            try file.allocate(upTo: 3)
            #expect(try file.size() == 8)
            try file.truncate(to: 3)
            #expect(try file.read(count: 9, at: 0) == [0, 0, 1])
            try file.synchronizeData()
            try file.synchronize()
            file.close()
        }
    }

    @Test(arguments: Kind.allCases)
    private func manyPartsAreWrittenInOrder(kind: Kind) throws {
        try withEach(kind) { disk, base in
            let file = try disk.open(base + "/file", .createNew)
            // More parts than one system call takes.
            let parts = (0..<2500).map { index in
                [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: index % 4)
            }
            let all = parts.flatMap { $0 }
            try unsafe all.withBytes { (bytes) throws(SystemError) in
                var at = 0
                var buffers: [UnsafeRawBufferPointer] = unsafe []
                for part in parts {
                    let slice = unsafe bytes[at..<at + part.count]
                    unsafe buffers.append(UnsafeRawBufferPointer(rebasing: slice))
                    at += part.count
                }
                try unsafe file.write(gathering: buffers, at: 7)
            }
            #expect(try file.read(count: all.count + 1, at: 7) == all)
        }
    }

    @Test(arguments: Kind.allCases)
    private func namesAreMadeMovedAndRemoved(kind: Kind) throws {
        try withEach(kind) { disk, base in
            #expect(throws: SystemError.self) { try disk.open(base + "/none", .read) }
            expect(\.isNotFound) { () throws(SystemError) in
                _ = try disk.open(base + "/none", .readWrite)
            }
            try disk.open(base + "/b", .createIfMissing).close()
            try disk.open(base + "/a", .createNew).close()
            expect(\.isExists) { () throws(SystemError) in
                _ = try disk.open(base + "/a", .createNew)
            }
            try disk.makeDirectory(base + "/d")
            #expect(try disk.list(base) == ["a", "b", "d"])
            #expect(try disk.status(base + "/d")?.isDirectory == true)
            #expect(try disk.status(base + "/a")?.isDirectory == false)
            #expect(try disk.status(base + "/c") == nil)
            try disk.rename(base + "/a", to: base + "/d/c")
            try disk.synchronizeDirectory(base)
            #expect(try disk.list(base + "/d") == ["c"])
            expect(\.isDirectoryNotEmpty) { () throws(SystemError) in
                try disk.removeDirectory(base + "/d")
            }
            try disk.removeFile(base + "/d/c")
            try disk.removeDirectory(base + "/d")
            #expect(try disk.list(base) == ["b"])
            #expect(try disk.space(at: base).available > 0)
        }
    }

    @Test(arguments: Kind.allCases)
    private func aLockIsHeldOnce(kind: Kind) throws {
        try withEach(kind) { disk, base in
            let lock = try #require(try disk.lock(base + "/lock"))
            #expect(try disk.lock(base + "/lock") == nil)
            lock.unlock()
            #expect(try disk.lock(base + "/lock") != nil)
        }
    }

    @Test(arguments: Kind.allCases)
    private func wholeFilesAreReplaced(kind: Kind) throws {
        try withEach(kind) { disk, base in
            try disk.makeDirectories(base + "/x/y/z")
            try disk.makeDirectories(base + "/x/y/z")
            let path = base + "/x/y/z/file"
            #expect(try disk.readWholeFile(path) == nil)
            try disk.writeFileAtomically(path, [1, 2, 3])
            // What a crash may have left.
            try disk.open(path + ".new", .createNew).close()
            try disk.writeFileAtomically(path, [4])
            #expect(try disk.readWholeFile(path) == [4])
            #expect(throws: SystemError.self) { try disk.readWholeFile(path, limit: 0) }
            #expect(try disk.list(base + "/x/y/z") == ["file"])
        }
    }

    @Test func directoriesOfPaths() {
        #expect(directory(of: "/a/b") == "/a")
        #expect(directory(of: "/a") == "/")
        #expect(directory(of: "/") == "/")
        #expect(directory(of: "a") == ".")
        #expect(directory(of: "/a/b//") == "/a")
    }
}

/// Expects that `body` throws an error of which `condition` holds.
func expect(
    _ condition: KeyPath<SystemError, Bool>,
    _ body: () throws(SystemError) -> Void
) {
    do throws(SystemError) {
        try body()
        Issue.record("nothing was thrown")
    } catch {
        #expect(error[keyPath: condition], "\(error)")
    }
}
