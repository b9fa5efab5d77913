internal import Glibc

/// State that ordinary threads wait for: a POSIX mutex and one condition.
///
/// `Synchronization.Mutex` has no condition to wait for. Only ordinary threads may wait here,
/// never those of Swift's cooperative pool.
@safe package final class Monitor<State>: @unchecked Sendable {
    // Sendable: `state` is touched only while `mutex` is held.
    private var state: State
    // On the heap, because POSIX wants their addresses to stay.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    package init(_ state: sending State) {
        self.state = state
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe condition = .allocate(capacity: 1)
        unsafe condition.initialize(to: pthread_cond_t())
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(condition, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// Runs `body` with the lock held.
    ///
    /// - Precondition: `body` does not enter this monitor again.
    package func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Runs `body` each time the state may have changed until it returns a value.
    ///
    /// The lock is held while `body` runs, and given up in between.
    package func waitUntil<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result?
    ) throws(Failure) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let result = try body(&state) { return result }
            unsafe pthread_cond_wait(condition, mutex)
        }
    }

    /// Wakes all who wait, to look again.
    package func wakeAll() { unsafe pthread_cond_broadcast(condition) }

    /// Wakes one of those who wait.
    package func wakeOne() { unsafe pthread_cond_signal(condition) }
}
