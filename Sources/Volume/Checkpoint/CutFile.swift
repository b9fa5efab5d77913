// The rows and the unplaced ranges of a cut, on the local disk between the cut and publication.
// `Docs/Formats/delta.md` is normative. What it has is the whole cut: a file without its last
// record was never complete, and its cut is undone.

internal import BlobModel
package import Codec
internal import SystemIO
internal import VolumeFormat

extension UnplacedRange: BCSCodable {
    static let encodedSize = 32

    package func encode(to writer: inout ByteWriter) {
        writer.write(slice)
        writer.write(offset)
        writer.write(length)
        writer.write(inode)
        writer.write(fileOffset)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        self.init(
            slice: try reader.readUInt64(),
            offset: try reader.readUInt32(),
            length: try reader.readUInt32(),
            inode: try reader.readUInt64(),
            fileOffset: try reader.readUInt64()
        )
        guard length > 0, !offset.addingReportingOverflow(length).overflow else {
            throw .invalidValue("a range of a slice")
        }
    }
}

/// What the last record of a cut file says.
struct CutSummary: Hashable {
    var rowCount: UInt64 = 0
    var rangeCount: UInt64 = 0
    var inodeMark: UInt64
    /// Milliseconds since 1970 UTC.
    var cutAt: UInt64
}

/// The layout of a cut file.
enum CutFile {
    enum RecordKind: UInt8 {
        case leaf = 1
        case ranges = 2
        case end = 3
    }

    static let headerLength = 24
    static let recordHeaderLength = 1 + 4 + 32
    static let rangesMax = 4096
    static let recordLengthMax = Leaf.encodedLengthMax

    static func header(generation: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(raw: PackHeader.magic)
        writer.write(raw: [18, 1, 0, 0, 0, 0, 0, 0])
        writer.write(generation)
        return writer.bytes
    }

    static func digest(
        generation: UInt64,
        position: UInt64,
        kind: UInt8,
        _ bytes: [UInt8]
    ) -> [UInt8] {
        var writer = ByteWriter(reserving: bytes.count + 17)
        writer.write(generation)
        writer.write(position)
        writer.write(kind)
        writer.write(raw: bytes)
        return Blake2b256.hash(writer.bytes, kind: "cut-record")
    }
}

/// Writes a cut file, front to back.
struct CutFileWriter {
    private let file: any File
    private let generation: UInt64
    private var offset: Int
    private var position: UInt64 = 0

    init(_ file: any File, generation: UInt64) throws(SystemError) {
        self.file = file
        self.generation = generation
        let header = CutFile.header(generation: generation)
        try file.write(header, at: 0)
        offset = header.count
    }

    mutating func append(
        _ kind: CutFile.RecordKind,
        _ bytes: [UInt8]
    ) throws(SystemError) {
        precondition(bytes.count <= CutFile.recordLengthMax)
        let digest = CutFile.digest(
            generation: generation,
            position: position,
            kind: kind.rawValue,
            bytes
        )
        var writer = ByteWriter(reserving: bytes.count + CutFile.recordHeaderLength)
        writer.write(kind.rawValue)
        writer.write(UInt32(bytes.count))
        writer.write(raw: digest)
        writer.write(raw: bytes)
        try file.write(writer.bytes, at: offset)
        offset += writer.count
        position += 1
    }

    /// Makes the file complete and durable.
    mutating func finish(_ summary: CutSummary) throws(SystemError) {
        var writer = ByteWriter()
        writer.write(summary.rowCount)
        writer.write(summary.rangeCount)
        writer.write(summary.inodeMark)
        writer.write(summary.cutAt)
        try append(.end, writer.bytes)
        try file.synchronize()
    }
}

/// Reads a cut file, record by record, each checked.
struct CutFileReader {
    private let file: any File
    private let generation: UInt64
    private var offset = CutFile.headerLength
    private var position: UInt64 = 0

    init(_ file: any File, generation: UInt64) throws(CheckpointError) {
        self.file = file
        self.generation = generation
        let header = try system { () throws(SystemError) in
            try file.read(count: CutFile.headerLength, at: 0)
        }
        guard header == CutFile.header(generation: generation) else {
            throw .damagedState("the header of cut \(generation)")
        }
    }

    /// The next record; nil where the file ends before its last one.
    mutating func next() throws(CheckpointError) -> (kind: CutFile.RecordKind, bytes: [UInt8])? {
        let file = file
        let at = offset
        let header = try system { () throws(SystemError) in
            try file.read(count: CutFile.recordHeaderLength, at: at)
        }
        guard header.count == CutFile.recordHeaderLength else { return nil }
        let length = (1...4).reduce(0) { $0 | Int(header[$1]) << (8 * ($1 - 1)) }
        guard length <= CutFile.recordLengthMax, let kind = CutFile.RecordKind(rawValue: header[0])
        else { return nil }
        let bytes = try system { () throws(SystemError) in
            try file.read(count: length, at: at + CutFile.recordHeaderLength)
        }
        let digest = CutFile.digest(
            generation: generation,
            position: position,
            kind: kind.rawValue,
            bytes
        )
        guard bytes.count == length, digest == Array(header[5...]) else { return nil }
        offset += CutFile.recordHeaderLength + length
        position += 1
        return (kind, bytes)
    }

    /// Hands over all rows, in order, and then all ranges; returns what the last record says.
    ///
    /// - Throws: `damagedState` when the file is not complete.
    mutating func readAll(
        rows: (RowImage) throws(CheckpointError) -> Void,
        ranges: ([UnplacedRange]) throws(CheckpointError) -> Void
    ) throws(CheckpointError) -> CutSummary {
        var rowCount: UInt64 = 0
        var rangeCount: UInt64 = 0
        let damaged = CheckpointError.damagedState("cut \(generation) is not complete")
        while let (kind, bytes) = try next() {
            switch kind {
            case .leaf:
                guard let leaf = try? Leaf(bcsBytes: bytes) else { throw damaged }
                rowCount += UInt64(leaf.rows.count)
                for row in leaf.rows { try rows(row) }
            case .ranges:
                guard let part = try? Self.ranges(bytes) else { throw damaged }
                rangeCount += UInt64(part.count)
                try ranges(part)
            case .end:
                guard let summary = try? Self.summary(bytes), summary.rowCount == rowCount,
                    summary.rangeCount == rangeCount
                else { throw damaged }
                return summary
            }
        }
        throw damaged
    }

    private static func ranges(_ bytes: [UInt8]) throws(CodecError) -> [UnplacedRange] {
        var reader = ByteReader(bytes)
        let ranges = try reader.readVector(
            of: UnplacedRange.self,
            limit: CutFile.rangesMax,
            itemSize: UnplacedRange.encodedSize
        )
        try reader.finish()
        return ranges
    }

    private static func summary(_ bytes: [UInt8]) throws(CodecError) -> CutSummary {
        var reader = ByteReader(bytes)
        let rowCount = try reader.readUInt64()
        let rangeCount = try reader.readUInt64()
        let inodeMark = try reader.readUInt64()
        let cutAt = try reader.readUInt64()
        try reader.finish()
        return CutSummary(
            rowCount: rowCount,
            rangeCount: rangeCount,
            inodeMark: inodeMark,
            cutAt: cutAt
        )
    }
}
