internal import Codec
internal import Testing

@Suite struct ByteReaderTests {
    @Test(arguments: [0, 1, 127, 128, 129, 16_383, 16_384, 1 << 21, UInt32.max - 1, UInt32.max])
    func lengthsComeBack(value: UInt32) throws {
        var writer = ByteWriter()
        writer.write(uleb: value)
        var reader = ByteReader(writer.bytes)
        #expect(try reader.readULEB() == value)
        try reader.finish()
    }

    @Test(
        arguments: [
            [0x80, 0x00], [0xFF, 0x80, 0x00], [0x80, 0x80, 0x80, 0x80, 0x10],
            [0xFF, 0xFF, 0xFF, 0xFF, 0x7F], [0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
        ] as [[UInt8]]
    )
    func lengthsHaveOneForm(bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        #expect(throws: CodecError.nonCanonicalLength) { try reader.readULEB() }
    }

    @Test func integersAreLittleEndian() throws {
        var writer = ByteWriter()
        writer.write(UInt8(1))
        writer.write(UInt16(0x0203))
        writer.write(UInt32(0x0405_0607))
        writer.write(UInt64(0x0809_0A0B_0C0D_0E0F))
        writer.write(bigEndian: 0x0102_0304_0506_0708)
        #expect(
            writer.bytes == [
                1, 3, 2, 7, 6, 5, 4, 0xF, 0xE, 0xD, 0xC, 0xB, 0xA, 9, 8, 1, 2, 3, 4, 5, 6, 7, 8,
            ]
        )
        var reader = ByteReader(writer.bytes)
        #expect(try reader.readUInt8() == 1)
        #expect(try reader.readUInt16() == 0x0203)
        #expect(try reader.readUInt32() == 0x0405_0607)
        #expect(try reader.readUInt64() == 0x0809_0A0B_0C0D_0E0F)
        #expect(try reader.readBigEndianUInt64() == 0x0102_0304_0506_0708)
        try reader.finish()
    }

    @Test func signedNumbersKeepTheirSign() throws {
        for value in [Int64.min, -1, 0, 1, .max] {
            var writer = ByteWriter()
            writer.write(value)
            var reader = ByteReader(writer.bytes)
            #expect(try reader.readInt64() == value)
        }
    }

    @Test func everyPrefixOfAValueIsTruncated() {
        var writer = ByteWriter()
        writer.write(string: "blob")
        writer.write(UInt64(7))
        writer.write(vector: [UInt16(1), 2, 3])
        for end in 0..<writer.count {
            var reader = ByteReader(writer.bytes[..<end])
            #expect(throws: CodecError.self) {
                _ = try reader.readString()
                _ = try reader.readUInt64()
                _ = try reader.readVector(of: UInt16.self, limit: 10, itemSize: 2)
            }
        }
    }

    @Test func aHostileLengthAllocatesNothing() {
        var writer = ByteWriter()
        writer.write(uleb: .max)
        writer.write(UInt32(0))
        var bytes = ByteReader(writer.bytes)
        #expect(throws: CodecError.self) { try bytes.readBytes() }
        var vector = ByteReader(writer.bytes)
        #expect(throws: CodecError.self) {
            try vector.readVector(of: UInt64.self, limit: .max, itemSize: 8)
        }
        var limited = ByteReader([3, 1, 2, 3])
        #expect(throws: CodecError.tooLong(length: 3, limit: 2)) {
            try limited.readBytes(limit: 2)
        }
    }

    /// Found by reading what `make fuzz` was to find: a claim of items of one byte each set aside
    /// hundreds of bytes for each.
    @Test func aHostileCountSetsAsideNoMoreThanItsBytes() {
        struct Wide { let words: (UInt64, UInt64, UInt64, UInt64, UInt64) }
        let reader = ByteReader([UInt8](repeating: 0, count: 1000))
        #expect(reader.reservation(for: 1000, of: Wide.self) == 25)
        #expect(reader.reservation(for: 3, of: Wide.self) == 3)
        #expect(ByteReader([]).reservation(for: 9, of: Void.self) == 0)
    }

    @Test func booleansOptionsAndStringsAreStrict() {
        var boolean = ByteReader([2])
        #expect(throws: CodecError.unknownTag(2, of: "bool")) { try boolean.readBool() }
        var option = ByteReader([2, 0, 0])
        #expect(throws: CodecError.self) { try option.readOptional(UInt16.self) }
        var string = ByteReader([2, 0xC0, 0x80])
        #expect(throws: CodecError.invalidUTF8) { try string.readString() }
    }

    @Test func trailingBytesAreRefused() {
        #expect(throws: CodecError.trailingBytes(count: 1)) {
            try UInt16(bcsBytes: [1, 2, 3])
        }
    }

    @Test func optionsComeBack() throws {
        for value in [nil, UInt32(9)] {
            var writer = ByteWriter()
            writer.write(optional: value)
            var reader = ByteReader(writer.bytes)
            #expect(try reader.readOptional(UInt32.self) == value)
        }
    }
}
