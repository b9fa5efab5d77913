internal import Glibc
internal import Synchronization
internal import SystemIO
internal import Volume

/// Attributes and contents.
extension PlainTree {
    func attributes(of inode: InodeNumber) throws(VolumeError) -> InodeAttributes {
        try state.withLock { state throws(VolumeError) in
            try state.inode(inode.rawValue).attributes
        }
    }

    func setAttributes(
        of inode: InodeNumber,
        _ changes: AttributeChanges,
        handle: HandleNumber?,
        context: RequestContext
    ) throws(VolumeError) -> InodeAttributes {
        try state.withLock { state throws(VolumeError) in
            _ = try state.inode(inode.rawValue)
            state.change(inode.rawValue) { inode in
                if let size = changes.size { inode.truncate(to: size) }
                if changes.killsPrivileges { inode.killPrivileges() }
                if let permissions = changes.permissions {
                    inode.attributes.permissions = permissions
                }
                if let user = changes.user { inode.attributes.user = user }
                if let group = changes.group { inode.attributes.group = group }
                inode.attributes.changed = Self.now()
                Self.apply(changes.accessed, to: &inode.attributes.accessed)
                Self.apply(changes.modified, to: &inode.attributes.modified)
                Self.apply(changes.changed, to: &inode.attributes.changed)
            }
            return try state.inode(inode.rawValue).attributes
        }
    }

    private static func apply(_ change: AttributeChanges.Time?, to time: inout Timestamp) {
        switch change {
        case nil: break
        case .now: time = now()
        case .exactly(let value): time = value
        }
    }

    func open(
        _ inode: InodeNumber,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> HandleNumber {
        try state.withLock { state throws(VolumeError) in
            _ = try state.inode(inode.rawValue)
            if flags.contains(.truncate) { state.change(inode.rawValue) { $0.truncate(to: 0) } }
            if flags.contains(.killsPrivileges) {
                state.change(inode.rawValue) { $0.killPrivileges() }
            }
            return state.openHandle(inode.rawValue, flags)
        }
    }

    func read(
        _ handle: HandleNumber,
        offset: UInt64,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(VolumeError) -> ReadOutcome {
        let length = buffer.count
        let bytes = try state.withLock { state throws(VolumeError) in
            try state.inode(state.inode(of: handle)).read(offset, length)
        }
        switch answers {
        case .now, .slowDisk:
            unsafe buffer.copyBytes(from: bytes)
            return .bytes(bytes.count)
        case .late:
            return .pending { () throws(VolumeError) in
                await Task.yield()
                return bytes
            }
        case .stuck:
            return .pending { () throws(VolumeError) in
                try await Self.waitForever()
                return []
            }
        }
    }

    private static func waitForever() async throws(VolumeError) {
        // Only cancellation ends it.
        try? await Task.sleep(for: .seconds(86_400))
        throw .networkUnavailable("cancelled")
    }

    func write(
        _ handle: HandleNumber,
        offset: UInt64,
        _ bytes: UnsafeRawBufferPointer,
        killsPrivileges: Bool
    ) throws(VolumeError) -> WriteOutcome {
        // Every third write waits, some twice in a row.
        if answers == .late, (offset / 512 + UInt64(late())) % 3 == 0 {
            return .mustWait { () throws(VolumeError) in await Task.yield() }
        }
        let copy = unsafe Array(bytes)
        return try state.withLock { state throws(VolumeError) in
            let number = try state.inode(of: handle)
            state.change(number) { inode in
                inode.write(offset, copy)
                if killsPrivileges { inode.killPrivileges() }
            }
            return .written(copy.count)
        }
    }

    /// A number that changes with every call.
    private func late() -> UInt64 {
        state.withLock { state in
            state.handleLast += 1
            return state.handleLast
        }
    }

    func flush(_ handle: HandleNumber) throws(VolumeError) {}

    func release(_ handle: HandleNumber) { state.withLock { $0.closeHandle(handle) } }

    func sync(_ handle: HandleNumber, dataOnly: Bool) throws(VolumeError) -> SyncOutcome {
        switch answers {
        case .now: return .durable
        case .late: return .pending { () throws(VolumeError) in await Task.yield() }
        case .stuck: return .pending { () throws(VolumeError) in try await Self.waitForever() }
        case .slowDisk:
            BlockingCalls.announce()
            let go = Array("go".utf8)
            while state.withLock({ $0.inodes[1]?.entries[go] == nil }) { usleep(1000) }
            return .durable
        }
    }

    func syncDirectory(_ inode: InodeNumber) throws(VolumeError) -> SyncOutcome { .durable }

    func allocate(
        _ handle: HandleNumber,
        mode: AllocationMode,
        offset: UInt64,
        length: UInt64,
        killsPrivileges: Bool
    ) throws(VolumeError) {
        try state.withLock { state throws(VolumeError) in
            let number = try state.inode(of: handle)
            state.change(number) { inode in
                if killsPrivileges { inode.killPrivileges() }
                if !mode.isDisjoint(with: [.punchHole, .zeroRange]) { inode.punch(offset, length) }
                if !mode.contains(.keepSize), offset + length > inode.attributes.size {
                    inode.truncate(to: offset + length)
                }
            }
        }
    }

    func copyRange(
        from source: HandleNumber,
        offset sourceOffset: UInt64,
        to target: HandleNumber,
        offset targetOffset: UInt64,
        length: UInt64,
        killsPrivileges: Bool
    ) throws(VolumeError) -> UInt64 {
        try state.withLock { state throws(VolumeError) in
            let bytes = try state.inode(state.inode(of: source)).read(sourceOffset, Int(length))
            state.change(try state.inode(of: target)) { inode in
                inode.write(targetOffset, bytes)
                if killsPrivileges { inode.killPrivileges() }
            }
            return UInt64(bytes.count)
        }
    }

    func seek(
        _ handle: HandleNumber,
        offset: UInt64,
        toData: Bool
    ) throws(VolumeError) -> UInt64 {
        try state.withLock { state throws(VolumeError) in
            let inode = try state.inode(state.inode(of: handle))
            guard offset < inode.attributes.size else { throw .noSuchOffset }
            var position = offset
            while position < inode.attributes.size {
                let page = position / UInt64(PlainInode.pageSize)
                if (inode.pages[page] != nil) == toData { return position }
                position = (page + 1) * UInt64(PlainInode.pageSize)
            }
            if toData { throw .noSuchOffset }
            return inode.attributes.size
        }
    }

    func extendedAttribute(
        of inode: InodeNumber,
        _ name: [UInt8]
    ) throws(VolumeError) -> [UInt8] {
        try state.withLock { state throws(VolumeError) in
            guard let value = try state.inode(inode.rawValue).extended[name] else {
                throw .noAttribute
            }
            return value
        }
    }

    func extendedAttributeNames(of inode: InodeNumber) throws(VolumeError) -> [[UInt8]] {
        try state.withLock { state throws(VolumeError) in
            Array(try state.inode(inode.rawValue).extended.keys)
        }
    }

    func setExtendedAttribute(
        of inode: InodeNumber,
        _ name: [UInt8],
        _ value: [UInt8],
        mode: AttributeWriteMode,
        killsSetGroup: Bool,
        context: RequestContext
    ) throws(VolumeError) {
        // Access lists are a volume's business.
        if name.starts(with: Array("system.".utf8)) { throw .unsupported }
        try state.withLock { state throws(VolumeError) in
            let isThere = try state.inode(inode.rawValue).extended[name] != nil
            if mode == .create, isThere { throw .exists }
            if mode == .replace, !isThere { throw .noAttribute }
            state.change(inode.rawValue) { $0.extended[name] = value }
        }
    }

    func removeExtendedAttribute(
        of inode: InodeNumber,
        _ name: [UInt8],
        context: RequestContext
    ) throws(VolumeError) {
        try state.withLock { state throws(VolumeError) in
            guard try state.inode(inode.rawValue).extended[name] != nil else { throw .noAttribute }
            state.change(inode.rawValue) { $0.extended[name] = nil }
        }
    }

    func statistics() throws(VolumeError) -> VolumeStatistics {
        VolumeStatistics(
            bytesTotal: 1 << 40,
            bytesFree: 1 << 39,
            inodesUsed: UInt64(state.withLock { $0.inodes.count }),
            inodesFree: 1 << 30
        )
    }
}
