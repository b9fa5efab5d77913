internal import BlobModel
internal import Codec
internal import Ledger
internal import LedgerService
internal import StorageNode
internal import Synchronization

/// Keeps each block in f + 1 node directories before its transactions are acknowledged.
///
/// The other nodes follow the ledger by themselves.
final class NodeBlockSink: BlockSink {
    struct TooFewNodes: Error, CustomStringConvertible {
        let kept: Int
        let needed: Int
        let reasons: [String]

        var description: String {
            "a block is in \(kept) node directories and must be in \(needed): "
                + reasons.joined(separator: "; ")
        }
    }

    /// Blocks that a node may have missed before it is passed over.
    private static let recentMax = 256

    private let nodes: [StorageNode]
    private let needed: Int
    /// Guards the newest blocks, for nodes that have missed some of them.
    private let recent = Mutex<[Block]>([])

    init(nodes: [StorageNode], needed: Int) {
        self.nodes = nodes
        self.needed = needed
    }

    func store(_ block: Block) async throws {
        let blocks = recent.withLock { recent in
            if recent.last?.height != block.height { recent.append(block) }
            if recent.count > Self.recentMax { recent.removeFirst() }
            return recent
        }
        var kept = 0
        var reasons: [String] = []
        var waiting = nodes[...]
        while kept < needed {
            let chosen = Array(waiting.prefix(needed - kept))
            guard !chosen.isEmpty else {
                throw TooFewNodes(kept: kept, needed: needed, reasons: reasons)
            }
            waiting = waiting.dropFirst(chosen.count)
            let failures = await Self.keep(blocks, in: chosen)
            kept += chosen.count - failures.count
            reasons += failures
        }
    }

    private static func keep(_ blocks: [Block], in nodes: [StorageNode]) async -> [String] {
        await withTaskGroup(of: String?.self) { group in
            for node in nodes {
                group.addTask {
                    do {
                        let next = node.cursor.block.height + 1
                        try await node.keep(blocks.filter { $0.height >= next })
                        return nil
                    } catch {
                        return "\(error)"
                    }
                }
            }
            return await group.reduce(into: []) { if let reason = $1 { $0.append(reason) } }
        }
    }
}

/// A node's directory as a source of the ledger's blocks.
struct NodeBlockSource: BlockSource {
    let name: String
    let node: any StorageNodeConnection

    func blocks(from height: UInt64, limit: Int) async throws -> [Block] {
        try await node.blocks(from: height, limit: limit).map { try Block(bcsBytes: $0) }
    }
}
