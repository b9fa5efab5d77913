// Reads every byte of a volume back, from the network and from the log, and verifies it; then what
// the newest checkpoints need. Takes memory for all inodes and slices as every check does, 64 bytes
// for each chunk, and a few chunks in flight; nothing comes from the cache.

internal import BlobModel
internal import Codec
package import SystemIO
internal import VolumeFormat

/// A check that believes nothing it has not read.
package struct DeepCheck: Sendable {
    /// How far it is, in bytes of chunks or of the log.
    package typealias Progress = @Sendable (_ done: UInt64, _ total: UInt64) async -> Void

    /// Chunks that are fetched at a time, of at most 4 MiB each.
    private static let inFlight = 4
    /// Checkpoints that are looked at: the head and those before it.
    private static let checkpointsMax = 3

    private let volume: Volume
    /// nil for a volume without a network.
    private let reader: HeadReader?
    private let pool: BlockingPool

    package init(_ volume: Volume, _ reader: HeadReader?, pool: BlockingPool) {
        self.volume = volume
        self.reader = reader
        self.pool = pool
    }

    /// What is wrong with the bytes of a chunk.
    private struct BadChunk: Sendable {
        let id: [UInt8]
        let reason: String
    }

    /// Reads everything.
    ///
    /// - Throws: What keeps it from reading, such as a network that does not answer. What is read
    ///   and is wrong is in the report.
    package func run(_ progress: @escaping Progress) async throws(CheckpointError) -> FsckReport {
        let volume = volume
        let (facts, view) = try await pool.run { () throws(CheckpointError) in
            try onVolume { () throws(VolumeError) in try volume.beginCheck() }
        }
        let result: Result<FsckReport, CheckpointError>
        do throws(CheckpointError) {
            result = .success(try await run(facts, view, progress))
        } catch {
            result = .failure(error)
        }
        view.close()
        return try result.get()
    }

    private func run(
        _ facts: CheckFacts,
        _ view: any RowReader,
        _ progress: @escaping Progress
    ) async throws(CheckpointError) -> FsckReport {
        let (begun, live) = try await pool.run { () throws(CheckpointError) in
            try onVolume { () throws(VolumeError) in
                var check = VolumeCheck(facts, view, checksPlacement: true)
                try check.run()
                return (check, try check.liveChunks())
            }
        }
        var check = begun
        var bytes: UInt64 = 0
        let bad = try await readChunks(live, view, &bytes, progress)
        let found = check
        let lost = try await pool.run { () throws(CheckpointError) in
            try onVolume { () throws(VolumeError) in
                var check = found
                try check.note(lost: Dictionary(bad.map { ($0.id, $0.reason) }) { $1 })
                let unread = try check.readLog(volume)
                return (check, unread)
            }
        }
        check = lost.0
        bytes += lost.1
        for checkpoint in try await checkpoints() {
            check.compare(with: checkpoint.slices, of: checkpoint.sequence)
        }
        check.report.bytesRead = bytes
        check.report.note(RepairPlan(check).names)
        return check.report
    }

    // Chunks.

    private func readChunks(
        _ live: LiveChunks,
        _ view: any RowReader,
        _ done: inout UInt64,
        _ progress: Progress
    ) async throws(CheckpointError) -> [BadChunk] {
        var bad: [BadChunk] = []
        var lower: [UInt8] = []
        while true {
            let from = lower
            let page = try await pool.run { () throws(CheckpointError) in
                try onVolume { () throws(VolumeError) in
                    try view.rows(of: .chunks, from: from, limit: 256)
                }
            }
            let wanted = page.filter { live.ids.contains($0.key) }
            for start in stride(from: 0, to: wanted.count, by: Self.inFlight) {
                let part = wanted[start..<min(start + Self.inFlight, wanted.count)]
                for outcome in await read(part, view) {
                    switch outcome {
                    case .failure(let error): throw error
                    case .success(let chunk): if let chunk { bad.append(chunk) }
                    }
                }
                done += part.reduce(0) { $0 + UInt64(Self.length($1)) }
                await progress(done, live.byteCount)
            }
            guard page.count == 256, let last = page.last else { return bad }
            lower = last.key + [0]
        }
    }

    private static func length(_ row: RowImage) -> UInt32 {
        (try? ChunkRow(bcsBytes: row.value ?? []))?.length ?? 0
    }

    /// Fetches some chunks at a time; nil for one that is as it should be.
    private func read(
        _ rows: ArraySlice<RowImage>,
        _ view: any RowReader
    ) async -> [Result<BadChunk?, CheckpointError>] {
        await withTaskGroup(of: Result<BadChunk?, CheckpointError>.self) { group in
            for row in rows { group.addTask { await read(row, view) } }
            var outcomes: [Result<BadChunk?, CheckpointError>] = []
            for await outcome in group { outcomes.append(outcome) }
            return outcomes
        }
    }

    private func read(
        _ row: RowImage,
        _ view: any RowReader
    ) async -> Result<BadChunk?, CheckpointError> {
        do throws(CheckpointError) {
            try await verify(row, view)
            return .success(nil)
        } catch {
            switch error {
            case .format, .damagedState, .blobs(.notFound), .blobs(.corrupt),
                .blobs(.inconsistent):
                return .success(BadChunk(id: row.key, reason: "\(error.asVolumeError)"))
            default:
                return .failure(error)
            }
        }
    }

    private func verify(_ row: RowImage, _ view: any RowReader) async throws(CheckpointError) {
        guard let chunk = try? ChunkRow(bcsBytes: row.value ?? []),
            let layout = try? chunk.layout()
        else { throw .damagedState("the row of a chunk") }
        let key = RowKey.number(chunk.pack)
        let found = try await pool.run { () throws(CheckpointError) in
            try onVolume { () throws(VolumeError) in
                try view.rows(of: .packs, from: key, limit: 1)
            }
        }
        guard let value = found.first, value.key == key,
            let pack = try? PackRow(bcsBytes: value.value ?? [])
        else { throw .damagedState("pack \(chunk.pack) has no row") }
        // Sealed on this machine, and not stored yet: its bytes are in the log too.
        guard let reader, let blob = pack.blob else { return }
        guard let kind = PackKind(rawValue: pack.kind) else {
            throw .damagedState("pack \(chunk.pack) is of no known kind")
        }
        let range = layout.storedRange(ofFrames: layout.frames.indices)
        let stored: [UInt8]
        do throws(BlobStoreError) {
            stored = try await reader.blobs.read(blob, range: range, authentication: .store)
        } catch {
            throw .blobs(error)
        }
        let header = PackHeader(
            kind: kind,
            id: chunk.pack,
            sequence: pack.sequence,
            salt: pack.salt
        )
        let (volume, keys) = (reader.volume, reader.keys)
        try await pool.run { () throws(CheckpointError) in
            let sealing = FrameSealing(header: header, volume: volume, keys: keys)
            let id = ChunkID(bytes: row.key)
            _ = try format { () throws(VolumeFormatError) in
                try sealing.open(stored[...], of: id, layout: layout, keys: keys)
            }
        }
    }

    // Checkpoints.

    private struct Needs: Sendable {
        let sequence: UInt64
        let slices: Set<UInt64>
    }

    /// What the newest checkpoints need; older ones as far as they can be read.
    private func checkpoints() async throws(CheckpointError) -> [Needs] {
        guard let reader, let (head, newest) = try await reader.head() else { return [] }
        var found = [try await needs(of: newest, head.sequence, reader)]
        var manifest = newest
        while found.count < Self.checkpointsMax, let parent = manifest.parent {
            do throws(CheckpointError) {
                // Nodes may have for a while what the ledger has let go of.
                guard try await isKept(parent, reader) else { break }
                let sequence = manifest.sequence - 1
                manifest = try await reader.manifest(parent, sequence: sequence)
                found.append(try await needs(of: manifest, sequence, reader))
            } catch .blobs(.notFound) {
                // It was let go of.
                break
            }
        }
        return found
    }

    private func isKept(
        _ blob: BlobID,
        _ reader: HeadReader
    ) async throws(CheckpointError) -> Bool {
        do throws(BlobStoreError) { return try await reader.blobs.lifetime(of: blob) != nil } catch
        {
            throw .blobs(error)
        }
    }

    private func needs(
        of manifest: Manifest,
        _ sequence: UInt64,
        _ reader: HeadReader
    ) async throws(CheckpointError) -> Needs {
        let extents = ExtentCollector()
        _ = try await reader.forEachLeaf(of: manifest) { (rows) throws(CheckpointError) in
            extents.add(rows)
        }
        return Needs(sequence: sequence, slices: extents.slices)
    }
}

/// Runs a call of the volume, its error made ours.
private func onVolume<Result>(
    _ body: () throws(VolumeError) -> Result
) throws(CheckpointError) -> Result {
    do throws(VolumeError) { return try body() } catch { throw .volume(error) }
}
