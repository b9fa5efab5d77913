// Which nodes follow the ledger, and how far each is: a node that asks for block h + 1 has h in its
// own log. That is what lets a daemon acknowledge a transaction only once its block is in the logs
// of f + 1 nodes (`Docs/Decisions/0192-followers-keep-blocks-first.md`).

package import BlobModel
package import Ledger
internal import Synchronization
package import SystemIO

/// How far a node is that follows the ledger.
package struct FollowerStatus: Equatable, Sendable {
    package let node: NodeID
    /// The last block that it has.
    package let height: UInt64
    /// When it asked last, as ``TimeSource/uptime``.
    package let seen: Duration
}

/// The table of followers, which decides without a clock or a lock of its own.
struct FollowerTable {
    /// Nodes beyond this many are not remembered: a committee has no more members than this.
    static let countMax = 4096
    /// Who has not asked for so long does not follow; a poll waits for half a minute at most.
    static let silenceMax = Duration.seconds(90)

    private struct Row {
        var height: UInt64
        var seen: Duration
        /// Whether it may be waited for: until it was, in vain.
        var isPrompt = true
    }

    private var rows: [NodeID: Row] = [:]

    mutating func heard(_ node: NodeID, has height: UInt64, at now: Duration) {
        if rows[node] == nil, rows.count >= Self.countMax { return }
        rows[node] = Row(height: height, seen: now)
    }

    func count(at height: UInt64) -> Int { rows.values.count { $0.height >= height } }

    /// How many have the block, or may be expected to have it soon.
    func reachable(_ height: UInt64, at now: Duration) -> Int {
        rows.values.count { row in
            row.height >= height || row.isPrompt && now - row.seen <= Self.silenceMax
        }
    }

    /// Those who were waited for in vain are not waited for again until they ask.
    mutating func gaveUp(on height: UInt64) {
        for (node, row) in rows where row.height < height { rows[node]?.isPrompt = false }
    }

    var all: [FollowerStatus] {
        rows.map { FollowerStatus(node: $0.key, height: $0.value.height, seen: $0.value.seen) }
            .sorted { $0.node < $1.node }
    }
}

/// Waits until enough followers have a block; the sink of a ledger whose nodes are elsewhere.
///
/// A ledger without nodes, or whose nodes are down, goes on without: nothing can be certified then,
/// and who runs it must be able to let nodes in. How often that was is counted.
package final class LedgerFollowers: BlockSink {
    private struct Waiter {
        let id: UInt64
        let height: UInt64
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var table = FollowerTable()
        var waiters: [Waiter] = []
        var lastID: UInt64 = 0
        var unkept: UInt64 = 0
        var isKept = true
    }

    /// How long a block may wait for its followers.
    package static let patienceDefault = Duration.seconds(2)

    /// After a start nodes may just not have asked yet.
    private static let startGrace = Duration.seconds(5)

    /// How many must have a block before its transactions are acknowledged.
    package let needed: Int
    private let patience: Duration
    private let time: any TimeSource
    private let started: Duration
    // Guards the table and who waits; continuations are resumed outside.
    private let state = Mutex(State())

    package init(
        needed: Int,
        time: any TimeSource,
        patience: Duration = LedgerFollowers.patienceDefault
    ) {
        precondition(needed >= 0)
        self.needed = needed
        self.time = time
        self.patience = patience
        started = time.uptime
    }

    /// A node asks for the block after `height`.
    ///
    /// Whether it is one of the network's is for the caller to have checked.
    package func heard(_ node: NodeID, has height: UInt64) {
        let now = time.uptime
        let needed = needed
        let ready = state.withLock { state in
            state.table.heard(node, has: height, at: now)
            let ready = state.waiters.filter { state.table.count(at: $0.height) >= needed }
            state.waiters.removeAll { waiter in ready.contains { $0.id == waiter.id } }
            return ready
        }
        for waiter in ready { waiter.continuation.resume(returning: true) }
    }

    package var all: [FollowerStatus] { state.withLock { $0.table.all } }

    /// Blocks that were acknowledged before enough followers had them.
    package var unkept: UInt64 { state.withLock { $0.unkept } }

    /// Whether the newest block was in enough logs when it was acknowledged.
    package var isKept: Bool { state.withLock { $0.isKept } }

    package func store(_ block: Block) async throws {
        let isKept = await wait(for: block.height)
        state.withLock { state in
            if !isKept {
                state.unkept += 1
                state.table.gaveUp(on: block.height)
            }
            state.isKept = isKept
        }
    }

    /// Whether enough have the block before the patience is over; false at once when it is clear
    /// that they will not.
    private func wait(for height: UInt64) async -> Bool {
        let now = time.uptime
        let (isThere, canBe, id) = state.withLock { state in
            state.lastID += 1
            return (
                state.table.count(at: height) >= needed,
                state.table.reachable(height, at: now) >= needed, state.lastID
            )
        }
        guard !isThere else { return true }
        guard canBe || now - started < Self.startGrace else { return false }
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask { await self.waitForFollowers(id, height) }
            group.addTask { [time, patience] in
                // Cancelled when the block is in enough logs.
                try? await time.sleep(for: patience)
                return false
            }
            let isThere = await group.next() ?? false
            group.cancelAll()
            end(id)
            return isThere
        }
    }

    private func waitForFollowers(_ id: UInt64, _ height: UInt64) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.table.count(at: height) >= needed { return true }
                    if Task.isCancelled { return false }
                    state.waiters.append(
                        Waiter(id: id, height: height, continuation: continuation)
                    )
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            end(id)
        }
    }

    private func end(_ id: UInt64) {
        let waiter = state.withLock { state in
            state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
        }
        waiter?.continuation.resume(returning: false)
    }
}

extension Committee {
    /// The least number of nodes of which any so many hold at least `weight` shards together.
    package func nodesHolding(atLeast weight: Int) -> Int {
        var total = 0
        for (index, own) in members.map(\.weight).sorted().enumerated() {
            total += own
            if total >= weight { return index + 1 }
        }
        return members.count
    }

    /// In so many logs a block outlives the ledger and f shards' nodes.
    package var logsNeeded: Int { nodesHolding(atLeast: faultyMax + 1) }

    /// Of so many nodes one has each block that is in ``logsNeeded`` logs, whichever they are.
    package var answersNeeded: Int { members.count - logsNeeded + 1 }
}
