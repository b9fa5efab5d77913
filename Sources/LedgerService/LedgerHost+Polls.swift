internal import Ledger
internal import Synchronization
internal import SystemIO

extension LedgerHost {
    /// Tells those who wait for blocks that there are some.
    func announce(_ tip: ChainTip) {
        let polls = state.withLock { state in
            // A tip that was overtaken on its way here is no news.
            tip.reference.height > state.tip.reference.height ? state.advance(to: tip) : []
        }
        for poll in polls { poll.continuation.resume(returning: true) }
    }

    /// Waits for a block above `height`; false when the time is up or the task is cancelled.
    func waitForBlock(after height: UInt64, milliseconds: UInt64) async -> Bool {
        let id = state.withLock { $0.newID() }
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask { await self.poll(id, after: height) }
            group.addTask { [time] in
                // Cancelled or not, the waiting is over.
                try? await time.sleep(for: .milliseconds(milliseconds))
                return false
            }
            let isThere = await group.next() ?? false
            group.cancelAll()
            endPoll(id)
            return isThere
        }
    }

    private func poll(_ id: UInt64, after height: UInt64) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if state.tip.reference.height > height { return true }
                    if Task.isCancelled { return false }
                    let poll = HostState.Poll(id: id, continuation: continuation)
                    return state.addPoll(poll) ? nil : false
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            endPoll(id)
        }
    }

    private func endPoll(_ id: UInt64) {
        state.withLock { $0.removePoll(id) }?.continuation.resume(returning: false)
    }
}
