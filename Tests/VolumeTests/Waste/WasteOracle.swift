import BlobModel
import Codec
import SystemIO
import VolumeFormat

@testable import Volume

extension FaultPoint {
    /// Those that are passed only where something goes.
    static let ofWaste: Set<FaultPoint> = [
        .wasteMarked, .moveSealed, .moveStored, .moved, .retireSent, .retired, .deleteSent,
        .deleted,
    ]
    static let ofCheckpoints = Set(allCases).subtracting(ofWaste)
}

/// What a checkpoint needs, by brute force, and whether it is there.
enum WasteOracle {
    /// A checkpoint on a machine that has never seen the volume.
    static func attach(
        _ sequence: UInt64,
        blobs: InMemoryBlobStore,
        ledger: InMemoryLedger
    ) async throws -> CheckpointWorld {
        try await CheckpointWorld(
            InMemoryFileSystem(),
            .attached,
            blobs: InMemoryBlobStore(copying: blobs),
            ledger: ledger.asOf(sequence),
            takesOver: true
        )
    }

    /// Every blob that the newest checkpoint needs: its manifest, its rows, and the packs of every
    /// byte that an extent names.
    static func neededByHead(
        blobs: InMemoryBlobStore,
        ledger: InMemoryLedger
    ) async throws -> Set<BlobID> {
        guard let head = ledger.head else { return [] }
        let world = try await attach(head.sequence, blobs: blobs, ledger: ledger)
        let volume = world.volume
        func rows(_ table: RowTable) throws -> [RowImage] {
            try volume.rows(of: table, from: [], to: nil, limit: 1_000_000)
        }
        let slices = Set(
            try rows(.extents).map { try ExtentRow(bcsBytes: $0.value ?? []).slice }
        )
        let chunks = Set(
            try rows(.sliceChunks).filter { slices.contains(try RowKey.readNumber($0.key)) }
                .map { try SliceChunkRow(bcsBytes: $0.value ?? []).chunk }
        )
        let packs = Set(
            try rows(.chunks).filter { chunks.contains($0.key) }
                .map { try ChunkRow(bcsBytes: $0.value ?? []).pack }
        )
        var needed: Set<BlobID> = [head.manifest]
        for row in try rows(.packs) where packs.contains(try RowKey.readNumber(row.key)) {
            if let blob = try PackRow(bcsBytes: row.value ?? []).blob { needed.insert(blob) }
        }
        let bytes = blobs.blobs[head.manifest] ?? []
        let manifest = try Manifest(
            packBytes: bytes,
            volume: ledger.volume,
            sequence: head.sequence,
            keys: ModelWorld.keys
        )
        return needed.union(manifest.blobs)
    }
}
