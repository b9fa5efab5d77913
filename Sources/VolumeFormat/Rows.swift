// The records of a volume as rows: numbers, keys and values. `Docs/Formats/rows.md` is normative.

package import Codec

/// The tables; the numbers are stored: append only.
package enum RowTable: UInt8, Sendable, CaseIterable {
    case inodes = 1
    case dirents = 2
    case xattrs = 3
    case symlinks = 4
    case extents = 5
    case volume = 6
    case slices = 16
    case sliceChunks = 17
    case chunks = 18
    case packs = 19

    /// Whether rows are versioned by checkpoint; placement is not.
    package var isVersioned: Bool { rawValue < 16 }
}

/// The keys of all tables, in the byte order that their records are wanted in.
package enum RowKey {
    /// The key of an inode, a slice, a pack or a symlink.
    package static func number(_ value: UInt64) -> [UInt8] {
        var writer = ByteWriter(reserving: 8)
        writer.write(bigEndian: value)
        return writer.bytes
    }

    /// The key of a dirent or an extended attribute.
    package static func named(_ inode: UInt64, _ name: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(reserving: 8 + name.count)
        writer.write(bigEndian: inode)
        writer.write(raw: name)
        return writer.bytes
    }

    package static func extent(_ inode: UInt64, offset: UInt64) -> [UInt8] {
        var writer = ByteWriter(reserving: 16)
        writer.write(bigEndian: inode)
        writer.write(bigEndian: offset)
        return writer.bytes
    }

    package static func sliceChunk(_ slice: UInt64, offset: UInt32) -> [UInt8] {
        var writer = ByteWriter(reserving: 12)
        writer.write(bigEndian: slice)
        for shift: UInt32 in [24, 16, 8, 0] {
            writer.write(UInt8(truncatingIfNeeded: offset >> shift))
        }
        return writer.bytes
    }

    /// The number that a key begins with.
    package static func readNumber(_ key: [UInt8]) throws(CodecError) -> UInt64 {
        var reader = ByteReader(key)
        return try reader.readBigEndianUInt64()
    }

    /// The number and the name of a dirent's or an extended attribute's key.
    package static func readNamed(
        _ key: [UInt8]
    ) throws(CodecError) -> (number: UInt64, name: [UInt8]) {
        var reader = ByteReader(key)
        return (try reader.readBigEndianUInt64(), reader.readRest())
    }

    package static func readExtent(
        _ key: [UInt8]
    ) throws(CodecError) -> (inode: UInt64, offset: UInt64) {
        var reader = ByteReader(key)
        let result = (try reader.readBigEndianUInt64(), try reader.readBigEndianUInt64())
        try reader.finish()
        return result
    }

    package static func readSliceChunk(
        _ key: [UInt8]
    ) throws(CodecError) -> (slice: UInt64, offset: UInt32) {
        var reader = ByteReader(key)
        let slice = try reader.readBigEndianUInt64()
        var offset: UInt32 = 0
        for _ in 0..<4 { offset = offset << 8 | UInt32(try reader.readUInt8()) }
        try reader.finish()
        return (slice, offset)
    }
}

/// The names of the rows of the table `volume`.
package enum VolumeRowName {
    /// No inode number at or above it was given out; a u64.
    package static let inodeMark = Array("inode-mark".utf8)
    /// No slice counter at or above it was given out under any token; a u64.
    package static let sliceMark = Array("slice-mark".utf8)
    /// Where in the log of the mount that made it a checkpoint was cut; a ``LogMark``.
    package static let logMark = Array("log-mark".utf8)
}
