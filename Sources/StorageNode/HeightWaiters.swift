internal import Synchronization

/// Requests that wait for a block.
final class HeightWaiters: Sendable {
    private struct Waiter {
        let id: UInt64
        let height: UInt64
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var waiters: [Waiter] = []
        var count: UInt64 = 0
        /// Ids whose wait was over before it began.
        var over: Set<UInt64> = []
    }

    // Guards the list; continuations are resumed outside.
    private let state = Mutex(State())

    /// Returns when `reached` was told this height, when `timeout` returns, or on cancellation.
    ///
    /// `current` is asked once the waiter is on the list, so that no block slips through between.
    func wait(
        for height: UInt64,
        current: @escaping @Sendable () -> UInt64,
        timeout: @escaping @Sendable () async -> Void
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait(for: height, current: current) }
            group.addTask { await timeout() }
            await group.next()
            group.cancelAll()
        }
    }

    private func wait(for height: UInt64, current: @Sendable () -> UInt64) async {
        let id = state.withLock { state in
            state.count += 1
            return state.count
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.over.remove(id) != nil { return true }
                    state.waiters.append(
                        Waiter(id: id, height: height, continuation: continuation)
                    )
                    return false
                }
                if isOver { return continuation.resume() }
                reached(current())
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                    state.over.insert(id)
                    return nil
                }
                return state.waiters.remove(at: index)
            }
            waiter?.continuation.resume()
        }
        _ = state.withLock { $0.over.remove(id) }
    }

    /// Lets everyone go on who waits for this height or a lower one.
    func reached(_ height: UInt64) {
        let ready = state.withLock { state in
            let ready = state.waiters.filter { $0.height <= height }
            state.waiters.removeAll { $0.height <= height }
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }
}
