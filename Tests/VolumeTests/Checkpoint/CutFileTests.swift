import Codec
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

@Suite struct CutFileTests {
    private let rows = (UInt8(0)..<5).map { number in
        RowImage(table: 1, key: [number], value: number == 2 ? nil : [number, 7])
    }
    private let ranges = (UInt32(1)..<4).map { number in
        UnplacedRange(
            slice: UInt64(number),
            offset: number * 10,
            length: 5,
            inode: 2,
            fileOffset: 100
        )
    }
    private let summary = CutSummary(rowCount: 5, rangeCount: 3, inodeMark: 77, cutAt: 88)

    /// Writes a cut and returns its bytes.
    private func write(finished: Bool = true) throws -> [UInt8] {
        let files = InMemoryFileSystem()
        let file = try files.open("/cut", .createNew)
        var writer = try CutFileWriter(file, generation: 3)
        try writer.append(.leaf, Leaf(rows: Array(rows[..<2])).bcsBytes)
        try writer.append(.leaf, Leaf(rows: Array(rows[2...])).bcsBytes)
        try writer.append(.ranges, [3] + ranges.flatMap(\.bcsBytes))
        if finished { try writer.finish(summary) }
        return try file.read(count: try file.size(), at: 0)
    }

    private func read(
        _ bytes: [UInt8],
        generation: UInt64 = 3
    ) throws -> (rows: [RowImage], ranges: [UnplacedRange], summary: CutSummary) {
        let files = InMemoryFileSystem()
        let file = try files.open("/cut", .createNew)
        try file.write(bytes, at: 0)
        var reader = try CutFileReader(file, generation: generation)
        var rows: [RowImage] = []
        var ranges: [UnplacedRange] = []
        let summary = try reader.readAll(
            rows: { (row) throws(CheckpointError) in rows.append(row) },
            ranges: { (part) throws(CheckpointError) in ranges += part }
        )
        return (rows, ranges, summary)
    }

    @Test func whatIsWrittenReadsBack() throws {
        let found = try read(try write())
        #expect(found.rows == rows)
        #expect(found.ranges == ranges)
        #expect(found.summary == summary)
    }

    @Test func aFileWithoutItsEndIsNotComplete() throws {
        let bytes = try write()
        for count in 0..<bytes.count {
            #expect(throws: CheckpointError.self) { try read(Array(bytes.prefix(count))) }
        }
        #expect(throws: CheckpointError.self) { try read(try write(finished: false)) }
    }

    @Test func noFlippedBitIsAccepted() throws {
        let bytes = try write()
        for at in bytes.indices {
            var wrong = bytes
            wrong[at] ^= 1 << UInt8(at % 8)
            #expect(throws: CheckpointError.self, "byte \(at)") { try read(wrong) }
        }
    }

    @Test func anotherGenerationsFileIsRefused() throws {
        #expect(throws: CheckpointError.damagedState("the header of cut 4")) {
            try read(try write(), generation: 4)
        }
    }
}
