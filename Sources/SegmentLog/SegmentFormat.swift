internal import Codec
internal import SystemIO

// The bytes of segments and records; `Docs/Formats/segment-log.md` is normative.

/// Numbers of the format.
///
/// None may change within a version.
package enum SegmentFormat {
    static let version: UInt8 = 1
    static let segmentMagic: [UInt8] = Array("WSEG".utf8)
    static let recordMagic: [UInt8] = Array("WREC".utf8)
    package static let segmentHeaderSize = 64
    package static let recordHeaderSize = 40
    /// Records begin at multiples of this.
    static let alignment = 8
    /// Bytes of payload that one checksum covers.
    package static let blockSize = 4096
    /// The longest payload, which bounds what recovery allocates.
    package static let payloadMax = 1 << 30

    static func blockCount(_ length: Int) -> Int { (length + blockSize - 1) / blockSize }

    /// Header and checksums of a record with a payload of `length` bytes.
    static func prefixSize(_ length: Int) -> Int { recordHeaderSize + 4 * blockCount(length) }

    /// All bytes that a record takes up.
    package static func recordSize(_ length: Int) -> Int {
        let size = prefixSize(length) + length
        return (size + alignment - 1) / alignment * alignment
    }

    static func fileName(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 8 - digits.count)) + digits + ".seg"
    }

    /// The number of a segment, or nil for names that are none's.
    static func number(fileName: String) -> UInt64? {
        guard fileName.hasSuffix(".seg"), let number = UInt64(fileName.dropLast(4)),
            Self.fileName(number) == fileName
        else { return nil }
        return number
    }
}

/// The first bytes of a segment.
struct SegmentHeader: Equatable {
    var kind: UInt16
    var number: UInt64
    /// Sequence number of the first record.
    var first: UInt64
    var durable: UInt64
    var id: [UInt8]

    /// What each record of the segment repeats.
    var salt: UInt64 {
        id.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    func encoded() -> [UInt8] {
        precondition(id.count == 16)
        var writer = ByteWriter(reserving: SegmentFormat.segmentHeaderSize)
        writer.write(raw: SegmentFormat.segmentMagic)
        writer.write(SegmentFormat.version)
        writer.write(UInt8(0))
        writer.write(kind)
        writer.write(number)
        writer.write(first)
        writer.write(durable)
        writer.write(raw: id)
        for _ in 0..<3 { writer.write(UInt32(0)) }
        writer.write(CRC32C.checksum(writer.bytes))
        precondition(writer.count == SegmentFormat.segmentHeaderSize)
        return writer.bytes
    }

    enum Problem: Error, Equatable {
        /// These bytes are no header, or no longer.
        case damaged
        /// They are one of a version or with a feature that is not known here.
        case unsupported
    }

    init(kind: UInt16, number: UInt64, first: UInt64, durable: UInt64, id: [UInt8]) {
        self.kind = kind
        self.number = number
        self.first = first
        self.durable = durable
        self.id = id
    }

    init(_ bytes: [UInt8]) throws(Problem) {
        guard bytes.count == SegmentFormat.segmentHeaderSize else { throw .damaged }
        var reader = ByteReader(bytes)
        let (magic, version, incompatible, checksum): ([UInt8], UInt8, UInt32, UInt32)
        do throws(CodecError) {
            magic = try reader.readRaw(4)
            version = try reader.readUInt8()
            try reader.skip(1)
            kind = try reader.readUInt16()
            number = try reader.readUInt64()
            first = try reader.readUInt64()
            durable = try reader.readUInt64()
            id = try reader.readRaw(16)
            try reader.skip(8)
            incompatible = try reader.readUInt32()
            checksum = try reader.readUInt32()
        } catch {
            throw .damaged
        }
        guard magic == SegmentFormat.segmentMagic,
            checksum == CRC32C.checksum(Array(bytes.dropLast(4)))
        else { throw .damaged }
        guard version == SegmentFormat.version, incompatible == 0 else { throw .unsupported }
    }
}

/// What precedes a record's payload.
struct RecordHeader: Equatable {
    var kind: UInt8
    var length: Int
    var lsn: UInt64
    var durable: UInt64
    var salt: UInt64
    /// CRC-32C of each block of the payload.
    var checksums: [UInt32]

    func encode(to writer: inout ByteWriter) {
        precondition(length >= 0 && length <= SegmentFormat.payloadMax)
        precondition(checksums.count == SegmentFormat.blockCount(length))
        let start = writer.count
        writer.write(raw: SegmentFormat.recordMagic)
        writer.write(kind)
        for _ in 0..<3 { writer.write(UInt8(0)) }
        writer.write(UInt32(length))
        writer.write(UInt32(0))
        writer.write(lsn)
        writer.write(durable)
        writer.write(salt)
        for checksum in checksums { writer.write(checksum) }
        // It covers all but itself.
        let checksum = unsafe writer.bytes.withBytes { bytes in
            let head = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<start + 12])
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[(start + 16)...])
            return unsafe CRC32C.checksum(rest, continuing: CRC32C.checksum(head))
        }
        writer.replace(at: start + 12, with: checksum)
    }

    /// The payload's length according to the first bytes of a record, which are not verified yet.
    static func claimedLength(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 12, Array(bytes[0..<4]) == SegmentFormat.recordMagic else {
            return nil
        }
        let length = (8..<12).reversed().reduce(0) { $0 << 8 | Int(bytes[$1]) }
        return length <= SegmentFormat.payloadMax ? length : nil
    }

}

extension RecordHeader {
    /// Reads and verifies a header with its checksums; nil when it is damaged, or of a record that
    /// is not this segment's.
    init?(_ bytes: [UInt8], salt expected: UInt64?) {
        guard let length = Self.claimedLength(bytes),
            bytes.count == SegmentFormat.prefixSize(length)
        else { return nil }
        var reader = ByteReader(bytes)
        do throws(CodecError) {
            try reader.skip(4)
            kind = try reader.readUInt8()
            try reader.skip(7)
            let checksum = try reader.readUInt32()
            lsn = try reader.readUInt64()
            durable = try reader.readUInt64()
            salt = try reader.readUInt64()
            var checksums: [UInt32] = []
            checksums.reserveCapacity(SegmentFormat.blockCount(length))
            while reader.remaining > 0 { checksums.append(try reader.readUInt32()) }
            self.checksums = checksums
            let head = CRC32C.checksum(Array(bytes[0..<12]))
            guard checksum == CRC32C.checksum(Array(bytes[16...]), continuing: head) else {
                return nil
            }
        } catch {
            return nil
        }
        self.length = length
        if let expected, expected != salt { return nil }
    }
}
