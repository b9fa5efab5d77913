internal import Synchronization
internal import SystemIO
package import VolumeFormat

extension Volume: CheckpointSource {
    package func cut() throws(VolumeError) -> any CutSnapshot {
        // The long part of the sync happens before the lock is taken.
        try makeDurable(log.lastLSN)
        return try locked { (core) throws(VolumeError) in try core.cut() }
    }

    package func noteUploaded(_ bytes: Int) {
        core.withLock { $0.uploads.add(bytes, at: $0.time.uptime) }
    }

    package func cutInFlight() -> UInt64? { core.withLock { $0.cutInFlight } }

    package func readSlice(
        _ slice: UInt64,
        offset: UInt32,
        length: UInt32
    ) throws(VolumeError) -> [UInt8] {
        precondition(length > 0)
        // Compaction may move bytes between plan and read; a new plan knows where.
        for _ in 0..<4 {
            do throws(VolumeError) {
                return try readLog(slice, offset: offset, length: length)
            } catch {
                if error != .notFound { throw error }
            }
        }
        throw .notFound
    }

    private func readLog(
        _ slice: UInt64,
        offset: UInt32,
        length: UInt32
    ) throws(VolumeError) -> [UInt8] {
        let parts = try locked { (core) throws(VolumeError) in
            var parts: [ReadPart] = []
            let extent = Extent(offset: 0, length: length, slice: slice, start: offset)
            core.locate(extent, position: 0, into: &parts)
            return parts
        }
        var bytes = [UInt8](repeating: 0, count: Int(length))
        for part in parts {
            guard case .log(let place, let offset) = part.source else { throw .notFound }
            try unsafe bytes.withMutableBytes { (buffer) throws(VolumeError) in
                let range = part.position..<part.position + part.length
                let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[range])
                try unsafe log.read(place, offset: offset, into: room)
            }
        }
        return bytes
    }

    package func place(_ rows: [RowImage]) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in try core.place(rows) }
    }

    package func removeSlices(_ numbers: [UInt64]) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in try core.removeSlices(numbers) }
    }

    package func value(of table: RowTable, _ key: [UInt8]) throws(VolumeError) -> [UInt8]? {
        try locked { (core) throws(VolumeError) in try core.value(table, key) }
    }

    package func rows(
        of table: RowTable,
        from lower: [UInt8],
        to upper: [UInt8]?,
        limit: Int
    ) throws(VolumeError) -> [RowImage] {
        try locked { (core) throws(VolumeError) in
            try core.flush()
            return try core.database.rows(of: table, from: lower, to: upper, limit: limit)
        }
    }

    package func finishCut(generation: UInt64, sequence: UInt64) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in
            try core.finishCut(generation: generation, sequence: sequence)
        }
    }

    package func abandonCut(generation: UInt64) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in try core.abandonCut(generation: generation) }
    }

    package func localValue(_ name: String) throws(VolumeError) -> [UInt8]? {
        try locked { (core) throws(VolumeError) in
            try core.database.localValue("user." + name)
        }
    }

    package func setLocalValue(_ name: String, _ value: [UInt8]?) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in try core.setLocalValue(name, value) }
    }

    package func setVolumeValue(_ name: [UInt8], _ value: [UInt8]?) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in try core.setVolumeValue(name, value) }
    }

    package func setLeaseToken(_ token: UInt32?) throws(VolumeError) {
        precondition(token ?? 0 <= SliceNumber.tokenMax)
        try locked { (core) throws(VolumeError) in
            core.token = token
            // Slices under the old token take no more bytes.
            for inode in core.inodes.values { inode.openSlice = nil }
        }
    }

    package func setPublishedSequence(_ sequence: UInt64) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in
            core.publishedSequence = sequence
            try core.commit(force: true)
        }
    }

    package func unpublished() -> (bytes: UInt64, age: UInt64) {
        core.withLock { core in
            guard let since = core.dirtySince else { return (0, 0) }
            let age = (core.time.uptime - since).components
            let milliseconds = UInt64(max(0, age.seconds)) * 1000
            return (
                max(1, core.unpublishedBytes),
                max(1, milliseconds + UInt64(age.attoseconds / 1_000_000_000_000_000))
            )
        }
    }

    package func load(_ rows: [RowImage]) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in try core.load(rows) }
    }

    package func finishLoading(sequence: UInt64, inodeMark: UInt64) throws(VolumeError) {
        try locked { (core) throws(VolumeError) in
            try core.finishLoading(sequence: sequence, mark: inodeMark)
        }
    }
}
