internal import Synchronization
internal import SystemIO

extension Volume {
    /// Late writes are counted by open files, and what is not this machine's to write may change.
    package var keepsHandles: Bool {
        core.withLock { core in
            let configuration = core.configuration
            return configuration.writesBack || configuration.readOnly || core.token == nil
        }
    }

    package func open(
        _ inode: InodeNumber,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> HandleNumber {
        HandleNumber(
            try locked { (core) throws(VolumeError) in
                try core.open(inode.rawValue, flags: flags)
            }
        )
    }

    package func create(
        in parent: InodeNumber,
        _ name: [UInt8],
        permissions: UInt16,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> (attributes: InodeAttributes, handle: HandleNumber) {
        let (attributes, handle) = try locked { (core) throws(VolumeError) in
            try core.create(
                in: parent.rawValue,
                name,
                permissions: permissions,
                flags: flags,
                context: context
            )
        }
        return (attributes, HandleNumber(handle))
    }

    package func createUnnamed(
        in parent: InodeNumber,
        permissions: UInt16,
        flags: OpenFlags,
        context: RequestContext
    ) throws(VolumeError) -> (attributes: InodeAttributes, handle: HandleNumber) {
        let (attributes, handle) = try locked { (core) throws(VolumeError) in
            try core.createUnnamed(
                in: parent.rawValue,
                permissions: permissions,
                flags: flags,
                context: context
            )
        }
        return (attributes, HandleNumber(handle))
    }

    package func read(
        _ handle: HandleNumber,
        offset: UInt64,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(VolumeError) -> ReadOutcome {
        // A segment may go between plan and read: its bytes are on the network then, or were
        // overwritten, and a new plan knows.
        for _ in 0..<4 {
            let count = buffer.count
            let parts = try locked { (core) throws(VolumeError) in
                try core.planRead(handle, offset: offset, count: count)
            }
            do throws(VolumeError) {
                return try unsafe read(parts, into: buffer)
            } catch {
                if error != .notFound { throw error }
            }
        }
        throw .inputOutput("the log loses its segments while they are read")
    }

    private func read(
        _ parts: [ReadPart],
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(VolumeError) -> ReadOutcome {
        var missing: [(position: Int, slice: UInt64, offset: UInt32, length: UInt32)] = []
        var total = 0
        let placed = seams.withLock { $0.placedReader }
        for part in parts {
            let range = part.position..<part.position + part.length
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[range])
            total = range.upperBound
            switch part.source {
            case .hole:
                unsafe room.initializeMemory(as: UInt8.self, repeating: 0)
            case .log(let place, let offset):
                try unsafe log.read(place, offset: offset, into: room)
            case .placed(let slice, let offset):
                guard let placed else {
                    throw .networkUnavailable("slice \(slice) is not on this machine")
                }
                if try unsafe !placed.readCached(slice, offset: offset, into: room) {
                    missing.append((part.position, slice, offset, UInt32(part.length)))
                }
            }
        }
        guard let placed, !missing.isEmpty else { return .bytes(total) }
        let known = unsafe [UInt8](UnsafeRawBufferPointer(rebasing: buffer[..<total]))
        let wanted = missing
        return .pending { () async throws(VolumeError) -> [UInt8] in
            var bytes = known
            for part in wanted {
                let found = try await placed.read(
                    part.slice,
                    offset: part.offset,
                    length: part.length
                )
                guard found.count == Int(part.length) else {
                    throw .corrupt("slice \(part.slice) came with a wrong length")
                }
                bytes.replaceSubrange(part.position..<part.position + found.count, with: found)
            }
            return bytes
        }
    }

    package func write(
        _ handle: HandleNumber,
        offset: UInt64,
        _ bytes: UnsafeRawBufferPointer,
        killsPrivileges: Bool
    ) throws(VolumeError) -> WriteOutcome {
        let count = bytes.count
        let (answer, lsn) = try locked { (core) throws(VolumeError) in
            let answer = try unsafe core.write(
                handle,
                offset: offset,
                bytes,
                killsPrivileges: killsPrivileges
            )
            let isSync = try core.file(handle).flags.contains(.sync)
            return (answer, isSync ? core.appliedLSN : 0)
        }
        if answer == .wait {
            return .mustWait { () async throws(VolumeError) in try await self.waitForRoom(count) }
        }
        if lsn > 0 { try makeDurable(lsn) }
        guard case .writeSlowly(let delay) = answer else { return .written(count) }
        // A signal ends the rest early, and the write has happened all the same.
        return .slowed(count) { try? await self.time.sleep(for: delay) }
    }

    package func flush(_ handle: HandleNumber) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in
            _ = try core.file(handle)
            if let failure = core.failure { throw .failed(failure) }
        }
    }

    package func release(_ handle: HandleNumber) {
        core.withLock { $0.release(handle.rawValue) }
    }

    package func sync(
        _ handle: HandleNumber,
        dataOnly: Bool
    ) throws(VolumeError) -> SyncOutcome {
        let lsn = try locked { (core) throws(VolumeError) in
            let file = try core.file(handle)
            if let failure = core.failure { throw .failed(failure) }
            return file.inode.lastLSN
        }
        return try sync(through: lsn)
    }

    package func syncDirectory(_ inode: InodeNumber) throws(VolumeError) -> SyncOutcome {
        let lsn = try locked { (core) throws(VolumeError) in
            if let failure = core.failure { throw .failed(failure) }
            return try core.inode(inode.rawValue).lastLSN
        }
        return try sync(through: lsn)
    }

    private func sync(through lsn: UInt64) throws(VolumeError) -> SyncOutcome {
        try makeDurable(lsn)
        guard let networkSync = seams.withLock({ $0.networkSync }) else { return .durable }
        return .pending(networkSync)
    }

    /// Makes the log durable up to `lsn`, outside of the lock: one sync serves all who wait.
    func makeDurable(_ lsn: UInt64) throws(VolumeError) {
        guard log.durableLSN < lsn else { return }
        do throws(VolumeError) {
            try log.sync(through: lsn)
        } catch {
            throw core.withLock { $0.fail("the log can not be synced: \(error)") }
        }
    }

    package func allocate(
        _ handle: HandleNumber,
        mode: AllocationMode,
        offset: UInt64,
        length: UInt64,
        killsPrivileges: Bool
    ) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in
            try core.allocate(
                handle,
                mode: mode,
                offset: offset,
                length: length,
                killsPrivileges: killsPrivileges
            )
        }
    }

    package func copyRange(
        from source: HandleNumber,
        offset sourceOffset: UInt64,
        to target: HandleNumber,
        offset targetOffset: UInt64,
        length: UInt64,
        killsPrivileges: Bool
    ) throws(VolumeError) -> UInt64 {
        try locked { (core) throws(VolumeError) in
            try core.copyRange(
                from: source,
                offset: sourceOffset,
                to: target,
                offset: targetOffset,
                length: length,
                killsPrivileges: killsPrivileges
            )
        }
    }

    package func seek(
        _ handle: HandleNumber,
        offset: UInt64,
        toData: Bool
    ) throws(VolumeError) -> UInt64 {
        try locked { (core) throws(VolumeError) in
            try core.seek(handle, offset: offset, toData: toData)
        }
    }
}
