internal import VolumeFormat

extension VolumeCore {
    /// The access list of an inode; nil when its mode says all.
    func accessList(of entry: InodeEntry) throws(VolumeError) -> AccessList? {
        guard let bytes = try attributes(of: entry)[AccessList.accessName] else { return nil }
        return try AccessList.parse(bytes)
    }

    /// Puts an attribute, or its absence, into memory and into the operation.
    func putAttribute(_ entry: InodeEntry, _ name: [UInt8], _ value: [UInt8]?) {
        entry.attributes?[name] = value
        put(.xattrs, RowKey.named(entry.number, name), value)
    }

    /// What setxattr(2) of a list does: the mode follows, and a list that says no more goes.
    func setAccessList(
        of entry: InodeEntry,
        _ name: [UInt8],
        _ value: [UInt8],
        killsSetGroup: Bool
    ) throws(VolumeError) {
        guard entry.kind != .symlink else { throw .unsupported }
        let list = try AccessList.parse(value)
        if name == AccessList.defaultName {
            guard entry.isDirectory || list == nil else { throw .accessDenied }
        }
        let isThere = try attributes(of: entry)[name] != nil
        guard list != nil || isThere else { return }
        try beginChange(bytes: value.count)
        if name == AccessList.accessName, let list {
            entry.row.permissions = entry.row.permissions & 0o7000 | list.mode
            if killsSetGroup { entry.row.permissions &= ~0o2000 }
            let kept = list.isMinimal ? nil : list.bytes
            if kept != nil || isThere { putAttribute(entry, name, kept) }
        } else {
            putAttribute(entry, name, list?.bytes)
        }
        entry.row.changed = now
        touch(entry)
        try finish()
    }

    /// Gives a new inode its permissions: from the directory's default list, or less the umask.
    func setPermissions(
        of entry: InodeEntry,
        from list: AccessList?,
        _ permissions: UInt16,
        umask: UInt16
    ) {
        guard let list, entry.kind != .symlink else {
            entry.row.permissions = entry.kind == .symlink ? permissions : permissions & ~umask
            return
        }
        let own = list.inherited(by: permissions & 0o777)
        entry.row.permissions = permissions & 0o7000 | own.mode
        if !own.isMinimal { putAttribute(entry, AccessList.accessName, own.bytes) }
        if entry.isDirectory { putAttribute(entry, AccessList.defaultName, list.bytes) }
    }
}
