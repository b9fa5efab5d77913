internal import Synchronization
internal import SystemIO

/// A value that only one thread of a pool ever touches: for what blocks and is not `Sendable`.
package final class Confined<Value>: Sendable {
    /// Guards the value.
    ///
    /// With a pool of one thread nobody ever waits for it; it is what lets the
    /// compiler see that the value is not shared.
    private let value: Mutex<Value>
    private let pool: BlockingPool

    /// - Precondition: The pool has at most one thread, or nobody minds waiting.
    init(_ value: sending Value, pool: BlockingPool) {
        self.value = Mutex(value)
        self.pool = pool
    }

    /// Runs `body` on the pool's thread.
    package func run<Result: Sendable, Failure: Error>(
        _ body: @escaping @Sendable (borrowing Value) throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        try await pool.run { () throws(Failure) in
            try self.value.withLock { value throws(Failure) in try body(value) }
        }
    }

    /// Puts another value in this one's place, on the pool's thread; the old one is gone then.
    func replace(with make: @escaping @Sendable (borrowing Value) -> sending Value) async {
        await pool.run {
            self.value.withLock { value in value = make(value) }
        }
    }
}
