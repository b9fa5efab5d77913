// POSIX access control lists (acl(5)), as the kernel stores and checks them. The bytes are those of
// the extended attributes `system.posix_acl_access` and `system.posix_acl_default`, as
// `Docs/Formats/rows.md` says:
//
//     list  := version:u32=2 entry*
//     entry := tag:u16 permissions:u16 id:u32
//
// The kernel checks who may do what; the filesystem keeps mode and list telling the same, and
// hands a directory's default list down to what is made in it.

internal import Codec

/// A valid list: one entry each for owner, owning group and others, a mask if anyone is named.
struct AccessList: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        var tag: UInt16
        /// Read 4, write 2, execute 1.
        var permissions: UInt16
        /// Of a named user or group; else all ones.
        var id: UInt32
    }

    private enum Tag {
        static let owner: UInt16 = 0x01
        static let user: UInt16 = 0x02
        static let owningGroup: UInt16 = 0x04
        static let group: UInt16 = 0x08
        static let mask: UInt16 = 0x10
        static let other: UInt16 = 0x20
        static let order = [owner, user, owningGroup, group, mask, other]
    }

    static let accessName = Array("system.posix_acl_access".utf8)
    static let defaultName = Array("system.posix_acl_default".utf8)
    private static let version: UInt32 = 2
    private static let entrySize = 8

    private(set) var entries: [Entry]

    /// Reads an attribute; nil when it has no entries, which means that there is no list.
    static func parse(_ bytes: [UInt8]) throws(VolumeError) -> AccessList? {
        if bytes.isEmpty { return nil }
        var reader = ByteReader(bytes)
        var entries: [Entry] = []
        do throws(CodecError) {
            guard try reader.readUInt32() == version else { throw .invalidValue("version") }
            while reader.remaining >= entrySize {
                entries.append(
                    Entry(
                        tag: try reader.readUInt16(),
                        permissions: try reader.readUInt16(),
                        id: try reader.readUInt32()
                    )
                )
            }
            try reader.finish()
        } catch {
            throw .invalidArgument
        }
        if entries.isEmpty { return nil }
        let list = AccessList(entries: entries)
        guard list.isValid else { throw .invalidArgument }
        return list
    }

    private init(entries: [Entry]) { self.entries = entries }

    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: 4 + entries.count * Self.entrySize)
        writer.write(Self.version)
        for entry in entries {
            writer.write(entry.tag)
            writer.write(entry.permissions)
            writer.write(entry.id)
        }
        return writer.bytes
    }

    private func count(_ tag: UInt16) -> Int { entries.count { $0.tag == tag } }

    private var isValid: Bool {
        let places = entries.map { Tag.order.firstIndex(of: $0.tag) ?? -1 }
        guard !places.contains(-1), places == places.sorted() else { return false }
        guard entries.allSatisfy({ $0.permissions & ~7 == 0 }) else { return false }
        let single = [Tag.owner, Tag.owningGroup, Tag.other]
        guard single.allSatisfy({ count($0) == 1 }), count(Tag.mask) <= 1 else { return false }
        return !isNaming || count(Tag.mask) == 1
    }

    private var isNaming: Bool { count(Tag.user) + count(Tag.group) > 0 }

    /// Whether the nine permission bits say as much.
    var isMinimal: Bool { entries.count == 3 }

    /// Where the group bits of the mode stand: the mask, if there is one.
    private var groupClass: UInt16 { count(Tag.mask) > 0 ? Tag.mask : Tag.owningGroup }

    private func permissions(_ tag: UInt16) -> UInt16 {
        entries.first { $0.tag == tag }?.permissions ?? 0
    }

    private mutating func set(_ tag: UInt16, _ permissions: UInt16) {
        for index in entries.indices where entries[index].tag == tag {
            entries[index].permissions = permissions
        }
    }

    /// The nine permission bits that stat(2) shows.
    var mode: UInt16 {
        permissions(Tag.owner) << 6 | permissions(groupClass) << 3 | permissions(Tag.other)
    }

    /// The list after chmod(2).
    func changed(to mode: UInt16) -> AccessList {
        var list = self
        list.set(Tag.owner, mode >> 6 & 7)
        list.set(groupClass, mode >> 3 & 7)
        list.set(Tag.other, mode & 7)
        return list
    }

    /// The list of something made with `mode` in a directory whose default list this is.
    ///
    /// The mode only takes away; its nine bits become the new list's.
    func inherited(by mode: UInt16) -> AccessList { changed(to: self.mode & mode) }
}
