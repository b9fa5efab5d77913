internal import Glibc

/// What goes wrong on an ``InMemoryFileSystem``.
package struct DiskFaults: Sendable {
    /// Bytes that all files may have together; beyond, ENOSPC.
    package var capacity: Int?
    /// After so many more changing calls, all calls fail: the power is off.
    package var stepsUntilPowerCut: Int?
    /// So many syncs work before one fails.
    package var syncsUntilFailure: Int?
    /// Only syncs of paths that end so count and fail; empty: all do.
    package var syncsFailingOf = ""
    /// So many reads work before one fails with EIO.
    package var readsUntilFailure: Int?
    /// So many writes work before one fails with EIO, half done.
    package var writesUntilFailure: Int?
    /// So many changes that need room get it, and then none does: ENOSPC, writes half done.
    package var growthsUntilFull: Int?
    /// What they are refused with: ENOSPC, or EDQUOT.
    package var fullCode: Int32 = ENOSPC
    /// So many changes are refused for want of room before there is some again; nil: all are.
    package var refusalsUntilRoom: Int?
    /// Syncs answer that they worked, and do nothing: the disk lies.
    package var syncsLie = false

    package init() {}

    private static func isDue(_ counter: inout Int?) -> Bool {
        guard let left = counter else { return false }
        counter = left > 0 ? left - 1 : nil
        return left == 0
    }

    mutating func takeSyncFailure(of path: String) -> Bool {
        path.hasSuffix(syncsFailingOf) && Self.isDue(&syncsUntilFailure)
    }
    mutating func takeReadFailure() -> Bool { Self.isDue(&readsUntilFailure) }
    mutating func takeWriteFailure() -> Bool { Self.isDue(&writesUntilFailure) }

    /// Whether there is no room; stays so until it was refused often enough, or the faults are set
    /// anew.
    mutating func takeFull() -> Bool {
        guard let left = growthsUntilFull else { return false }
        growthsUntilFull = max(0, left - 1)
        guard left == 0 else { return false }
        if let refusals = refusalsUntilRoom {
            refusalsUntilRoom = refusals - 1
            if refusals <= 1 { (growthsUntilFull, refusalsUntilRoom) = (nil, nil) }
        }
        return true
    }
}

extension InMemoryFileSystem.State {
    /// Counts a call that changes something.
    ///
    /// - Throws: EIO from the power cut on.
    mutating func beginStep(_ operation: String, _ path: String) throws(SystemError) {
        record()
        steps += 1
        guard let left = faults.stepsUntilPowerCut else { return }
        guard left > 0 else { throw SystemError(operation: operation, code: EIO, path: path) }
        faults.stepsUntilPowerCut = left - 1
    }

    func requireDirectory(
        _ name: String,
        _ operation: String,
        _ path: String
    ) throws(SystemError) {
        switch now.entries[name] {
        case .directory?: return
        case .file?: throw SystemError(operation: operation, code: ENOTDIR, path: path)
        case nil: throw SystemError(operation: operation, code: ENOENT, path: path)
        }
    }

    var usedBytes: Int {
        now.entries.values.reduce(0) { sum, entry in
            guard case .file(let node) = entry else { return sum }
            return sum + (nodes[node]?.now.count ?? 0)
        }
    }
}
