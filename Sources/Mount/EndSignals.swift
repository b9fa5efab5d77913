internal import CShims
internal import Glibc
internal import Synchronization
internal import SystemIO

// A signal handler may do almost nothing (signal-safety(7)): ours writes one byte to a pipe, and an
// ordinary thread reads it.

/// SIGTERM and SIGINT as a request to end in good order.
package enum EndSignals {
    /// The pipe that the handler writes to; set once, before the handler is.
    private static let pipe = Atomic<Int32>(-1)

    /// Runs `body` on a thread of its own at each of the two signals; once per process.
    package static func whenReceived(_ body: @escaping @Sendable () -> Void) {
        var ends: [Int32] = [-1, -1]
        let failure = unsafe walrus_pipe(&ends)
        precondition(failure == 0, "no pipe can be made")
        precondition(pipe.exchange(ends[1], ordering: .releasing) == -1)
        let reader = ends[0]
        _ = SystemThread(name: "signals") {
            var byte: UInt8 = 0
            while true {
                let count = unsafe read(reader, &byte, 1)
                if count == 1 { body() }
                if count == 0 || (count < 0 && errno != EINTR) { return }
            }
        }
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { _ in
            var byte: UInt8 = 0
            let saved = errno
            _ = unsafe write(EndSignals.pipe.load(ordering: .acquiring), &byte, 1)
            errno = saved
        }
        action.sa_flags = SA_RESTART
        unsafe sigemptyset(&action.sa_mask)
        // Who started this process may have blocked them.
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in [SIGTERM, SIGINT] {
            unsafe sigaction(signal, &action, nil)
            unsafe sigaddset(&set, signal)
        }
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }
}
