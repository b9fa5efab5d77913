package import Codec

/// A point in time in a row.
package struct RowTime: Hashable, Sendable, BCSCodable {
    package var seconds: Int64
    package var nanoseconds: UInt32

    package init(seconds: Int64, nanoseconds: UInt32) {
        precondition(nanoseconds < 1_000_000_000)
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(seconds)
        writer.write(nanoseconds)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        seconds = try reader.readInt64()
        nanoseconds = try reader.readUInt32()
        guard nanoseconds < 1_000_000_000 else { throw .invalidValue("nanoseconds") }
    }
}

/// The value of a row of `inodes`.
package struct InodeRow: Hashable, Sendable, BCSCodable {
    /// 1 regular, 2 directory, 3 symlink, 4 FIFO, 5 socket, 6 character device, 7 block device.
    package var kind: UInt8
    package var permissions: UInt16
    package var links: UInt32
    package var user: UInt32
    package var group: UInt32
    package var size: UInt64
    /// Bytes that extents cover.
    package var stored: UInt64
    package var accessed: RowTime
    package var modified: RowTime
    package var changed: RowTime
    package var device: UInt32
    package var generation: UInt64
    /// Of a directory: its parent; else 0.
    package var parent: UInt64
    /// Of a directory: the next cookie to give out; else 0.
    package var cookie: UInt64
    /// Of a directory: how many dirents it has; else 0.
    package var entries: UInt64

    package init(
        kind: UInt8,
        permissions: UInt16,
        links: UInt32,
        user: UInt32,
        group: UInt32,
        size: UInt64 = 0,
        stored: UInt64 = 0,
        time: RowTime,
        device: UInt32 = 0,
        generation: UInt64,
        parent: UInt64 = 0,
        cookie: UInt64 = 0,
        entries: UInt64 = 0
    ) {
        self.kind = kind
        self.permissions = permissions
        self.links = links
        self.user = user
        self.group = group
        self.size = size
        self.stored = stored
        accessed = time
        modified = time
        changed = time
        self.device = device
        self.generation = generation
        self.parent = parent
        self.cookie = cookie
        self.entries = entries
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(kind)
        writer.write(permissions)
        writer.write(links)
        writer.write(user)
        writer.write(group)
        writer.write(size)
        writer.write(stored)
        accessed.encode(to: &writer)
        modified.encode(to: &writer)
        changed.encode(to: &writer)
        writer.write(device)
        writer.write(generation)
        writer.write(parent)
        writer.write(cookie)
        writer.write(entries)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        kind = try reader.readUInt8()
        guard (1...7).contains(kind) else { throw .unknownTag(UInt32(kind), of: "inode kind") }
        permissions = try reader.readUInt16()
        guard permissions <= 0o7777 else { throw .invalidValue("permissions") }
        links = try reader.readUInt32()
        user = try reader.readUInt32()
        group = try reader.readUInt32()
        size = try reader.readUInt64()
        guard size <= UInt64(Int64.max) else { throw .invalidValue("size") }
        stored = try reader.readUInt64()
        accessed = try RowTime(from: &reader)
        modified = try RowTime(from: &reader)
        changed = try RowTime(from: &reader)
        device = try reader.readUInt32()
        generation = try reader.readUInt64()
        parent = try reader.readUInt64()
        cookie = try reader.readUInt64()
        entries = try reader.readUInt64()
    }
}

/// The value of a row of `dirents`.
package struct DirentRow: Hashable, Sendable, BCSCodable {
    package var inode: UInt64
    package var kind: UInt8
    package var cookie: UInt64

    package init(inode: UInt64, kind: UInt8, cookie: UInt64) {
        self.inode = inode
        self.kind = kind
        self.cookie = cookie
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(inode)
        writer.write(kind)
        writer.write(cookie)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        inode = try reader.readUInt64()
        kind = try reader.readUInt8()
        guard (1...7).contains(kind) else { throw .unknownTag(UInt32(kind), of: "dirent kind") }
        cookie = try reader.readUInt64()
    }
}

/// The value of a row of `extents`.
package struct ExtentRow: Hashable, Sendable, BCSCodable {
    package var length: UInt32
    package var slice: UInt64
    /// Where in the slice the extent's bytes begin.
    package var start: UInt32

    package init(length: UInt32, slice: UInt64, start: UInt32) {
        self.length = length
        self.slice = slice
        self.start = start
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(length)
        writer.write(slice)
        writer.write(start)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        length = try reader.readUInt32()
        slice = try reader.readUInt64()
        start = try reader.readUInt32()
        guard length > 0, UInt64(start) + UInt64(length) <= SliceRow.lengthMax else {
            throw .invalidValue("extent")
        }
    }
}
