internal import BlobModel
internal import Codec
internal import SystemIO
internal import VolumeFormat

/// Tells what of a volume no published checkpoint has.
struct Unpublished: Sendable {
    private let source: Volume
    /// When the checkpoint that the volume continues was cut, milliseconds; nil without one.
    private let cutAt: UInt64?

    init(of source: Volume) throws(CheckpointError) {
        self.source = source
        let head: PublishedHead? = try CheckpointWork.load(PublishedHead.localName, from: source)
        cutAt = head?.manifest.cutAt
    }

    /// Whether a name, or what it names, was made or changed since.
    func has(_ parent: InodeNumber, _ name: [UInt8]) throws(VolumeError) -> Bool {
        guard cutAt != nil else { return true }
        return try source.locked { (core) throws(VolumeError) in
            try core.flush()
            let key = RowKey.named(parent.rawValue, name)
            return try core.database.dirtyGeneration(of: .dirents, key) != nil
        }
    }

    /// Whether an inode was made or changed since; having been read is no change.
    func has(_ inode: InodeAttributes) throws(VolumeError) -> Bool {
        guard let cutAt else { return true }
        let number = inode.inode.rawValue
        return try source.locked { (core) throws(VolumeError) in
            try core.flush()
            let key = RowKey.number(number)
            guard try core.database.dirtyGeneration(of: .inodes, key) != nil else { return false }
            // Everything but an access time comes with a change time; bytes are looked for,
            // whatever the clock says.
            let changed = inode.changed
            if changed.seconds * 1000 + Int64(changed.nanoseconds / 1_000_000) >= Int64(cutAt) {
                return true
            }
            for table in [RowTable.extents, .xattrs] {
                let found = try core.database.dirtyKeys(
                    of: table,
                    from: RowKey.number(number),
                    to: RowKey.number(number + 1),
                    limit: 1
                )
                if !found.isEmpty { return true }
            }
            return false
        }
    }

    /// Names that were removed since, by the numbers of their directories.
    ///
    /// Of those that were made since, too: nothing is left that tells them apart.
    func removedNames() throws(VolumeError) -> [UInt64: [[UInt8]]] {
        guard cutAt != nil else { return [:] }
        var removed: [UInt64: [[UInt8]]] = [:]
        var lower: [UInt8] = []
        while true {
            let from = lower
            let page = try source.locked { (core) throws(VolumeError) in
                try core.flush()
                return try core.database.dirtyKeys(of: .dirents, from: from, to: nil, limit: 1024)
            }
            for (key, isGone) in page where isGone {
                guard let (parent, name) = try? RowKey.readNamed(key) else {
                    throw .corrupt("key of a dirent")
                }
                removed[parent, default: []].append(name)
            }
            guard page.count == 1024, let last = page.last else { return removed }
            lower = last.key + [0]
        }
    }
}
