internal import Synchronization

extension InMemoryFileSystem {
    /// What a disk writes as a whole, if at all: bytes.
    private static let sector = 512

    /// The disk after a power cut now, without faults; this one stays as it is.
    ///
    /// The seed chooses what survives of all that was not synced, seed 0 nothing.
    package func crash(seed: UInt64) -> InMemoryFileSystem {
        var choices = Choices(state: seed, keepsNothing: seed == 0)
        let after = state.withLock { state -> State in
            var after = State()
            after.nextNode = state.nextNode
            after.durable = state.durable
            let kept = choices.count(upTo: state.changes.count)
            for change in state.changes.prefix(kept) { after.durable.apply(change) }
            after.now = after.durable
            // Numbers without a name are files that were removed: nobody has them open any more.
            let named = Set(after.now.entries.values)
            for number in state.nodes.keys.sorted() where named.contains(.file(number)) {
                guard let node = state.nodes[number] else { continue }
                after.nodes[number] = Self.surviving(node, &choices)
            }
            return after
        }
        return InMemoryFileSystem(state: after)
    }

    /// The disk after the process was killed now: all that was written is there.
    package func kill() -> InMemoryFileSystem {
        let after = state.withLock { state -> State in
            var after = state
            after.faults = DiskFaults()
            after.locked = []
            after.recording = nil
            return after
        }
        return InMemoryFileSystem(state: after)
    }

    private static func surviving(_ node: InMemoryNode, _ choices: inout Choices) -> InMemoryNode {
        var contents = node.durable
        if choices.isTrue() {
            let kept = choices.count(upTo: node.changes.count)
            for change in node.changes.prefix(kept) { InMemoryNode.apply(change, to: &contents) }
            if kept < node.changes.count, case .write(let offset, let bytes) = node.changes[kept] {
                let length = choices.count(upTo: bytes.count)
                let torn = InMemoryNode.Change.write(
                    offset: offset,
                    bytes: Array(bytes.prefix(length))
                )
                InMemoryNode.apply(torn, to: &contents)
            }
        } else {
            for change in node.changes { apply(change, to: &contents, &choices) }
        }
        var after = InMemoryNode(permissions: node.permissions)
        after.now = contents
        after.durable = contents
        return after
    }

    /// Applies whichever sectors of a change the seed likes.
    private static func apply(
        _ change: InMemoryNode.Change,
        to contents: inout [UInt8],
        _ choices: inout Choices
    ) {
        guard case .write(let offset, let bytes) = change else {
            if choices.isTrue() { InMemoryNode.apply(change, to: &contents) }
            return
        }
        var at = 0
        while at < bytes.count {
            let end = min(bytes.count, at + sector - (offset + at) % sector)
            if choices.isTrue() {
                let part = InMemoryNode.Change.write(
                    offset: offset + at,
                    bytes: Array(bytes[at..<end])
                )
                InMemoryNode.apply(part, to: &contents)
            }
            at = end
        }
    }

    struct Choices {
        var state: UInt64
        let keepsNothing: Bool

        mutating func isTrue() -> Bool {
            !keepsNothing && SeededEntropy.next(&state) & 1 == 1
        }

        /// From none up to all of `limit`.
        mutating func count(upTo limit: Int) -> Int {
            if keepsNothing { return 0 }
            return Int(SeededEntropy.next(&state) % (UInt64(limit) + 1))
        }
    }
}
