internal import BlobModel
internal import Codec
internal import SystemIO
internal import TestSupport

@testable internal import Volume
@testable internal import VolumeFormat

extension Seeds {
    static func fileRows() -> [String: [[UInt8]]] {
        let inode = InodeRow(
            kind: 1,
            permissions: 0o644,
            links: 1,
            user: 1000,
            group: 1000,
            size: 5,
            stored: 5,
            time: RowTime(seconds: 1, nanoseconds: 2),
            generation: 3
        )
        let pack = PackRow(
            blob: BlobID(bytes: digest),
            kind: 2,
            sequence: 3,
            salt: digest,
            length: 1 << 20,
            state: .certified,
            end: 9
        )
        var left = pack
        left.departed = 3..<5
        let chunk = ChunkRow(pack: 1, offset: 64, first: 0, length: 100, frames: [116])
        return [
            "inode-row": [inode.bcsBytes],
            "dirent-row": [DirentRow(inode: 7, kind: 2, cookie: 3).bcsBytes],
            "extent-row": [ExtentRow(length: 10, slice: 1 << 40, start: 5).bcsBytes],
            "slice-row": [SliceRow(length: 10, refs: 1, born: 2, died: 0).bcsBytes],
            "slice-chunk-row": [SliceChunkRow(chunk: digest, start: 0, length: 10).bcsBytes],
            "chunk-row": [chunk.bcsBytes],
            "pack-row": [pack.bcsBytes, left.bcsBytes],
            "feature-flags": [
                FeatureFlags(compatible: 1, readOnlyCompatible: 2, incompatible: 4).bcsBytes
            ],
        ]
    }

    private static func manifest() throws -> Manifest {
        let formats = try Fixtures.json("volume-v1/formats.json", as: Formats.self)
        return try Manifest(bcsBytes: Hex.decode(formats.manifestBody))
    }

    /// Where things lie in packs.
    static func placement() throws -> [String: [[UInt8]]] {
        let formats = try Fixtures.json("volume-v1/formats.json", as: Formats.self)
        let pack = try PackReader(
            Hex.decode(formats.pack),
            volume: FuzzTarget.volume,
            keys: FuzzTarget.keys
        )
        let stored = pack.trailer.chunks.reduce(PackHeader.length) { $0 + $1.layout.storedLength }
        let end = (0..<4).map { UInt8(truncatingIfNeeded: stored >> (24 - 8 * $0)) }
        let places = try manifest().deltas.flatMap(\.index)
        let entries = places.enumerated().map { number, place in
            RunIndex.Entry(table: 1, key: [0, UInt8(number)], place: place)
        }
        // A frame says first how many times 256 bytes it has, and one more.
        let plain = [UInt8](repeating: 7, count: 257)
        let (frame, _) = unsafe plain.withUnsafeBytes { unsafe Compressor().compress($0) }
        return [
            "pack-trailer": [end + pack.trailer.body],
            "run-index": [RunIndex(entries: entries).bcsBytes],
            "frame": [[1] + frame],
        ]
    }

    /// What a state directory keeps of checkpoints, cuts and what was fetched.
    static func progress() throws -> [String: [[UInt8]]] {
        let manifest = try manifest()
        let blob = BlobID(bytes: digest)
        let published = PublishedHead(manifestBlob: blob, manifest: manifest)
        let pack = PackFile(
            header: PackHeader(kind: .delta, id: 1, sequence: 2, salt: digest),
            length: 1000
        )
        let unplaced = RunBuilder.Unplaced(
            sequence: 2,
            rowCount: 3,
            byteCount: 4,
            index: manifest.deltas.first?.index ?? []
        )
        let rows = SealedRows(run: unplaced, isBase: false, packs: [pack])
        let steps: [CheckpointProgress] = [
            .idle, .cut(generation: 1), .rows(generation: 1, rows),
            .manifest(
                generation: 1,
                SealedManifest(manifest: manifest, pack: pack, blob: blob)
            ),
            .published(generation: 1, published),
        ]
        let totals = ViewTotals()
        return [
            "published-head": [published.bcsBytes],
            "checkpoint-progress": steps.map(\.bcsBytes),
            // With marks, and from before there were any.
            "view-totals": [totals.bcsBytes, Array(totals.bcsBytes.prefix(48))],
            "lease-token": [LeaseToken.encode(5)],
            "block-cache": [cacheSlot(pack: 1) + cacheSlot(pack: 2)],
            "cut-file": [try cut()],
            "cut-file-repaired": [try cutParts()],
        ]
    }

    private static func cacheSlot(pack: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(raw: Array("WFCB".utf8))
        writer.write(pack)
        writer.write(UInt32(0))
        writer.write(UInt32(3))
        writer.write(raw: [UInt8](repeating: 0, count: 12) + [1, 2, 3])
        return writer.bytes
    }

    // MARK: Cuts

    private static let range = UnplacedRange(
        slice: 1,
        offset: 2,
        length: 3,
        inode: 4,
        fileOffset: 5
    )

    private static func leaf() throws -> Leaf {
        let formats = try Fixtures.json("volume-v1/formats.json", as: Formats.self)
        return try Leaf(bcsBytes: Hex.decode(formats.leaf))
    }

    private static func cut() throws -> [UInt8] {
        let leaf = try leaf()
        let disk = InMemoryFileSystem()
        let file = try disk.open("/cut", .createNew)
        var writer = try CutFileWriter(file, generation: 7)
        try writer.append(.leaf, leaf.bcsBytes)
        try writer.append(.ranges, [1] + range.bcsBytes)
        try writer.finish(
            CutSummary(
                rowCount: UInt64(leaf.rows.count),
                rangeCount: 1,
                inodeMark: 9,
                cutAt: 10
            )
        )
        return try file.read(count: file.size(), at: 0)
    }

    /// The same as kinds, lengths and bytes, to which the target adds the digests.
    private static func cutParts() throws -> [UInt8] {
        let leaf = try leaf()
        var end = ByteWriter()
        for number in [UInt64(leaf.rows.count), 1, 9, 10] { end.write(number) }
        let parts: [(CutFile.RecordKind, [UInt8])] = [
            (.leaf, leaf.bcsBytes), (.ranges, [1] + range.bcsBytes), (.end, end.bytes),
        ]
        return parts.flatMap { kind, bytes in
            [kind.rawValue, UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
        }
    }
}
