internal import BlobModel
internal import Synchronization
internal import SystemIO
internal import VolumeFormat

/// Seals chunks that move into packs, one call after another; calls take processor time.
final class MoveFiller: Sendable {
    private let work: CheckpointWork
    /// Guards the pack that is being filled; calls come one after another.
    private let builder = Mutex<PackBuilder?>(nil)

    init(_ work: CheckpointWork) { self.work = work }

    /// Whether a pack of its own has room for a chunk, whoever needs that.
    func takes(_ chunk: MovingChunk) -> Bool {
        let room = PackHeader.length + Self.need(chunk)
        return room <= work.packLength
    }

    /// What a chunk takes at most, the footer counted.
    private static func need(_ chunk: MovingChunk) -> Int {
        let frames = chunk.layout.frames.count
        return Int(chunk.layout.length) + frames * (StoredFrame.tagLength + 4) + 16 + 38
            + chunk.slices.count * SliceChunk.encodedSize + StoredFrame.tagLength
            + PackFooter.length
    }

    /// Adds a chunk; returns the pack that had no room for it, and so is full.
    func add(_ chunk: MovingChunk, _ plain: [UInt8]) -> SealedPack? {
        builder.withLock { builder in
            var full: SealedPack?
            if let open = builder,
                !open.hasRoom(
                    forChunkOf: plain.count,
                    slices: chunk.slices.count,
                    limit: work.packLength
                )
            {
                full = open.finish()
                builder = nil
            }
            let open = builder ?? begin()
            builder = open
            open.append(chunk.id, plain)
            for slice in chunk.slices { open.record(slice) }
            return full
        }
    }

    /// The pack that is not full; nil when there is none.
    func finish() -> SealedPack? {
        builder.withLock { builder in
            defer { builder = nil }
            return builder?.finish()
        }
    }

    private func begin() -> PackBuilder {
        let environment = work.environment
        return PackBuilder(
            header: PackHeader(
                kind: .contents,
                id: work.numbers.next(),
                sequence: 0,
                salt: environment.entropy.bytes(count: 32)
            ),
            volume: environment.volume,
            keys: environment.keys
        )
    }
}
