// Empties packs of which little is needed
// (`Docs/Decisions/0210-sparse-packs-are-emptied.md`).
//
//     before a cut: live chunks of sparse packs are read, verified and sealed into new packs
//         ─► stored ─► the chunks' rows name the new packs ─► cut, published
//         ─► once no kept checkpoint reads the old packs, they are waste like any other
//
// A row names a new pack only when that is certified, so the volume is whole at any moment; a pack
// that a crash leaves on the disk is stored again, and paid once.

internal import BlobModel
internal import SystemIO
internal import VolumeFormat

extension Checkpointer {
    /// Why a pack stays as it is.
    private enum Refusal: Error {
        /// It stays as it is, in words.
        case pack(String)
        /// So does all else, until it passes.
        case round(CheckpointError)
    }

    /// Ends the moves that a crash or a failure left half-done.
    func finishMoves(_ work: CheckpointWork) async throws(CheckpointError) {
        let left = try await environment.blocking { () throws(CheckpointError) in
            try work.files.removeUnfinishedMoves()
            return try work.files.moveIDs()
        }
        for id in left {
            let pack = try await environment.blocking { () throws(CheckpointError) in
                try work.leftMove(id)
            }
            if let pack { try await store(pack, work) }
        }
    }

    /// Moves the live chunks of the sparsest packs, as much as is moved at a time.
    ///
    /// - Returns: How many packs are empty now, or are known to stay as they are.
    func moveSparse(
        _ scan: WasteScan,
        _ record: VolumeRecord,
        _ work: CheckpointWork
    ) async throws(CheckpointError) -> Int {
        let plan = repackPlan(scan, record, work)
        guard !plan.packs.isEmpty else { return 0 }
        let sources = try await environment.blocking { () throws(CheckpointError) in
            try work.moveSources(plan.packs, scan)
        }
        let step = currentStep
        currentStep = "emptying packs"
        defer { currentStep = step }
        let filler = MoveFiller(work)
        var (emptied, refused) = (0, 0)
        for source in sources {
            // Somebody waits for a checkpoint that this is no part of.
            if !waste.isAsked, !waiters.isEmpty { break }
            // Another mount has the lease.
            if machine?.stopped != nil { throw .leaseLost }
            do throws(Refusal) {
                try await move(source, into: filler, work)
                emptied += 1
            } catch {
                switch error {
                case .pack(let reason):
                    waste.refuse(source.id, reason)
                    refused += 1
                case .round(let error): throw error
                }
            }
        }
        let last = await environment.pool.run { filler.finish() }
        if let last { try await store(last, work) }
        waste.report.packsEmptied += emptied
        return emptied + refused
    }

    private func repackPlan(
        _ scan: WasteScan,
        _ record: VolumeRecord,
        _ work: CheckpointWork
    ) -> RepackPlan {
        let blobs = environment.blobs
        let costs = RepackPlan.Costs(packLength: UInt64(work.packLength)) {
            blobs.encodedLength(of: $0)
        }
        // Room for what files bring comes first: two checkpoints that begin by themselves.
        let settings = environment.settings
        let kept = 2 * UInt64(settings.packsUnpublished) * costs.total(costs.packLength)
        let free = record.poolCapacity - min(record.poolUsed, record.poolCapacity)
        return RepackPlan(
            scan.waste.used.filter { waste.refused[$0.id] == nil },
            costs,
            bytesMax: settings.moveBytesMax,
            room: free - min(kept, free)
        )
    }

    /// Moves all of a pack; nothing of it when one chunk can not be read.
    private func move(
        _ source: MoveSource,
        into filler: MoveFiller,
        _ work: CheckpointWork
    ) async throws(Refusal) {
        guard source.chunks.allSatisfy(filler.takes) else {
            throw .pack("a chunk is longer than packs of this network are")
        }
        var plains: [(MovingChunk, [UInt8])] = []
        for run in source.runs { plains += try await read(run, of: source) }
        let chunks = plains
        do throws(CheckpointError) {
            for (chunk, plain) in chunks {
                let full = await environment.pool.run { filler.add(chunk, plain) }
                if let full { try await store(full, work) }
            }
        } catch {
            throw .round(error)
        }
    }

    // Reading.

    private func read(
        _ run: MoveSource.Run,
        of source: MoveSource
    ) async throws(Refusal) -> [(MovingChunk, [UInt8])] {
        let near = environment.near
        let here = await environment.pool.run { near?.nearBytes(ofPack: source.id, run.range) }
        var bytes = here
        if bytes == nil { bytes = try await fetch(run.range, of: source, .caller) }
        var plains: [(MovingChunk, [UInt8])] = []
        for chunk in run.chunks {
            let from = Int(chunk.range.lowerBound - run.range.lowerBound)
            let part = bytes.map { Array($0[from..<from + chunk.range.count]) }
            if let part, let plain = await open(part, chunk, of: source).plain {
                plains.append((chunk, plain))
                continue
            }
            // Somebody lied, or it rotted: verified bytes decide.
            let verified = try await fetch(chunk.range, of: source, .store)
            let opened = await open(verified, chunk, of: source)
            guard let plain = opened.plain else { throw .pack(opened.failure) }
            plains.append((chunk, plain))
        }
        return plains
    }

    private func open(
        _ stored: [UInt8],
        _ chunk: MovingChunk,
        of source: MoveSource
    ) async -> (plain: [UInt8]?, failure: String) {
        let environment = environment
        let header = PackHeader(
            kind: .contents,
            id: source.id,
            sequence: 0,
            salt: source.row.salt
        )
        return await environment.pool.run {
            let keys = environment.keys
            let sealing = FrameSealing(header: header, volume: environment.volume, keys: keys)
            do throws(VolumeFormatError) {
                let plain = try sealing.open(
                    stored[...],
                    of: chunk.id,
                    layout: chunk.layout,
                    keys: keys
                )
                return (plain, "")
            } catch {
                return (nil, "\(error)")
            }
        }
    }

    private func fetch(
        _ range: Range<UInt64>,
        of source: MoveSource,
        _ authentication: ReadAuthentication
    ) async throws(Refusal) -> [UInt8] {
        guard let blob = source.row.blob else { throw .pack("it was never stored") }
        do throws(BlobStoreError) {
            let bytes = try await environment.blobs.read(
                blob,
                range: range,
                authentication: authentication
            )
            guard bytes.count == range.count else {
                throw BlobStoreError.corrupt(blob, "a read of another length")
            }
            return bytes
        } catch {
            switch error {
            case .notFound, .corrupt, .inconsistent, .invalidRequest:
                throw .pack("\(CheckpointError.blobs(error).asVolumeError)")
            case .unavailable, .notFunded, .rejected, .cancelled: throw .round(.blobs(error))
            }
        }
    }

    // Storing.

    private func store(_ pack: SealedPack, _ work: CheckpointWork) async throws(CheckpointError) {
        let kept = try await environment.blocking { () throws(CheckpointError) in
            try work.keepMove(pack)
        }
        try await store(kept, work)
    }

    private func store(
        _ pack: CheckpointWork.MovedPack,
        _ work: CheckpointWork
    ) async throws(CheckpointError) {
        let stored = try await Uploads(work: work, gauge: gauge).store(pack.sealed)
        environment.pass(.moveStored)
        guard let sequence = machine?.sequence else { return }
        try await environment.blocking { () throws(CheckpointError) in
            try work.placeMove(pack, stored, sequence: sequence)
        }
        let moved = pack.trailer.chunks.reduce(0) { $0 + UInt64($1.layout.storedLength) }
        waste.report.movedBytes += moved
    }
}
