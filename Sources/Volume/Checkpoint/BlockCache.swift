// Blocks of packs that were fetched: in memory, and in one file of fixed slots in the state
// directory. `Docs/Formats/cache.md` is normative for the file. Blocks are kept as the network
// had them, sealed: what is read back is authenticated by the frames in it, so the file needs no
// sync and no checksum, and losing it costs only time.

internal import Codec
internal import Synchronization
internal import SystemIO
internal import VolumeFormat

/// A stretch of 64 KiB of a pack.
struct BlockKey: Hashable, Sendable {
    static let length = 64 << 10

    var pack: UInt64
    var index: UInt32
}

/// Keeps fetched blocks up to a bound.
final class BlockCache: Sendable {
    private static let slotHeaderLength = 32
    private static let slotLength = slotHeaderLength + BlockKey.length
    private static let magic = Array("WFCB".utf8)

    private struct Slots {
        var bySlot: [BlockKey?]
        var byKey: [BlockKey: Int] = [:]
        /// Slots that were read since the hand passed (CLOCK).
        var isUsed: [Bool]
        var hand = 0
    }

    private let memory: GenerationCache<BlockKey>
    private let file: (any File)?
    /// Guards which block is in which slot; file calls are made outside.
    private let slots: Mutex<Slots>

    /// Opens the cache, with what an earlier process left in it; calls block.
    ///
    /// With no bytes on disk it is in memory only.
    init(
        files: any FileSystem,
        directory: String,
        diskBytesMax: UInt64,
        memoryBytesMax: Int
    ) throws(SystemError) {
        memory = GenerationCache(limit: memoryBytesMax)
        let count = Int(min(diskBytesMax, 1 << 44)) / Self.slotLength
        var slots = Slots(
            bySlot: Array(repeating: nil, count: count),
            isUsed: Array(repeating: false, count: count)
        )
        guard count > 0 else {
            file = nil
            self.slots = Mutex(slots)
            return
        }
        try files.makeDirectories(directory)
        let file = try files.open(directory + "/blocks", .createIfMissing)
        let size = try file.size()
        if size > count * Self.slotLength { try file.truncate(to: count * Self.slotLength) }
        for slot in 0..<min(count, size / Self.slotLength) {
            let header = try file.read(
                count: Self.slotHeaderLength,
                at: slot * Self.slotLength
            )
            guard let (key, _) = Self.decode(header), slots.byKey[key] == nil else { continue }
            slots.bySlot[slot] = key
            slots.byKey[key] = slot
        }
        self.file = file
        self.slots = Mutex(slots)
    }

    private static func decode(_ header: [UInt8]) -> (key: BlockKey, length: Int)? {
        var reader = ByteReader(header)
        guard (try? reader.readRaw(4)) == magic, let pack = try? reader.readUInt64(),
            let index = try? reader.readUInt32(), let length = try? reader.readUInt32(),
            length > 0, length <= UInt32(BlockKey.length)
        else { return nil }
        return (BlockKey(pack: pack, index: index), Int(length))
    }

    /// The block, if it is here.
    ///
    /// Blocking, local disk at most.
    func block(_ key: BlockKey) -> [UInt8]? {
        if let block = memory.value(key) { return block }
        guard let file else { return nil }
        let slot = slots.withLock { slots -> Int? in
            guard let slot = slots.byKey[key] else { return nil }
            slots.isUsed[slot] = true
            return slot
        }
        // A cache that can not be read is a cache without the block.
        guard let slot,
            let bytes = try? file.read(
                count: Self.slotLength,
                at: slot * Self.slotLength
            ), let (found, length) = Self.decode(bytes), found == key,
            bytes.count >= Self.slotHeaderLength + length
        else { return nil }
        let block = Array(bytes[Self.slotHeaderLength..<Self.slotHeaderLength + length])
        memory.insert(block, key)
        return block
    }

    func insert(_ block: [UInt8], _ key: BlockKey) {
        precondition(!block.isEmpty && block.count <= BlockKey.length)
        memory.insert(block, key)
        guard let file else { return }
        let slot = slots.withLock { slots -> Int? in
            guard slots.byKey[key] == nil else { return nil }
            while slots.isUsed[slots.hand] {
                slots.isUsed[slots.hand] = false
                slots.hand = (slots.hand + 1) % slots.bySlot.count
            }
            let slot = slots.hand
            slots.hand = (slots.hand + 1) % slots.bySlot.count
            if let old = slots.bySlot[slot] { slots.byKey[old] = nil }
            slots.bySlot[slot] = key
            slots.byKey[key] = slot
            return slot
        }
        guard let slot else { return }
        var writer = ByteWriter(reserving: Self.slotHeaderLength + block.count)
        writer.write(raw: Self.magic)
        writer.write(key.pack)
        writer.write(key.index)
        writer.write(UInt32(block.count))
        writer.write(raw: [UInt8](repeating: 0, count: Self.slotHeaderLength - 20))
        writer.write(raw: block)
        do throws(SystemError) {
            try file.write(writer.bytes, at: slot * Self.slotLength)
        } catch {
            // A full disk costs the cache, not the read.
            remove(key)
        }
    }

    /// Forgets a block that turned out wrong.
    func remove(_ key: BlockKey) {
        memory.remove(key)
        slots.withLock { slots in
            guard let slot = slots.byKey.removeValue(forKey: key) else { return }
            slots.bySlot[slot] = nil
        }
    }
}
