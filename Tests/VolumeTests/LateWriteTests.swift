import SystemIO
import Testing

@testable import Volume

/// The rules of `-o writeback_cache` (`Docs/Decisions/0100-writeback-cache.md`).
struct LateWriteTests {
    @Test func aFileOpenForWritingHasABlockAndNoKnownHoles() throws {
        try VolumeHarness.with { harness in
            let volume = harness.volume
            volume.setWritesBack(true)
            let inode = try volume.makeFile("f")
            #expect(try volume.attributes(of: inode).blocks == 0)
            let reader = try volume.open(inode, flags: [.read], context: someone)
            let writer = try volume.open(inode, flags: [.write], context: someone)
            let before = try volume.attributes(of: inode)
            #expect(before.blocks == 1)
            harness.time.advance(by: .seconds(1))
            try volume.write(writer, 4096, [1])
            #expect(try volume.attributes(of: inode).modified == before.modified)
            #expect(throws: VolumeError.invalidArgument) {
                _ = try volume.seek(reader, offset: 0, toData: true)
            }
            volume.release(writer)
            #expect(try volume.seek(reader, offset: 0, toData: true) == 4096)
        }
    }
}
