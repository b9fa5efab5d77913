internal import Synchronization

/// Memory that a codec's buffers left, for the next ones.
///
/// Packs are encoded one after another, and memory that is new from the system each time costs as
/// much as encoding into it.
final class BufferPool: Sendable {
    /// A piece of memory that nobody uses.
    ///
    /// Sendable, as it has one owner at a time: a buffer, or the pool.
    @safe struct Block: @unchecked Sendable {
        let memory: UnsafeMutableRawPointer
        let capacity: Int

        init(memory: UnsafeMutableRawPointer, capacity: Int) {
            unsafe self.memory = memory
            self.capacity = capacity
        }

        func free() { unsafe memory.deallocate() }
    }

    /// Smaller pieces cost nothing, larger ones are rare.
    private static let capacities = 64 << 10...8 << 20
    private static let blocksMax = 8

    /// Guards the blocks, at most 64 MiB in all.
    private let blocks = Mutex<[Block]>([])

    /// How many blocks are kept, for tests.
    var count: Int { blocks.withLock { $0.count } }

    deinit { blocks.withLock { blocks in blocks.forEach { $0.free() } } }

    /// The smallest block for `count` bytes, unless it is much too large.
    func take(_ count: Int) -> Block? {
        guard Self.capacities.contains(count) else { return nil }
        return blocks.withLock { blocks in
            let fitting = blocks.indices.filter {
                (count...2 * count).contains(blocks[$0].capacity)
            }
            return fitting.min { blocks[$0].capacity < blocks[$1].capacity }
                .map { blocks.remove(at: $0) }
        }
    }

    /// Keeps a block, in place of the one that is there longest if there are too many.
    func give(_ block: Block) {
        guard Self.capacities.contains(block.capacity) else { return block.free() }
        blocks.withLock { blocks in
            if blocks.count == Self.blocksMax { blocks.removeFirst().free() }
            blocks.append(block)
        }
    }
}
