internal import Synchronization

/// Threads on which blocking calls may be made by those who await.
///
/// Swift's own threads are as many as there are cores, so a call that blocks one of them may stop
/// everything. Here at most `threads` calls run at a time; more wait in the order in which they
/// came. A caller is suspended while its call waits, so the queue is as bounded as the callers are.
///
/// With no threads, calls run at once on the caller's own: for simulations.
package final class BlockingPool: Sendable {
    /// For work that programs do not wait for, beside work that they do.
    package static let giveWay = 5

    private struct State {
        /// Those before `next` were taken, and are nil so that they hold on to nothing.
        var jobs: [(@Sendable () -> Void)?] = []
        var next = 0
        var idle = 0
        var started = 0
        var isStopping = false

        mutating func takeJob() -> (@Sendable () -> Void)? {
            guard next < jobs.count else { return nil }
            let job = jobs[next]
            jobs[next] = nil
            defer {
                next += 1
                if next == jobs.count {
                    jobs.removeAll(keepingCapacity: true)
                    next = 0
                } else if next >= 1024 {
                    jobs.removeFirst(next)
                    next = 0
                }
            }
            return job
        }
    }

    /// Guards the queue; jobs run outside.
    private let monitor = Monitor(State())
    /// How many there are at most.
    package let threads: Int
    private let name: String
    private let niceness: Int

    /// With a `niceness`, its threads give way to others, as nice(1) says.
    package init(threads: Int, name: String = "blocking", niceness: Int = 0) {
        precondition(threads >= 0 && threads <= 1024)
        self.threads = threads
        self.name = name
        self.niceness = niceness
    }

    deinit {
        monitor.withLock { $0.isStopping = true }
        monitor.wakeAll()
    }

    /// Runs `body` on one of the threads.
    ///
    /// It runs also when the task is cancelled: what a half-made call leaves behind is worse.
    /// When this returns, the pool holds on to nothing that `body` did: whoever lets go of the
    /// last reference to a file, a lock or a database after it knows that it is closed.
    package func run<Result: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        guard threads > 0 else { return try body() }
        let outcome = await withCheckedContinuation {
            (continuation: CheckedContinuation<Swift.Result<Result, Failure>, Never>) in
            let call = Call(body)
            submit { continuation.resume(returning: call.outcome()) }
        }
        return try outcome.get()
    }

    /// A body that is let go of when it has run, not when its job is.
    private final class Call<Result: Sendable, Failure: Error>: Sendable {
        typealias Body = @Sendable () throws(Failure) -> Result
        /// Guards the body, which one thread takes.
        private let body: Mutex<Body?>

        init(_ body: @escaping Body) { self.body = Mutex(body) }

        func outcome() -> Swift.Result<Result, Failure> {
            guard let body = body.withLock({ $0.take() }) else {
                preconditionFailure("A job runs once.")
            }
            return Self.run(body)
        }

        /// Owns `body`, so that it ends here and not where the caller does.
        private static func run(_ body: consuming @escaping Body) -> Swift.Result<Result, Failure> {
            do throws(Failure) {
                return .success(try body())
            } catch {
                return .failure(error)
            }
        }
    }

    /// Has `job` run on one of the threads, some time.
    ///
    /// - Precondition: The caller bounds how many it submits.
    package func submit(_ job: @escaping @Sendable () -> Void) {
        guard threads > 0 else { return job() }
        let starts = monitor.withLock { state -> Bool in
            state.jobs.append(job)
            guard state.idle < state.jobs.count - state.next, state.started < threads else {
                return false
            }
            state.started += 1
            return true
        }
        if starts {
            // Threads hold the monitor, not the pool, so that the pool can end.
            let monitor = monitor
            SystemThread(name: name, niceness: niceness) { Self.work(monitor) }.detach()
        } else {
            monitor.wakeOne()
        }
    }

    /// What each thread does until the pool is let go of and the queue is empty.
    private static func work(_ monitor: Monitor<State>) {
        while true {
            monitor.withLock { $0.idle += 1 }
            let next = monitor.waitUntil { state -> Work? in
                if let job = state.takeJob() {
                    state.idle -= 1
                    return .job(job)
                }
                return state.isStopping ? .stop : nil
            }
            switch next {
            case .job(let job): job()
            case .stop: return
            }
        }
    }

    private enum Work {
        case job(@Sendable () -> Void)
        case stop
    }
}
