internal import BlobModel
internal import Codec
internal import SegmentLog
internal import SystemIO

@testable internal import Volume
@testable internal import VolumeFormat

extension FuzzTarget {
    /// What a volume keeps on the network: a node, a reader of the blob or its writer may have made
    /// these bytes, once the encryption around them is open.
    static let volumeFormat: [FuzzTarget] = [
        bcs("manifest", Manifest.self) { manifest in
            _ = manifest.blobs
            return nil
        },
        FuzzTarget("manifest-pack") { bytes in
            _ = try? Manifest(packBytes: bytes, volume: volume, sequence: 7, keys: keys)
            return nil
        },
        FuzzTarget("pack") { bytes in
            guard let pack = try? PackReader(bytes, volume: volume, keys: keys) else { return nil }
            for chunk in pack.trailer.chunks { _ = try? pack.open(chunk) }
            return nil
        },
        FuzzTarget("pack-header") { bytes in
            guard let header = try? PackHeader(bytes: bytes) else { return nil }
            // What follows it is not its concern.
            return same(header.bytes, Array(bytes.prefix(PackHeader.length)))
        },
        FuzzTarget("pack-footer") { bytes in
            guard let footer = try? PackFooter(bytes: bytes) else { return nil }
            return same(footer.bytes, bytes)
        },
        FuzzTarget("pack-trailer") { bytes in
            // Where the frames end is in the clear, and its reader's to hold it against.
            guard bytes.count > 4 else { return nil }
            let end = bytes.prefix(4).reduce(0) { $0 << 8 | UInt64($1) }
            let body = Array(bytes.dropFirst(4))
            guard let trailer = try? PackTrailer(body: body, framesEnd: end) else { return nil }
            return same(trailer.body, body) ?? trailer.chunks.lazy.compactMap(lies).first
        },
        FuzzTarget("frame") { bytes in
            guard let first = bytes.first else { return nil }
            let length = 1 + Int(first) << 8
            let packed = Array(bytes.dropFirst())
            guard let plain = try? Compressor.expand(packed, codec: .zstd, to: length) else {
                return nil
            }
            return plain.count == length ? nil : "has another length"
        },
        bcs("run", Run.self),
        FuzzTarget("run-index") { bytes in
            guard let index = try? RunIndex(bcsBytes: bytes) else { return nil }
            let run = Run(sequence: 1, rowCount: 1, byteCount: 1, packs: [], index: [])
            // Leaves outside of the packs, of which there are none.
            let isTaken = !index.entries.isEmpty && (try? RunIndex(bytes: bytes, of: run)) != nil
            return same(index.bcsBytes, bytes) ?? (isTaken ? "leads outside of its packs" : nil)
        },
        bcs("leaf", Leaf.self) { leaf in
            leaf.rows.forEach(readKey)
            let isSorted = zip(leaf.rows, leaf.rows.dropFirst()).allSatisfy { $0.precedes($1) }
            return isSorted ? nil : "is not sorted"
        },
        bcs("inode-row", InodeRow.self),
        bcs("dirent-row", DirentRow.self),
        bcs("extent-row", ExtentRow.self),
        bcs("slice-row", SliceRow.self),
        bcs("slice-chunk-row", SliceChunkRow.self),
        bcs("chunk-row", ChunkRow.self),
        bcs("pack-row", PackRow.self),
        bcs("log-mark", LogMark.self),
        bcs("feature-flags", FeatureFlags.self),
    ]

    /// What a volume keeps on its own disk, which rots, and is copied and restored by people.
    static let volumeState: [FuzzTarget] = [
        FuzzTarget("operation-record") { bytes in
            guard let record = try? OperationRecord(bytes: bytes) else { return nil }
            record.rows.forEach(readKey)
            return same(record.bytes, bytes)
        },
        FuzzTarget("access-list") { bytes in
            guard let list = try? AccessList.parse(bytes) else { return nil }
            return same(list.bytes, bytes)
        },
        FuzzTarget("lease-token") { bytes in
            guard let token = try? LeaseToken.decode(bytes) else { return nil }
            return same(LeaseToken.encode(token), bytes)
        },
        FuzzTarget("block-cache", readCache),
        FuzzTarget("cut-file", readCut),
        FuzzTarget("cut-file-repaired") { readCut(repairedCut(bytes: $0)) },
        bcs("checkpoint-progress", CheckpointProgress.self) { progress in
            guard case .rows(_, let rows) = progress else { return nil }
            let blob = BlobID(bytes: [UInt8](repeating: 7, count: 32))
            let run = rows.run(in: rows.packs.map { _ in blob })
            let isRead = (try? Run(bcsBytes: run.bcsBytes)) == run
            return isRead ? nil : "leads to a manifest that is not read"
        },
        bcs("published-head", PublishedHead.self),
        // Shorter in directories from before there were marks.
        FuzzTarget("view-totals") { bytes in
            _ = try? ViewTotals(bcsBytes: bytes)
            return nil
        },
        json("state-description", StateDescription.self),
        FuzzTarget("segment", readSegment),
        FuzzTarget("segment-repaired") { readSegment(repairedSegment($0)) },
    ]

    // Those of the golden files, so that a fuzzer begins with packs that open.
    static let volume = VolumeID(bytes: [UInt8](repeating: 0x11, count: 32))
    static let keys = VolumeKeys(rootSecret: [UInt8](0..<32))

    private static func lies(_ chunk: PackTrailer.Chunk) -> String? {
        let frames = chunk.layout.frames.indices
        let stored = chunk.layout.storedRange(ofFrames: frames)
        return stored.count == chunk.layout.storedLength ? nil : "has frames that overlap"
    }

    private static func readKey(of row: RowImage) {
        _ = try? RowKey.readNumber(row.key)
        _ = try? RowKey.readNamed(row.key)
        _ = try? RowKey.readExtent(row.key)
        _ = try? RowKey.readSliceChunk(row.key)
    }

    // MARK: Files

    private static func file(_ bytes: [UInt8], at path: String) -> InMemoryFileSystem? {
        let disk = InMemoryFileSystem()
        do {
            try disk.makeDirectories("/log")
            let file = try disk.open(path, .createNew)
            try file.write(bytes, at: 0)
        } catch {
            return nil
        }
        return disk
    }

    private static func readCut(_ bytes: [UInt8]) -> String? {
        guard let disk = file(bytes, at: "/cut"), let file = try? disk.open("/cut", .read) else {
            return "there is no disk"
        }
        guard var reader = try? CutFileReader(file, generation: 7) else { return nil }
        var taken = 0
        while let record = try? reader.next() { taken += record.bytes.count }
        guard taken <= bytes.count else { return "has more than was in the file" }
        return summarize(file)
    }

    /// Reads a cut as a checkpoint does; it is taken only with all that its last record counts.
    private static func summarize(_ file: any File) -> String? {
        guard var reader = try? CutFileReader(file, generation: 7) else { return nil }
        var rows: UInt64 = 0
        var ranges: UInt64 = 0
        let summary = try? reader.readAll(
            rows: { row throws(CheckpointError) in
                readKey(of: row)
                rows += 1
            },
            ranges: { part throws(CheckpointError) in ranges += UInt64(part.count) }
        )
        guard let summary else { return nil }
        let isWhole = summary.rowCount == rows && summary.rangeCount == ranges
        return isWhole ? nil : "is taken without all of its rows and ranges"
    }

    /// A block cache of two slots, which begin with the halves of the input.
    private static func readCache(_ bytes: [UInt8]) -> String? {
        let length = 32 + BlockKey.length
        var contents = [UInt8](repeating: 0, count: 2 * length)
        for (slot, part) in [bytes.prefix(bytes.count / 2), bytes.dropFirst(bytes.count / 2)]
            .enumerated()
        {
            let start = slot * length
            contents.replaceSubrange(start..<start + part.count, with: part)
        }
        guard let disk = file(contents, at: "/log/blocks") else { return "there is no disk" }
        let cache = try? BlockCache(
            files: disk,
            directory: "/log",
            diskBytesMax: UInt64(2 * length),
            memoryBytesMax: 1 << 20
        )
        guard let cache else { return "is not opened" }
        for pack in UInt64(0)...2 {
            let key = BlockKey(pack: pack, index: 0)
            if let block = cache.block(key), block.isEmpty { return "has an empty block" }
            cache.insert([1, 2, 3], key)
            guard cache.block(key) != nil else { return "does not have what was put" }
        }
        return nil
    }

    /// The cut's records with the digests that their bytes have.
    private static func repairedCut(bytes: [UInt8]) -> [UInt8] {
        var repaired = CutFile.header(generation: 7)
        var rest = bytes[...]
        var position: UInt64 = 0
        while rest.count >= 3 {
            let kind = rest.removeFirst() & 3
            let length = min(Int(rest.removeFirst()) << 8 | Int(rest.removeFirst()), rest.count)
            let body = Array(rest.prefix(length))
            rest = rest.dropFirst(length)
            repaired.append(kind)
            repaired += (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
            repaired += CutFile.digest(
                generation: 7,
                position: position,
                kind: kind,
                body
            )
            repaired += body
            position += 1
        }
        return repaired
    }

    /// What one opening of a log finds, another finds again.
    private static func readSegment(_ bytes: [UInt8]) -> String? {
        guard let disk = file(bytes, at: "/log/00000001.seg") else { return "there is no disk" }
        func records() throws -> [[UInt8]] {
            var found: [[UInt8]] = []
            _ = try SegmentLog.open(
                "/log",
                SegmentLogOptions(kind: 1, segmentSize: 1 << 16),
                disk: disk,
                entropy: SeededEntropy(seed: 1)
            ) { found.append($0.payload) }
            return found
        }
        guard let first = try? records() else { return nil }
        guard let second = try? records() else { return "is opened only once" }
        return first == second ? nil : "is read as something else the second time"
    }
}
