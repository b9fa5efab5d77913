// Brings a volume to a machine that has never seen it: head, manifest, base and deltas, from the
// root secret, the blobs and the ledger alone. Needs no lease; mounting takes it later.

package import BlobModel
internal import Codec
package import VolumeFormat

/// Loads the newest checkpoint of a volume into an empty state directory.
package struct Attachment: Sendable {
    private let environment: CheckpointEnvironment

    package init(_ environment: CheckpointEnvironment) { self.environment = environment }

    /// What was loaded.
    package struct Report: Sendable {
        package let sequence: UInt64
        package let name: String
        package let rowCount: UInt64
    }

    /// What opening the head tells, before anything is loaded.
    package static func manifest(
        of volume: VolumeID,
        keys: VolumeKeys,
        blobs: any BlobStore,
        heads: any HeadStore
    ) async throws(CheckpointError) -> (head: Head, manifest: Manifest) {
        let record: VolumeRecord
        do throws(HeadStoreError) { record = try await heads.record() } catch {
            throw .heads(error)
        }
        guard let head = record.head else { throw .neverPublished }
        let bytes = try await read(head.manifest, from: blobs, limit: Manifest.packLengthMax)
        let manifest = try format { () throws(VolumeFormatError) in
            try Manifest(
                packBytes: bytes,
                volume: volume,
                sequence: head.sequence,
                keys: keys
            )
        }
        return (head, manifest)
    }

    /// Loads the head's checkpoint; the volume in `environment.source` must be new.
    ///
    /// After a throw the state directory is of no use and is to be removed.
    package func run() async throws(CheckpointError) -> Report {
        let environment = environment
        let (head, manifest) = try await Self.manifest(
            of: environment.volume,
            keys: environment.keys,
            blobs: environment.blobs,
            heads: environment.heads
        )
        var rowCount: UInt64 = 0
        for run in (manifest.base.map { [$0] } ?? []) + manifest.deltas {
            rowCount += try await load(run)
        }
        let published = PublishedHead(manifestBlob: head.manifest, manifest: manifest)
        let source = environment.source
        try await environment.blocking { () throws(CheckpointError) in
            try volume { () throws(VolumeError) in
                try source.finishLoading(
                    sequence: manifest.sequence,
                    inodeMark: manifest.inodeMark
                )
                try source.setLocalValue(PublishedHead.localName, published.bcsBytes)
            }
        }
        return Report(sequence: manifest.sequence, name: manifest.name, rowCount: rowCount)
    }

    /// Loads a base or a delta, a pack at a time.
    private func load(_ run: Run) async throws(CheckpointError) -> UInt64 {
        let environment = environment
        let index = try await index(of: run)
        var loaded: UInt64 = 0
        var current: (pack: UInt32, reader: PackReader)?
        for entry in index.entries {
            let reader: PackReader
            if let current, current.pack == entry.place.pack {
                reader = current.reader
            } else {
                reader = try await open(run.packs[Int(entry.place.pack)])
                current = (entry.place.pack, reader)
            }
            loaded += try await environment.blocking { () throws(CheckpointError) in
                let leaf = try format { () throws(VolumeFormatError) in
                    try RunIndex.leaf(
                        try reader.open(entry.place.chunk, entry.place.layout),
                        of: entry
                    )
                }
                try volume { () throws(VolumeError) in try environment.source.load(leaf.rows) }
                return UInt64(leaf.rows.count)
            }
        }
        guard loaded == run.rowCount else {
            throw .format(.corrupt("a run of \(loaded) rows instead of \(run.rowCount)"))
        }
        return loaded
    }

    private func index(of run: Run) async throws(CheckpointError) -> RunIndex {
        var bytes: [UInt8] = []
        var current: (pack: UInt32, reader: PackReader)?
        for place in run.index {
            let reader: PackReader
            if let current, current.pack == place.pack {
                reader = current.reader
            } else {
                reader = try await open(run.packs[Int(place.pack)])
                current = (place.pack, reader)
            }
            bytes += try format { () throws(VolumeFormatError) in
                try reader.open(place.chunk, place.layout)
            }
        }
        let index = bytes
        return try format { () throws(VolumeFormatError) in try RunIndex(bytes: index, of: run) }
    }

    private func open(_ pack: PackReference) async throws(CheckpointError) -> PackReader {
        let environment = environment
        let bytes = try await Self.read(pack.blob, from: environment.blobs, limit: pack.length)
        return try await environment.blocking { () throws(CheckpointError) in
            let reader = try format { () throws(VolumeFormatError) in
                try PackReader(bytes, volume: environment.volume, keys: environment.keys)
            }
            guard reader.header == pack.header else {
                throw .format(.corrupt("pack \(pack.header.id) is another"))
            }
            return reader
        }
    }

    private static func read(
        _ blob: BlobID,
        from blobs: any BlobStore,
        limit: UInt64
    ) async throws(CheckpointError) -> [UInt8] {
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
