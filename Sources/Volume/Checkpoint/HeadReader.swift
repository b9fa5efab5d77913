// Reads checkpoints back: head, manifest, base and deltas, from the root secret, the blobs and the
// ledger alone. What is read is opened, never trusted.

package import BlobModel
package import SystemIO
package import VolumeFormat

/// Reads what is published of a volume.
package struct HeadReader: Sendable {
    let volume: VolumeID
    let keys: VolumeKeys
    let blobs: any BlobStore
    let heads: any HeadStore
    /// Threads on which rows are unpacked, and given on.
    let pool: BlockingPool

    package init(_ environment: CheckpointEnvironment) {
        self.init(
            volume: environment.volume,
            keys: environment.keys,
            blobs: environment.blobs,
            heads: environment.heads,
            pool: environment.pool
        )
    }

    package init(
        volume: VolumeID,
        keys: VolumeKeys,
        blobs: any BlobStore,
        heads: any HeadStore,
        pool: BlockingPool
    ) {
        self.volume = volume
        self.keys = keys
        self.blobs = blobs
        self.heads = heads
        self.pool = pool
    }

    /// The newest checkpoint, nil before the first.
    package func head() async throws(CheckpointError) -> (head: Head, manifest: Manifest)? {
        let record: VolumeRecord
        do throws(HeadStoreError) { record = try await heads.record() } catch {
            throw .heads(error)
        }
        guard let head = record.head else { return nil }
        return (head, try await manifest(head.manifest, sequence: head.sequence))
    }

    /// A manifest, by its blob.
    package func manifest(
        _ blob: BlobID,
        sequence: UInt64
    ) async throws(CheckpointError) -> Manifest {
        let bytes = try await read(blob, limit: Manifest.packLengthMax)
        return try format { () throws(VolumeFormatError) in
            try Manifest(packBytes: bytes, volume: volume, sequence: sequence, keys: keys)
        }
    }

    /// Hands over all rows of a checkpoint, base first, then deltas in order: a later row of the
    /// same key replaces an earlier one, a tombstone removes it.
    ///
    /// `body` is called on the pool; returns how many rows there were.
    package func forEachLeaf(
        of manifest: Manifest,
        _ body: @escaping @Sendable ([RowImage]) throws(CheckpointError) -> Void
    ) async throws(CheckpointError) -> UInt64 {
        var rowCount: UInt64 = 0
        for run in (manifest.base.map { [$0] } ?? []) + manifest.deltas {
            rowCount += try await forEachLeaf(of: run, body)
        }
        return rowCount
    }

    /// Hands over all rows of a run, in order, and checks that they are as many as it says.
    ///
    /// `body` is called on the pool; returns how many rows there were.
    @discardableResult
    func forEachLeaf(
        of run: Run,
        _ body: @escaping @Sendable ([RowImage]) throws(CheckpointError) -> Void
    ) async throws(CheckpointError) -> UInt64 {
        let count = try await forEachLeaf(of: run, in: index(of: run).entries, body)
        guard count == run.rowCount else {
            throw .format(.corrupt("a run of \(count) rows instead of \(run.rowCount)"))
        }
        return count
    }

    /// Hands over the rows of some leaves, in order; a pack is fetched when one of its leaves is
    /// wanted.
    ///
    /// `body` is called on the pool; returns how many rows there were.
    @discardableResult
    func forEachLeaf(
        of run: Run,
        in entries: [RunIndex.Entry],
        _ body: @escaping @Sendable ([RowImage]) throws(CheckpointError) -> Void
    ) async throws(CheckpointError) -> UInt64 {
        var count: UInt64 = 0
        var current: (pack: UInt32, reader: PackReader)?
        for entry in entries {
            let reader = try await reader(for: entry.place.pack, of: run, &current)
            count += try await pool.run { () throws(CheckpointError) in
                let leaf = try format { () throws(VolumeFormatError) in
                    try RunIndex.leaf(
                        try reader.open(entry.place.chunk, entry.place.layout),
                        of: entry
                    )
                }
                try body(leaf.rows)
                return UInt64(leaf.rows.count)
            }
        }
        return count
    }

    /// The places of a run's leaves.
    func index(of run: Run) async throws(CheckpointError) -> RunIndex {
        var bytes: [UInt8] = []
        var current: (pack: UInt32, reader: PackReader)?
        for place in run.index {
            let reader = try await reader(for: place.pack, of: run, &current)
            bytes += try format { () throws(VolumeFormatError) in
                try reader.open(place.chunk, place.layout)
            }
        }
        let index = bytes
        return try format { () throws(VolumeFormatError) in try RunIndex(bytes: index, of: run) }
    }

    private func reader(
        for pack: UInt32,
        of run: Run,
        _ current: inout (pack: UInt32, reader: PackReader)?
    ) async throws(CheckpointError) -> PackReader {
        if let current, current.pack == pack { return current.reader }
        let reader = try await open(run.packs[Int(pack)])
        current = (pack, reader)
        return reader
    }

    private func open(_ pack: PackReference) async throws(CheckpointError) -> PackReader {
        let bytes = try await read(pack.blob, limit: pack.length)
        let (volume, keys) = (volume, keys)
        return try await pool.run { () throws(CheckpointError) in
            let reader = try format { () throws(VolumeFormatError) in
                try PackReader(bytes, volume: volume, keys: keys)
            }
            guard reader.header == pack.header else {
                throw .format(.corrupt("pack \(pack.header.id) is another"))
            }
            return reader
        }
    }

    private func read(_ blob: BlobID, limit: UInt64) async throws(CheckpointError) -> [UInt8] {
        do throws(BlobStoreError) {
            let length = try await blobs.length(of: blob)
            guard length > 0, length <= limit else {
                throw BlobStoreError.corrupt(blob, "a length of \(length) bytes")
            }
            return try await blobs.read(blob, range: 0..<length, authentication: .store)
        } catch {
            throw .blobs(error)
        }
    }
}
