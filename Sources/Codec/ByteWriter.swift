/// Appends values in BCS (Binary Canonical Serialization), `Docs/Formats/bcs.md`.
///
/// Integers are little-endian and of fixed width, lengths and enum tags are ULEB128, structures
/// are their fields one after another.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8]

    package init(reserving capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    package var count: Int { bytes.count }

    package mutating func write(_ value: UInt8) { bytes.append(value) }

    package mutating func write(_ value: UInt16) { append(value.littleEndian) }

    package mutating func write(_ value: UInt32) { append(value.littleEndian) }

    package mutating func write(_ value: UInt64) { append(value.littleEndian) }

    /// Appends an integer as it lies in memory: in one piece, as records have many.
    private mutating func append<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        unsafe withUnsafeBytes(of: value) { unsafe bytes.append(contentsOf: $0) }
    }

    package mutating func write(_ value: Int64) { write(UInt64(bitPattern: value)) }

    package mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }

    /// Appends bytes as they are, without a length.
    package mutating func write(raw: [UInt8]) { bytes.append(contentsOf: raw) }

    /// Appends bytes as they are, without a length.
    package mutating func write(raw: ArraySlice<UInt8>) { bytes.append(contentsOf: raw) }

    /// Appends bytes as they are, without a length.
    package mutating func write(raw: UnsafeRawBufferPointer) {
        unsafe bytes.append(contentsOf: raw)
    }

    /// Replaces four bytes that were written before: a checksum stands ahead of what it covers.
    ///
    /// - Precondition: They were written.
    package mutating func replace(at offset: Int, with value: UInt32) {
        unsafe withUnsafeBytes(of: value.littleEndian) { value in
            unsafe bytes.replaceSubrange(offset..<offset + value.count, with: value)
        }
    }

    /// Appends a big-endian number, for keys whose byte order must be their order.
    package mutating func write(bigEndian value: UInt64) { append(value.bigEndian) }

    /// Appends a ULEB128 number.
    package mutating func write(uleb value: UInt32) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Appends a length.
    ///
    /// - Precondition: `count` fits 32 bits, as everything does that this project writes.
    package mutating func write(length count: Int) {
        precondition(count >= 0 && count <= Int(UInt32.max))
        write(uleb: UInt32(count))
    }

    /// Appends bytes with their length in front (BCS `vector<u8>`).
    package mutating func write(bytes value: [UInt8]) {
        write(length: value.count)
        bytes.append(contentsOf: value)
    }

    /// Appends a string as its UTF-8 bytes with their length in front.
    package mutating func write(string value: String) {
        let utf8 = Array(value.utf8)
        write(bytes: utf8)
    }

    package mutating func write<Value: BCSEncodable>(_ value: Value) { value.encode(to: &self) }

    /// Appends a vector: its count, then its items.
    package mutating func write<Value: BCSEncodable>(vector items: [Value]) {
        write(length: items.count)
        for item in items { item.encode(to: &self) }
    }

    /// Appends an option: a zero byte, or a one byte and the value.
    package mutating func write<Value: BCSEncodable>(optional value: Value?) {
        guard let value else { return write(UInt8(0)) }
        write(UInt8(1))
        value.encode(to: &self)
    }
}

/// What has a canonical form in bytes.
package protocol BCSEncodable {
    func encode(to writer: inout ByteWriter)
}

extension BCSEncodable {
    /// The canonical bytes of this value.
    package var bcsBytes: [UInt8] {
        // Most values are rows of about this length: they are not to grow step by step.
        var writer = ByteWriter(reserving: 128)
        encode(to: &writer)
        return writer.bytes
    }
}
