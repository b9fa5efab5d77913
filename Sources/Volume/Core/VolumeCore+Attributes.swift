internal import SystemIO
internal import VolumeFormat

extension VolumeCore {
    func setAttributes(
        of number: UInt64,
        _ changes: AttributeChanges,
        handle: HandleNumber?,
        user: UInt32
    ) throws(VolumeError) -> InodeAttributes {
        let entry = try inode(number)
        if changes.isEmpty { return try changeNothing(of: entry, user: user) }
        var old = 0
        if let size = changes.size {
            guard !entry.isDirectory else { throw .isDirectory }
            guard entry.kind == .regular else { throw .invalidArgument }
            guard size <= Self.sizeMax else { throw .fileTooLarge }
            if let handle {
                let file = try file(handle)
                guard file.flags.contains(.write) else { throw .invalidArgument }
            }
            old = try prepareToTruncate(entry, to: size)
        }
        let killsCapability = changes.killsPrivileges || changes.user != nil || changes.group != nil
        if killsCapability { try attributes(of: entry) }
        let list = changes.permissions == nil ? nil : try accessList(of: entry)
        let frees = changes.size.map { $0 < entry.row.size } ?? false
        try beginChange(
            bytes: Self.extentBytes * (old + 4) + (list?.bytes.count ?? 0) + 64,
            frees: frees
        )
        touch(entry)
        let now = now
        if let size = changes.size {
            cut(entry, to: size)
            entry.row.modified = now
        }
        if let user = changes.user { entry.row.user = user }
        if let group = changes.group { entry.row.group = group }
        if killsCapability { killPrivileges(of: entry) }
        if let permissions = changes.permissions {
            entry.row.permissions = permissions & 0o7777
            if let list {
                let bytes = list.changed(to: permissions).bytes
                putAttribute(entry, AccessList.accessName, bytes)
            }
        }
        set(&entry.row.accessed, changes.accessed, now)
        set(&entry.row.modified, changes.modified, now)
        entry.row.changed = now
        set(&entry.row.changed, changes.changed, now)
        try finish()
        return entry.inodeAttributes
    }

    /// chown(2) with neither user nor group drops set-id bits, if an owner asks.
    ///
    /// The kernel sends the same before others write, who may not drop them so: the write will.
    private func changeNothing(
        of entry: InodeEntry,
        user: UInt32
    ) throws(VolumeError) -> InodeAttributes {
        let isOwner = user == 0 || user == entry.row.user
        let kills = isOwner && !entry.isDirectory && entry.row.permissions & 0o6000 != 0
        if kills { try attributes(of: entry) }
        try beginChange()
        touch(entry)
        if kills { killPrivileges(of: entry) }
        entry.row.changed = now
        try finish()
        return entry.inodeAttributes
    }

    private func set(_ time: inout RowTime, _ change: AttributeChanges.Time?, _ now: RowTime) {
        switch change {
        case nil: break
        case .now: time = now
        case .exactly(let stamp): time = RowTime(stamp)
        }
    }

    /// Drops the set-id bits and file capabilities, as chown(2), write(2) and truncate(2) do.
    ///
    /// Set-group-ID without group execution is left: it once meant mandatory locking.
    func killPrivileges(of entry: InodeEntry) {
        guard !entry.isDirectory else { return }
        let old = entry.row.permissions
        entry.row.permissions &= ~0o4000
        if old & 0o0010 != 0 { entry.row.permissions &= ~0o2000 }
        touch(entry)
        let capability = Array("security.capability".utf8)
        if entry.attributes?.removeValue(forKey: capability) != nil {
            put(.xattrs, RowKey.named(entry.number, capability), nil)
        }
    }

    /// Whether ``killPrivileges(of:)`` would change anything.
    func hasPrivileges(_ entry: InodeEntry) throws(VolumeError) -> Bool {
        if entry.row.permissions & 0o6000 != 0 { return true }
        return try attributes(of: entry)[Array("security.capability".utf8)] != nil
    }

    /// Keeps the access time as relatime does: when it would tell something new, or is a day old.
    ///
    /// It reaches the log with the next commit, or the next change of the inode.
    func noteAccess(_ entry: InodeEntry) {
        guard !configuration.readOnly, !configuration.omitsAccessTimes, token != nil,
            failure == nil
        else { return }
        let now = now
        let row = entry.row
        let isOld = now.seconds - row.accessed.seconds >= 24 * 60 * 60
        guard isOld || row.accessed.timestamp <= max(row.modified, row.changed) else { return }
        entry.row.accessed = now
        entry.hasNewAccess = true
    }

    private func max(_ left: RowTime, _ right: RowTime) -> Timestamp {
        Swift.max(left.timestamp, right.timestamp)
    }

    // MARK: - Extended attributes

    private static let valueMax = 65536
    private static let namesMax = 65536

    /// Reads an inode's extended attributes if they are not in memory.
    @discardableResult
    func attributes(of entry: InodeEntry) throws(VolumeError) -> [[UInt8]: [UInt8]] {
        if let attributes = entry.attributes { return attributes }
        try flushParts(of: entry.number)
        let rows = try database.rows(
            of: .xattrs,
            from: RowKey.number(entry.number),
            to: RowKey.number(entry.number + 1),
            limit: Self.namesMax
        )
        var attributes: [[UInt8]: [UInt8]] = [:]
        for row in rows { attributes[Array(row.key.dropFirst(8))] = row.value ?? [] }
        entry.attributes = attributes
        return attributes
    }

    /// xattr(7): whose rights are checked how is known by these beginnings, so there are no others.
    private static let namespaces = ["user.", "trusted.", "security."].map { Array($0.utf8) }

    private func checkAttributeName(_ name: [UInt8]) throws(VolumeError) {
        guard name.count <= NameLimit.nameMax else { throw .invalidArgument }
        guard !name.isEmpty, !name.contains(0) else { throw .invalidArgument }
        if isAccessList(name) { return }
        guard let space = Self.namespaces.first(where: { name.starts(with: $0) }) else {
            throw .unsupported
        }
        guard name.count > space.count else { throw .invalidArgument }
    }

    private func isAccessList(_ name: [UInt8]) -> Bool {
        name == AccessList.accessName || name == AccessList.defaultName
    }

    func extendedAttribute(
        of number: UInt64,
        _ name: [UInt8]
    ) throws(VolumeError) -> [UInt8] {
        let entry = try inode(number)
        try checkAttributeName(name)
        guard let value = try attributes(of: entry)[name] else { throw .noAttribute }
        return value
    }

    func extendedAttributeNames(of number: UInt64) throws(VolumeError) -> [[UInt8]] {
        let entry = try inode(number)
        return try attributes(of: entry).keys.sorted { $0.lexicographicallyPrecedes($1) }
    }

    func setExtendedAttribute(
        of number: UInt64,
        _ name: [UInt8],
        _ value: [UInt8],
        mode: AttributeWriteMode,
        killsSetGroup: Bool = false
    ) throws(VolumeError) {
        let entry = try inode(number)
        try checkAttributeName(name)
        if isAccessList(name) {
            return try setAccessList(of: entry, name, value, killsSetGroup: killsSetGroup)
        }
        guard value.count <= Self.valueMax else { throw .attributeTooLarge }
        let attributes = try attributes(of: entry)
        let isThere = attributes[name] != nil
        if mode == .create, isThere { throw .exists }
        if mode == .replace, !isThere { throw .noAttribute }
        if attributes[name] == value { return }
        // listxattr(2) can not return more; Linux answers ENOSPC.
        let names = attributes.keys.reduce(0) { $0 + $1.count + 1 }
        if !isThere, names + name.count + 1 > Self.namesMax { throw .noSpace }
        try beginChange(bytes: value.count)
        putAttribute(entry, name, value)
        entry.row.changed = now
        touch(entry)
        try finish()
    }

    func removeExtendedAttribute(
        of number: UInt64,
        _ name: [UInt8]
    ) throws(VolumeError) {
        let entry = try inode(number)
        try checkAttributeName(name)
        guard try attributes(of: entry)[name] != nil else {
            if isAccessList(name) { return }
            throw .noAttribute
        }
        try beginChange()
        putAttribute(entry, name, nil)
        entry.row.changed = now
        touch(entry)
        try finish()
    }
}
