internal import CShims
internal import Glibc

/// An ordinary thread, for calls that block.
package struct SystemThread: Sendable {
    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    private let thread: pthread_t

    /// Starts a thread; its name shows in `ps -L`, cut to 15 bytes.
    ///
    /// - Precondition: The system has room for another thread.
    package init(name: String, _ body: @escaping @Sendable () -> Void) {
        let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
        var thread = pthread_t()
        let failure = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                unsafe walrus_name_thread(start.name)
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
