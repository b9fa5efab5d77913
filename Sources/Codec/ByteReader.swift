/// Reads BCS values from bytes that are not trusted.
///
/// Every length is checked against what is left before anything is allocated, so a few hostile
/// bytes can never ask for gigabytes. After a throw the reader's position is undefined.
package struct ByteReader: Sendable {
    private let bytes: [UInt8]
    private let end: Int
    package private(set) var offset: Int

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        offset = 0
        end = bytes.count
    }

    package init(_ slice: ArraySlice<UInt8>) { self.init(Array(slice)) }

    package var remaining: Int { end - offset }

    private mutating func take(_ count: Int) throws(CodecError) -> Int {
        precondition(count >= 0)
        guard count <= remaining else { throw .truncated(missing: count - remaining) }
        defer { offset += count }
        return offset
    }

    package mutating func readUInt8() throws(CodecError) -> UInt8 {
        let at = try take(1)
        return bytes[at]
    }

    package mutating func readUInt16() throws(CodecError) -> UInt16 {
        let at = try take(2)
        return UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8
    }

    package mutating func readUInt32() throws(CodecError) -> UInt32 {
        let at = try take(4)
        var value: UInt32 = 0
        for index in 0..<4 { value |= UInt32(bytes[at + index]) << UInt32(8 * index) }
        return value
    }

    package mutating func readUInt64() throws(CodecError) -> UInt64 {
        let at = try take(8)
        var value: UInt64 = 0
        for index in 0..<8 { value |= UInt64(bytes[at + index]) << UInt64(8 * index) }
        return value
    }

    package mutating func readInt64() throws(CodecError) -> Int64 {
        Int64(bitPattern: try readUInt64())
    }

    package mutating func readBool() throws(CodecError) -> Bool {
        let byte = try readUInt8()
        guard byte <= 1 else { throw .unknownTag(UInt32(byte), of: "bool") }
        return byte == 1
    }

    package mutating func readBigEndianUInt64() throws(CodecError) -> UInt64 {
        let at = try take(8)
        var value: UInt64 = 0
        for index in 0..<8 { value = value << 8 | UInt64(bytes[at + index]) }
        return value
    }

    /// Reads exactly `count` bytes.
    package mutating func readRaw(_ count: Int) throws(CodecError) -> [UInt8] {
        let at = try take(count)
        return Array(bytes[at..<at + count])
    }

    /// Reads all that is left.
    package mutating func readRest() -> [UInt8] {
        defer { offset = end }
        return Array(bytes[offset..<end])
    }

    package mutating func skip(_ count: Int) throws(CodecError) { _ = try take(count) }

    /// Reads a canonical ULEB128 number of at most 32 bits.
    package mutating func readULEB() throws(CodecError) -> UInt32 {
        var value: UInt64 = 0
        for shift in stride(from: 0, through: 28, by: 7) {
            let byte = try readUInt8()
            value |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte & 0x80 == 0 {
                guard value <= UInt64(UInt32.max), byte != 0 || shift == 0 else {
                    throw .nonCanonicalLength
                }
                return UInt32(value)
            }
        }
        throw .nonCanonicalLength
    }

    /// Reads a count of items of at least `itemSize` bytes each, of which there may be `limit`.
    package mutating func readLength(
        limit: Int,
        itemSize: Int = 1
    ) throws(CodecError) -> Int {
        let length = Int(try readULEB())
        guard length <= limit else { throw .tooLong(length: UInt64(length), limit: limit) }
        let needed = length * itemSize
        guard needed <= remaining else { throw .truncated(missing: needed - remaining) }
        return length
    }

    /// Reads bytes with their length in front, at most `limit` of them.
    package mutating func readBytes(limit: Int = Int(UInt32.max)) throws(CodecError) -> [UInt8] {
        let length = try readLength(limit: limit)
        return try readRaw(length)
    }

    /// Reads a string of at most `limit` bytes of UTF-8.
    package mutating func readString(limit: Int = 1 << 20) throws(CodecError) -> String {
        let utf8 = try readBytes(limit: limit)
        guard let string = String(validating: utf8, as: UTF8.self) else { throw .invalidUTF8 }
        return string
    }

    package mutating func read<Value: BCSDecodable>(
        _ type: Value.Type = Value.self
    ) throws(CodecError) -> Value {
        try Value(from: &self)
    }

    /// How many of `count` items to set memory aside for before they are read: a value may be many
    /// times as long in memory as the byte that claims it, so no more than fill what is left.
    package func reservation<Value>(for count: Int, of type: Value.Type) -> Int {
        min(count, remaining / max(MemoryLayout<Value>.stride, 1))
    }

    /// Reads a vector of at most `limit` items, each of at least `itemSize` bytes.
    package mutating func readVector<Value: BCSDecodable>(
        of type: Value.Type = Value.self,
        limit: Int,
        itemSize: Int = 1
    ) throws(CodecError) -> [Value] {
        let count = try readLength(limit: limit, itemSize: itemSize)
        var items: [Value] = []
        items.reserveCapacity(reservation(for: count, of: Value.self))
        for _ in 0..<count { items.append(try Value(from: &self)) }
        return items
    }

    /// Reads an option: a zero byte, or a one byte and the value.
    package mutating func readOptional<Value: BCSDecodable>(
        _ type: Value.Type = Value.self
    ) throws(CodecError) -> Value? {
        try readBool() ? try Value(from: &self) : nil
    }

    /// Throws unless everything has been read.
    package func finish() throws(CodecError) {
        guard remaining == 0 else { throw .trailingBytes(count: remaining) }
    }
}

/// What can be read back from its canonical form.
package protocol BCSDecodable {
    init(from reader: inout ByteReader) throws(CodecError)
}

extension BCSDecodable {
    /// Reads a value that takes up all of `bytes`.
    package init(bcsBytes bytes: [UInt8]) throws(CodecError) {
        var reader = ByteReader(bytes)
        self = try Self(from: &reader)
        try reader.finish()
    }
}

package typealias BCSCodable = BCSEncodable & BCSDecodable

extension UInt16: BCSCodable {
    package func encode(to writer: inout ByteWriter) { writer.write(self) }
    package init(from reader: inout ByteReader) throws(CodecError) {
        self = try reader.readUInt16()
    }
}

extension UInt32: BCSCodable {
    package func encode(to writer: inout ByteWriter) { writer.write(self) }
    package init(from reader: inout ByteReader) throws(CodecError) {
        self = try reader.readUInt32()
    }
}

extension UInt64: BCSCodable {
    package func encode(to writer: inout ByteWriter) { writer.write(self) }
    package init(from reader: inout ByteReader) throws(CodecError) {
        self = try reader.readUInt64()
    }
}
