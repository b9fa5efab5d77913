// The blocking parts of a checkpoint's steps: each leaves what it made durable on the local disk.

internal import BlobModel
internal import Codec
internal import SystemIO
internal import VolumeFormat

/// The steps of a checkpoint that wait for the disk and the volume.
struct CheckpointWork: Sendable {
    let environment: CheckpointEnvironment
    let numbers: PackNumbers
    let packLength: Int
    let epoch: Epoch

    var source: any CheckpointSource { environment.source }
    var files: CheckpointFiles { environment.checkpointFiles }

    // Local values.

    func load<Value: BCSDecodable>(
        _ name: String,
        as type: Value.Type = Value.self
    ) throws(CheckpointError) -> Value? {
        try Self.load(name, from: source)
    }

    static func load<Value: BCSDecodable>(
        _ name: String,
        from source: any CheckpointSource
    ) throws(CheckpointError) -> Value? {
        let bytes = try volume { () throws(VolumeError) in try source.localValue(name) }
        guard let bytes else { return nil }
        guard let value = try? Value(bcsBytes: bytes) else { throw .damagedState(name) }
        return value
    }

    func save(_ progress: CheckpointProgress) throws(CheckpointError) {
        try volume { () throws(VolumeError) in
            try source.setLocalValue(CheckpointProgress.localName, progress.bcsBytes)
        }
    }

    /// Undoes what a crash left half-made, in a state directory that is being opened.
    func cleanUp(after progress: CheckpointProgress) throws(CheckpointError) {
        try reconcile(with: progress)
        try files.removeCuts(except: progress.generation)
        try files.removeUnfinishedPacks()
        var kept: Set<UInt64> = []
        switch progress {
        case .idle, .published, .cut: break
        case .rows(_, let rows): kept = Set(rows.packs.map(\.header.id))
        case .manifest(_, let sealed): kept = [sealed.pack.header.id]
        }
        for id in try files.packIDs() where !kept.contains(id) {
            // Packs of contents whose rows are placed are stored by the next gathering.
            let row = try PlacementRows.pack(id, in: source)
            if row == nil || row?.state != .sealed { try files.removePack(id) }
        }
    }

    /// A cut whose file was not complete goes into the next.
    private func reconcile(with progress: CheckpointProgress) throws(CheckpointError) {
        let inFlight = source.cutInFlight()
        switch progress {
        case .published, .idle: break
        case .cut, .rows, .manifest:
            guard inFlight == progress.generation else {
                throw .damagedState("the volume has cut \(inFlight ?? 0) in flight")
            }
        }
        if let inFlight, inFlight != progress.generation {
            try volume { () throws(VolumeError) in try source.abandonCut(generation: inFlight) }
        }
    }

    // Cut.

    /// What a cut file was made of.
    struct Cut: Sendable {
        var generation: UInt64
        var isEmpty: Bool
        /// Bytes of its rows.
        var byteCount: UInt64
        var snapshot: any CutSnapshot
    }

    /// Freezes the volume and writes the cut file; on a throw the cut is undone.
    func cut() throws(CheckpointError) -> Cut {
        // One whose snapshot could not be taken is in flight, and nobody has it.
        if let lost = source.cutInFlight() {
            try volume { () throws(VolumeError) in try source.abandonCut(generation: lost) }
        }
        let snapshot = try volume { () throws(VolumeError) in try source.cut() }
        environment.pass(.cut)
        do throws(CheckpointError) {
            return try write(snapshot)
        } catch {
            snapshot.close()
            try volume { () throws(VolumeError) in
                try source.abandonCut(generation: snapshot.generation)
            }
            throw error
        }
    }

    private func write(_ snapshot: any CutSnapshot) throws(CheckpointError) -> Cut {
        let generation = snapshot.generation
        let file = try files.createCut(generation)
        defer { file.close() }
        var writer = try system { () throws(SystemError) in
            try CutFileWriter(file, generation: generation)
        }
        var leaves = LeafBuilder(keys: environment.keys)
        var summary = CutSummary(inodeMark: snapshot.inodeMark, cutAt: snapshot.cutAt)
        var byteCount: UInt64 = 0
        try untyped {
            try snapshot.forEachDirtyRow { row in
                summary.rowCount += 1
                guard let leaf = leaves.append(row) else { return }
                byteCount += UInt64(leaf.bytes.count)
                try writer.append(.leaf, leaf.bytes)
            }
            if let leaf = leaves.finish() {
                byteCount += UInt64(leaf.bytes.count)
                try writer.append(.leaf, leaf.bytes)
            }
            let ranges = try snapshot.unplacedRanges()
            summary.rangeCount = UInt64(ranges.count)
            for start in stride(from: 0, to: ranges.count, by: CutFile.rangesMax) {
                let part = ranges[start..<min(ranges.count, start + CutFile.rangesMax)]
                var body = ByteWriter()
                body.write(vector: Array(part))
                try writer.append(.ranges, body.bytes)
            }
            try writer.finish(summary)
        }
        environment.pass(.delta)
        return Cut(
            generation: generation,
            isEmpty: summary.rowCount == 0 && summary.rangeCount == 0,
            byteCount: byteCount,
            snapshot: snapshot
        )
    }

    // Contents.

    /// The ranges of a cut and the packs of contents that an earlier attempt sealed.
    func beginGathering(
        generation: UInt64,
        resumes: Bool
    ) throws(CheckpointError) -> (gatherer: Gatherer, sealed: [UInt64]) {
        var ranges: [UnplacedRange] = []
        let file = try files.openCut(generation)
        defer { file.close() }
        var reader = try CutFileReader(file, generation: generation)
        _ = try reader.readAll(
            rows: { (_) throws(CheckpointError) in },
            ranges: { (part) throws(CheckpointError) in ranges += part }
        )
        var sealed: [UInt64] = []
        if resumes {
            for id in try files.packIDs() {
                if let row = try PlacementRows.pack(id, in: source) {
                    if row.state == .sealed { sealed.append(id) }
                } else {
                    // Its rows were never placed, so nothing refers to it.
                    try files.removePack(id)
                }
            }
        }
        let numbers = numbers
        let entropy = environment.entropy
        let gatherer = Gatherer(
            ranges,
            resumes: resumes,
            environment: Gatherer.Environment(
                source: source,
                keys: environment.keys,
                volume: environment.volume,
                packLength: packLength,
                epoch: epoch,
                sealedPacks: Set(sealed),
                nextPackID: { numbers.next() },
                nextSalt: { entropy.bytes(count: 32) }
            )
        )
        return (gatherer, sealed)
    }

    /// A sealed pack that is to be stored.
    struct Sealed: Sendable {
        var header: PackHeader
        var bytes: [UInt8]
    }

    /// Seals the next pack and places its rows; nil when all is gathered.
    func gatherNext(_ gatherer: Gatherer) throws(CheckpointError) -> Sealed?? {
        guard let output = try gatherer.next() else { return nil }
        if let pack = output.pack {
            environment.pass(.gather)
            try files.write(pack)
            environment.pass(.sealed)
        }
        try volume { () throws(VolumeError) in try source.place(output.rows) }
        guard let pack = output.pack else { return .some(nil) }
        return Sealed(header: pack.header, bytes: pack.bytes)
    }

    func readSealed(_ id: UInt64) throws(CheckpointError) -> Sealed {
        guard let bytes = try files.readPack(id) else {
            throw .damagedState("pack \(id) is not on the local disk any more")
        }
        let header = try format { () throws(VolumeFormatError) in try PackHeader(bytes: bytes) }
        guard header.id == id else { throw .damagedState("pack \(id) is another") }
        return Sealed(header: header, bytes: bytes)
    }

    /// Takes down where a pack of contents was stored.
    func placed(_ pack: Sealed, _ stored: StoredBlob) throws(CheckpointError) {
        source.noteUploaded(pack.bytes.count)
        let row = Gatherer.row(of: pack.header, length: pack.bytes.count, stored: stored)
        try volume { () throws(VolumeError) in try source.place([row]) }
    }

    // Manifest.

    func sealManifest(
        generation: UInt64,
        rows: SealedRows,
        blobs: [BlobID],
        head: PublishedHead?,
        token: UInt32
    ) throws(CheckpointError) -> SealedManifest {
        let file = try files.openCut(generation)
        defer { file.close() }
        var reader = try CutFileReader(file, generation: generation)
        var features = head?.manifest.features ?? .none
        let summary = try reader.readAll(
            rows: { (row) throws(CheckpointError) in
                if PlacementRows.hasDepartures(row) { features = features.union(.departures) }
            },
            ranges: { (_) throws(CheckpointError) in }
        )
        let run = rows.run(in: blobs)
        let manifest = Manifest(
            volume: environment.volume,
            sequence: rows.sequence,
            parent: head?.manifestBlob,
            token: token,
            generation: generation,
            cutAt: summary.cutAt,
            inodeMark: summary.inodeMark,
            name: environment.name,
            base: rows.isBase ? run : head?.manifest.base,
            deltas: rows.isBase ? [] : (head?.manifest.deltas ?? []) + [run],
            features: features
        )
        let pack = manifest.sealed(
            id: numbers.next(),
            salt: environment.entropy.bytes(count: 32),
            keys: environment.keys
        )
        try files.write(pack)
        environment.pass(.manifestSealed)
        let packFile = PackFile(header: pack.header, length: UInt64(pack.bytes.count))
        return SealedManifest(manifest: manifest, pack: packFile, blob: nil)
    }

    // Release.

    /// Makes the published checkpoint the one that this state continues; may be repeated.
    func finish(generation: UInt64, _ head: PublishedHead) throws(CheckpointError) {
        try volume { () throws(VolumeError) in
            try source.setLocalValue(PublishedHead.localName, head.bcsBytes)
            environment.pass(.release)
            // A crash after this finds it finished already.
            if source.cutInFlight() == generation {
                try source.finishCut(
                    generation: generation,
                    sequence: head.manifest.sequence
                )
            }
        }
        environment.pass(.released)
        // One checkpoint is in flight at a time, so every pack here was its.
        for id in try files.packIDs() { try files.removePack(id) }
        // What a full disk left of one.
        try files.removeUnfinishedPacks()
        try files.removeCuts(except: nil)
    }
}

/// Runs calls whose errors are not typed, and types them.
func untyped<Result>(_ body: () throws -> Result) throws(CheckpointError) -> Result {
    do {
        return try body()
    } catch let error as CheckpointError {
        throw error
    } catch let error as VolumeError {
        throw .volume(error)
    } catch let error as SystemError {
        throw .system(error)
    } catch {
        throw .damagedState("\(error)")
    }
}
