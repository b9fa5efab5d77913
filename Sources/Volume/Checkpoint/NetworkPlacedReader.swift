// Reads bytes that the log no longer has. From near to far: opened frames in memory, blocks in
// the cache, the pack's own file while it is in flight, the network. Frames authenticate
// themselves (AEAD), so the network is asked for just the bytes that are needed; only when a
// frame does not open is it asked for verified ones, and only when those do not open either is
// the volume corrupt.

internal import BlobModel
internal import Synchronization
package import SystemIO
internal import VolumeFormat

/// How much a reader of placed bytes keeps and reads ahead.
package struct PlacedReaderSettings: Sendable {
    /// Bytes of opened frames in memory.
    package var openedBytesMax = 64 << 20
    /// Bytes of sealed blocks in memory.
    package var blockBytesMax = 32 << 20
    /// Bytes of sealed blocks on the local disk; 0 where the network is as near (embedded).
    package var diskBytesMax: UInt64 = 1 << 30
    /// A first read of a place fetches so many bytes; each further one in sequence twice as many.
    package var readAheadFirst = 256 << 10
    package var readAheadMax = 4 << 20
    /// How long a read waits for a network that does not answer; zero: as long as one attempt does.
    package var patience = Duration.zero
    /// The first rest between attempts, and the longest.
    package var retryFirst = Duration.milliseconds(250)
    package var retryLongest = Duration.seconds(2)

    package init() {}
}

/// Fetches, authenticates and keeps bytes of slices that are on the network.
package final class NetworkPlacedReader: PlacedReader {
    private struct FrameKey: Hashable {
        var pack: UInt64
        var number: UInt32
    }

    /// Where the last reads of slices ended, and how far they read ahead.
    private struct Sequence {
        var end: UInt32
        var window: Int
    }

    /// Slices whose reading order is followed.
    private static let sequencesMax = 1024

    private let environment: CheckpointEnvironment
    private let settings: PlacedReaderSettings
    private let resolver: PlacementResolver
    private let opened: GenerationCache<FrameKey>
    private let blocks: BlockCache
    private let flights = BlockFlights()
    /// Guards the reading orders.
    private let sequences = Mutex<[UInt64: Sequence]>([:])

    /// Opens the cache in `<state>/cache`.
    ///
    /// Blocking.
    package init(
        _ environment: CheckpointEnvironment,
        settings: PlacedReaderSettings = PlacedReaderSettings()
    ) throws(SystemError) {
        self.environment = environment
        self.settings = settings
        resolver = PlacementResolver(
            source: environment.source,
            volume: environment.volume,
            keys: environment.keys
        )
        opened = GenerationCache(limit: settings.openedBytesMax)
        blocks = try BlockCache(
            files: environment.files,
            directory: environment.directory + "/cache",
            diskBytesMax: settings.diskBytesMax,
            memoryBytesMax: settings.blockBytesMax
        )
    }

    package func readCached(
        _ slice: UInt64,
        offset: UInt32,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(VolumeError) -> Bool {
        guard buffer.count > 0 else { return true }
        let fragments = try resolve(slice, offset, UInt32(buffer.count))
        var parts: [(bytes: [UInt8], range: Range<Int>)] = []
        for piece in fragments.flatMap(\.pieces) {
            guard let frame = nearFrame(piece.chunk, piece.frame) else { return false }
            parts.append((frame, piece.range))
        }
        var at = 0
        for part in parts {
            unsafe part.bytes.withUnsafeBytes { bytes in
                let target = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[at...])
                unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[part.range]))
            }
            at += part.range.count
        }
        return true
    }

    package func read(
        _ slice: UInt64,
        offset: UInt32,
        length: UInt32
    ) async throws(VolumeError) -> [UInt8] {
        guard length > 0 else { return [] }
        let window = readAhead(slice, offset, length)
        let pool = environment.pool
        let pieces = try await pool.run { [self] () throws(VolumeError) in
            try resolve(slice, offset, length).flatMap(\.pieces)
        }
        var result: [UInt8] = []
        result.reserveCapacity(Int(length))
        var next = 0
        while next < pieces.count {
            // All that is near in one go: a change of thread costs as much as opening a frame.
            let from = next
            let near = await pool.run { [self] in nearBytes(pieces[from...]) }
            result += near.bytes
            next += near.count
            guard next < pieces.count else { break }
            let piece = pieces[next]
            let frame = try await fetchFrame(piece.chunk, piece.frame, window: window)
            result += frame[piece.range]
            next += 1
        }
        return result
    }

    /// The bytes of as many of the first pieces as need no network; blocks on the local disk.
    private func nearBytes(_ pieces: ArraySlice<FramePiece>) -> (bytes: [UInt8], count: Int) {
        var bytes: [UInt8] = []
        var count = 0
        for piece in pieces {
            guard let frame = nearFrame(piece.chunk, piece.frame) else { break }
            bytes += frame[piece.range]
            count += 1
        }
        return (bytes, count)
    }

    /// Looks places up again: a newer checkpoint has other ones.
    func forgetPlaces() { resolver.forgetAll() }

    private func resolve(
        _ slice: UInt64,
        _ offset: UInt32,
        _ length: UInt32
    ) throws(VolumeError) -> [PlacedFragment] {
        do throws(CheckpointError) {
            return try resolver.resolve(slice, offset: offset, length: length)
        } catch {
            throw error.asVolumeError
        }
    }

    /// How many bytes to fetch when something must be.
    private func readAhead(_ slice: UInt64, _ offset: UInt32, _ length: UInt32) -> Int {
        sequences.withLock { sequences in
            if sequences.count >= Self.sequencesMax { sequences = [:] }
            var window = settings.readAheadFirst
            if let last = sequences[slice], last.end == offset {
                window = min(last.window * 2, settings.readAheadMax)
            }
            sequences[slice] = Sequence(end: offset &+ length, window: window)
            return window
        }
    }

    // Frames.

    private func key(_ chunk: ResolvedChunk, _ index: Int) -> FrameKey {
        FrameKey(
            pack: chunk.pack.header.id,
            number: chunk.layout.firstFrame + UInt32(index)
        )
    }

    /// The frame if it needs no network.
    ///
    /// Blocking, local disk at most.
    private func nearFrame(_ chunk: ResolvedChunk, _ index: Int) -> [UInt8]? {
        if let frame = opened.value(key(chunk, index)) { return frame }
        let range = chunk.layout.storedRange(ofFrames: index..<index + 1)
        guard let stored = nearBytes(chunk.pack, range) else { return nil }
        // What is here and does not open is fetched anew.
        return try? open(chunk, index, stored)
    }

    private func open(
        _ chunk: ResolvedChunk,
        _ index: Int,
        _ stored: [UInt8]
    ) throws(VolumeFormatError) -> [UInt8] {
        let frame = try chunk.pack.sealing.open(
            stored[...],
            of: chunk.id,
            layout: chunk.layout,
            index: index
        )
        opened.insert(frame, key(chunk, index))
        return frame
    }

    /// A frame of a chunk, which may have moved since its place was looked up.
    private func fetchFrame(
        _ chunk: ResolvedChunk,
        _ index: Int,
        window: Int
    ) async throws(VolumeError) -> [UInt8] {
        do throws(VolumeError) {
            return try await fetchFrameThere(chunk, index, window: window)
        } catch {
            // The pack may have been let go of, and the chunk be in another.
            let resolver = resolver
            let found = await environment.pool.run { try? resolver.resolveAnew(chunk.id) }
            guard let found, found.pack.header.id != chunk.pack.header.id,
                found.layout.frames.count == chunk.layout.frames.count
            else { throw error }
            return try await fetchFrameThere(found, index, window: window)
        }
    }

    private func fetchFrameThere(
        _ chunk: ResolvedChunk,
        _ index: Int,
        window: Int
    ) async throws(VolumeError) -> [UInt8] {
        let range = chunk.layout.storedRange(ofFrames: index..<index + 1)
        let stored = try await fetch(chunk.pack, range, window: window)
        if let frame = try? open(chunk, index, stored) { return frame }
        // Somebody lied, or rotted: forget what came, and ask for verified bytes.
        for block in blockIndices(range) {
            blocks.remove(BlockKey(pack: chunk.pack.header.id, index: block))
        }
        let verified = try await readBlob(chunk.pack, range, .store)
        do throws(VolumeFormatError) {
            return try open(chunk, index, verified)
        } catch {
            resolver.forget(chunk.id)
            throw .corrupt("pack \(chunk.pack.header.id): \(error)")
        }
    }

    // Bytes of packs.

    private func blockIndices(_ range: Range<UInt64>) -> Range<UInt32> {
        let size = UInt64(BlockKey.length)
        return UInt32(range.lowerBound / size)..<UInt32((range.upperBound - 1) / size + 1)
    }

    /// Bytes of a pack from the cache, or from its file while it is in flight.
    ///
    /// Blocking.
    private func nearBytes(_ pack: ResolvedPack, _ range: Range<UInt64>) -> [UInt8]? {
        if let cached = cachedBytes(pack.header.id, range) { return cached }
        guard pack.blob == nil else { return nil }
        let path = environment.checkpointFiles.packPath(pack.header.id)
        // The file goes when the pack is stored: the network has it then.
        guard let file = try? environment.files.open(path, .read) else { return nil }
        defer { file.close() }
        let bytes = try? file.read(count: range.count, at: Int(range.lowerBound))
        return bytes?.count == range.count ? bytes : nil
    }

    private func cachedBytes(_ pack: UInt64, _ range: Range<UInt64>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        for index in blockIndices(range) {
            guard let block = blocks.block(BlockKey(pack: pack, index: index)) else {
                return nil
            }
            let start = UInt64(index) * UInt64(BlockKey.length)
            let lower = Int(max(range.lowerBound, start) - start)
            let upper = Int(min(range.upperBound - start, UInt64(BlockKey.length)))
            guard lower < upper, upper <= block.count else { return nil }
            bytes += block[lower..<upper]
        }
        return bytes
    }

    /// Fetches what holds `range`, up to `window` bytes of the pack from there on; once, however
    /// many ask.
    private func fetch(
        _ pack: ResolvedPack,
        _ range: Range<UInt64>,
        window: Int
    ) async throws(VolumeError) -> [UInt8] {
        guard range.upperBound <= pack.length else {
            throw .corrupt("a frame outside pack \(pack.header.id)")
        }
        let size = UInt64(BlockKey.length)
        let needed = blockIndices(range)
        let last = UInt32((pack.length - 1) / size)
        let ahead = UInt32(window / BlockKey.length)
        let wanted =
            needed
            .lowerBound...max(
                needed.upperBound - 1,
                min(last, needed.lowerBound + ahead)
            )
        let keys = wanted.map { BlockKey(pack: pack.header.id, index: $0) }
        while true {
            guard let flight = await flights.begin(keys) else {
                let found = await environment.pool.run { [self] in nearBytes(pack, range) }
                if let found { return found }
                continue
            }
            // Another flight may have landed since the cache was asked.
            if let found = await environment.pool.run({ [self] in nearBytes(pack, range) }) {
                await flights.end(flight, keys)
                return found
            }
            let outcome = await fetchBlocks(pack, keys)
            await flights.end(flight, keys)
            let bytes = try outcome.get()
            let start = UInt64(wanted.lowerBound) * size
            return Array(bytes[Int(range.lowerBound - start)..<Int(range.upperBound - start)])
        }
    }

    private func fetchBlocks(
        _ pack: ResolvedPack,
        _ keys: [BlockKey]
    ) async -> Result<[UInt8], VolumeError> {
        let size = UInt64(BlockKey.length)
        guard let first = keys.first, let last = keys.last else { return .success([]) }
        let start = UInt64(first.index) * size
        let end = min(pack.length, (UInt64(last.index) + 1) * size)
        do throws(VolumeError) {
            let bytes = try await readBlob(pack, start..<end, .caller)
            let blocks = blocks
            await environment.pool.run {
                for key in keys {
                    let lower = Int(UInt64(key.index) * size - start)
                    let upper = min(lower + BlockKey.length, bytes.count)
                    blocks.insert(Array(bytes[lower..<upper]), key)
                }
            }
            return .success(bytes)
        } catch {
            return .failure(error)
        }
    }

    private func readBlob(
        _ pack: ResolvedPack,
        _ range: Range<UInt64>,
        _ authentication: ReadAuthentication
    ) async throws(VolumeError) -> [UInt8] {
        guard let blob = pack.blob else {
            throw .corrupt("pack \(pack.header.id) was never stored and is not here")
        }
        let bytes = try await patiently { () async throws(BlobStoreError) in
            try await self.environment.blobs.read(
                blob,
                range: range,
                authentication: authentication
            )
        }
        guard bytes.count == range.count else {
            throw .corrupt("blob \(blob): a read of another length")
        }
        return bytes
    }

    /// Asks the network again while it does not answer, until patience with it is over.
    private func patiently(
        _ ask: @escaping @Sendable () async throws(BlobStoreError) -> [UInt8]
    ) async throws(VolumeError) -> [UInt8] {
        let (settings, time) = (settings, environment.time)
        typealias Outcome = Result<[UInt8], BlobStoreError>
        let outcome = await withTaskGroup(of: Outcome?.self) { group in
            group.addTask {
                var pause = settings.retryFirst
                while true {
                    let failure: BlobStoreError
                    do throws(BlobStoreError) {
                        return .success(try await ask())
                    } catch {
                        failure = error
                    }
                    guard failure.isTransient, settings.patience > .zero else {
                        return .failure(failure)
                    }
                    guard (try? await time.sleep(for: pause)) != nil else {
                        return .failure(failure)
                    }
                    pause = min(pause * 2, settings.retryLongest)
                }
            }
            if settings.patience > .zero {
                group.addTask {
                    // Whether it ends early or not, it is over.
                    try? await time.sleep(for: settings.patience)
                    return nil
                }
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        do throws(BlobStoreError) {
            guard let outcome else { throw .unavailable("no answer in \(settings.patience)") }
            return try outcome.get()
        } catch {
            throw CheckpointError.blobs(error).asVolumeError
        }
    }
}

extension NetworkPlacedReader: NearPacks {
    package func nearBytes(ofPack id: UInt64, _ range: Range<UInt64>) -> [UInt8]? {
        range.isEmpty ? nil : cachedBytes(id, range)
    }
}

/// Bytes of one frame that make up part of a slice.
struct FramePiece: Sendable {
    var chunk: ResolvedChunk
    /// Counts in the chunk.
    var frame: Int
    /// Plaintext of the frame.
    var range: Range<Int>
}

extension PlacedFragment {
    /// The fragment, frame by frame.
    var pieces: [FramePiece] {
        chunk.layout.frameRange(of: plain).map { index in
            let frame = chunk.layout.plainRange(ofFrame: index)
            let part = plain.clamped(to: frame)
            let range = part.lowerBound - frame.lowerBound..<part.upperBound - frame.lowerBound
            return FramePiece(chunk: chunk, frame: index, range: range)
        }
    }
}
