internal import CShims
internal import Glibc

/// An ordinary thread, for calls that block.
package struct SystemThread: Sendable {
    private final class Start: Sendable {
        let name: String
        let niceness: Int32
        let body: @Sendable () -> Void

        init(name: String, niceness: Int32, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.niceness = niceness
            self.body = body
        }
    }

    private let thread: pthread_t

    /// Starts a thread; its name shows in `ps -L`, cut to 15 bytes.
    ///
    /// With a `niceness` it gives way to others, as nice(1) says.
    ///
    /// - Precondition: The system has room for another thread.
    package init(name: String, niceness: Int = 0, _ body: @escaping @Sendable () -> Void) {
        precondition(niceness >= 0 && niceness < 20)
        let start = unsafe Unmanaged.passRetained(
            Start(name: name, niceness: Int32(niceness), body: body)
        )
        var thread = pthread_t()
        let failure = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                unsafe walrus_name_thread(start.name)
                if start.niceness > 0 { walrus_lower_priority(start.niceness) }
                start.body()
                return nil
            },
            start.toOpaque()
        )
        precondition(failure == 0, "no thread can be started")
        self.thread = thread
    }

    /// Waits, blocking, until the thread has ended; once per thread.
    package func join() {
        let failure = pthread_join(thread, nil)
        precondition(failure == 0, "a thread is waited for that is not there")
    }

    /// Lets the thread end on its own, with nobody to wait for it; instead of `join`.
    package func detach() {
        let failure = pthread_detach(thread)
        precondition(failure == 0, "a thread is let go of that is not there")
    }
}
