// An answer that waits for the network, for room, or for durability.
//
// The request left its thread. Two may want to answer it: the work, when it is done, and the
// kernel's INTERRUPT, when the program that asked was signalled. Whoever takes the reply answers;
// the other finds nothing. INTERRUPT counts only while nothing has happened yet: work that is
// about to have an effect takes the reply first.
//
// libfuse calls `interrupt` with the request locked, and not after its function was replaced, which
// waits for that lock. So the reply is taken, the function replaced, and only then is answered; and
// the function itself never answers, because libfuse would free the request under its own lock.

internal import CFuse
internal import Synchronization
internal import SystemIO
internal import Volume

/// Starts work, and returns what cancels it.
///
/// The work runs in any case, to its end.
package typealias Spawn =
    @Sendable (_ work: @escaping @Sendable () async -> Void) -> @Sendable () -> Void

/// A request whose answer comes later.
final class PendingReply: Sendable {
    private struct State: ~Copyable {
        var reply: Reply?
        var isInterrupted = false
        var cancel: (@Sendable () -> Void)?
    }

    /// Guards who answers; nothing is called while it is held.
    private let state: Mutex<State>
    private let spawn: Spawn
    private let registry: PendingReplies
    /// Bytes of a write that has happened: what a signal is answered with.
    private let written: Int?

    init(
        _ reply: consuming Reply,
        written: Int?,
        spawn: @escaping Spawn,
        registry: PendingReplies
    ) {
        state = Mutex(State(reply: reply))
        self.written = written
        self.spawn = spawn
        self.registry = registry
    }

    /// Starts `work`, which takes the reply sooner or later.
    func start(_ work: @escaping @Sendable (PendingReply) async -> Void) {
        listen()
        registry.add(self)
        let cancel = spawn { await work(self) }
        let isInterrupted = state.withLock { state in
            if state.reply != nil { state.cancel = cancel }
            return state.isInterrupted
        }
        if isInterrupted { cancel() }
    }

    /// The reply, unless someone has taken it.
    func take() -> Reply? {
        guard let reply = state.withLock({ $0.reply.take() }) else { return nil }
        unsafe reply.withRequest { request in unsafe fuse_req_interrupt_func(request, nil, nil) }
        // From here on libfuse knows nothing of this object.
        unsafe Unmanaged.passUnretained(self).release()
        registry.remove(self)
        return reply
    }

    /// Answers that the work failed, unless it is answered.
    ///
    /// Interrupted work fails in its own words; the program that was signalled knows only EINTR.
    func fail(_ error: VolumeError) {
        let isInterrupted = state.withLock { $0.isInterrupted }
        take()?.fail(isInterrupted ? .interrupted : error)
    }

    /// The program that asked was signalled, or the mount ends: gives up, if there is time.
    func interrupt() {
        let cancel = state.withLock { state in
            state.isInterrupted = true
            return state.cancel
        }
        cancel?()
        _ = spawn {
            if let written = self.written {
                self.take()?.written(written)
            } else {
                self.take()?.fail(.interrupted)
            }
        }
    }

    /// Hears of INTERRUPT.
    ///
    /// libfuse holds the object until the reply is taken.
    ///
    /// Nobody else knows this object yet, so the request is there; and no lock may be held, as
    /// libfuse calls the function at once if the interrupt was quicker.
    private func listen() {
        let handle = unsafe Unmanaged.passRetained(self).toOpaque()
        let request = state.withLock { state in
            unsafe state.reply?.withRequest { UInt(bitPattern: $0) }
        }
        unsafe fuse_req_interrupt_func(
            OpaquePointer(bitPattern: request ?? 0),
            { _, handle in
                guard let handle = unsafe handle else { return }
                unsafe Unmanaged<PendingReply>.fromOpaque(handle).takeUnretainedValue()
                    .interrupt()
            },
            handle
        )
    }
}

/// All requests whose answers wait, so that the mount can end without leaving one behind.
final class PendingReplies: Sendable {
    /// Guards the set; nothing is called while it is held.
    private let waiting = Monitor<[ObjectIdentifier: PendingReply]>([:])

    fileprivate func add(_ reply: PendingReply) {
        waiting.withLock { $0[ObjectIdentifier(reply)] = reply }
    }

    fileprivate func remove(_ reply: PendingReply) {
        waiting.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(reply)) }
        waiting.wakeAll()
    }

    /// Interrupts all and waits, blocking, until each is answered.
    func drain() {
        let all = waiting.withLock { Array($0.values) }
        for reply in all { reply.interrupt() }
        waiting.waitUntil { $0.isEmpty ? () : nil }
    }
}
