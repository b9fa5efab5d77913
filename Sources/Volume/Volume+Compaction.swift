internal import Synchronization
internal import SystemIO
internal import VolumeFormat

extension Volume {
    /// Bytes that are read before they are appended again.
    private static let step = 4 << 20

    /// What is told of fault points in the volume itself; only tests have one.
    package func setFaultPlan(_ plan: @escaping @Sendable (FaultPoint) -> Void) {
        seams.withLock { $0.faultPlan = plan }
    }

    private func pass(_ point: FaultPoint) {
        if let plan = seams.withLock({ $0.faultPlan }) { plan(point) }
    }

    /// Frees segments of the log that are kept for little, without the network.
    ///
    /// What lives of them is appended once more, then they go. A crash on the way leaves both
    /// copies, or the new one.
    ///
    /// `quarters` is how much of a segment may live, of four.
    ///
    /// - Returns: How many segments were emptied.
    @discardableResult
    package func compact(quarters: UInt64 = 1) throws(VolumeError) -> Int {
        let (view, lsn) = try locked { (core) throws(VolumeError) in
            (try core.beginCompaction(), core.committedLSN)
        }
        defer { view.close() }
        let live = try view.unplacedRanges()
        view.close()
        let compaction = try locked { (core) throws(VolumeError) in
            core.planCompaction(live, through: lsn, quarters: quarters)
        }
        var moves = compaction.moves[...]
        while !moves.isEmpty { try move(&moves) }
        guard !compaction.victims.isEmpty else {
            core.withLock { $0.hotAtLastLook = $0.hotBytes.count }
            return 0
        }
        pass(.compaction)
        try locked { (core) throws(VolumeError) in
            core.endCompaction(compaction.victims)
            try core.commit(force: true)
            try core.makeViewDurable()
        }
        pass(.compacted)
        try locked { (core) throws(VolumeError) in try core.trimLog() }
        return compaction.victims.count
    }

    /// Compacts when it is time; a disk that is full or can not be read ends that, and not the
    /// volume.
    func compactIfDue() throws(VolumeError) {
        guard core.withLock({ $0.isCompactionDue }) else { return }
        do throws(VolumeError) {
            try compact()
        } catch {
            if core.withLock({ $0.failure != nil }) { throw error }
        }
    }

    /// Moves some stretches; reads without the lock.
    private func move(_ moves: inout ArraySlice<SliceMove>) throws(VolumeError) {
        var read: [(move: SliceMove, bytes: [UInt8])] = []
        var count = 0
        while let move = moves.first, count + Int(move.length) <= Self.step || count == 0 {
            moves.removeFirst()
            count += Int(move.length)
            if let bytes = try bytes(of: move) { read.append((move, bytes)) }
        }
        let found = read
        try locked { (core) throws(VolumeError) in try core.apply(found) }
    }

    /// The bytes of a stretch; nil when it was placed meanwhile and its segment is gone.
    private func bytes(of move: SliceMove) throws(VolumeError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: Int(move.length))
        do throws(VolumeError) {
            try unsafe bytes.withMutableBytes { (buffer) throws(VolumeError) in
                var at = 0
                for part in move.parts {
                    let room = unsafe UnsafeMutableRawBufferPointer(
                        rebasing: buffer[at..<at + part.length]
                    )
                    try unsafe log.read(part.place, offset: part.offset, into: room)
                    at += part.length
                }
            }
        } catch {
            if error == .notFound { return nil }
            throw error
        }
        return bytes
    }
}
