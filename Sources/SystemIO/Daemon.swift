internal import CShims
internal import Glibc

// How a command starts a daemon and learns whether it is up:
//
//     command                                   daemon
//     pipe; spawn (new session, log file,
//       pipe as descriptor 3, its number in
//       WALRUS_READINESS) ──────────────────►   opens its state, binds, mounts …
//     reads until the end of the pipe  ◄──────  writes `+`, or `-` and what is wrong; closes
//     nothing before the end: it died
//
// Nothing forks: Swift's runtime does not survive it.

/// Why a daemon is not up.
package enum DaemonError: Error, Equatable, Sendable {
    case system(SystemError)
    /// It says itself what is wrong.
    case refused(String)
    /// It ended, or closed its pipe, without a word: its log knows more.
    case died
    /// It is not up yet; it still runs.
    case timedOut
}

package enum Daemon {
    static let variable = "WALRUS_READINESS"
    /// What a daemon may say about its failure, bytes.
    static let messageMax = 64 << 10

    /// Starts a daemon and waits, blocking, until it is up.
    ///
    /// Its standard input is empty; output and errors are appended to `log`.
    package static func start(
        _ path: String,
        _ arguments: [String],
        environment: [String] = Environment.all,
        log: String,
        timeout: Duration
    ) throws(DaemonError) -> ChildProcess {
        var ends: [Int32] = [-1, -1]
        let failure = unsafe walrus_pipe(&ends)
        guard failure == 0 else {
            throw .system(SystemError(operation: "pipe", code: failure, path: path))
        }
        let variables = environment.filter { !$0.hasPrefix(variable + "=") } + ["\(variable)=3"]
        let child: ChildProcess
        do throws(SystemError) {
            defer { Glibc.close(ends[1]) }
            child = try ChildProcess.start(
                path,
                arguments,
                environment: variables,
                streams: [.null, .appending(log), .appending(log), .descriptor(ends[1])],
                directory: "/",
                newSession: true
            )
        } catch {
            Glibc.close(ends[0])
            throw .system(error)
        }
        defer { Glibc.close(ends[0]) }
        let answer = try readAll(ends[0], timeout: timeout)
        switch answer.first {
        case UInt8(ascii: "+"): return child
        case UInt8(ascii: "-"): throw .refused(String(decoding: answer.dropFirst(), as: UTF8.self))
        default: throw .died
        }
    }

    private static func readAll(
        _ descriptor: Int32,
        timeout: Duration
    ) throws(DaemonError) -> [UInt8] {
        let clock = LinuxTimeSource()
        let deadline = clock.uptime + timeout
        var answer: [UInt8] = []
        while answer.count < messageMax {
            let left = deadline - clock.uptime
            guard left > .zero else { throw .timedOut }
            let milliseconds =
                min(left.components.seconds, 1 << 20) * 1000
                + left.components.attoseconds / 1_000_000_000_000_000
            var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = unsafe poll(&wait, 1, Int32(clamping: milliseconds + 1))
            if ready <= 0 { continue }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count: Int
            do throws(SystemError) {
                count = try retryingInterrupts("read", "pipe") {
                    unsafe read(descriptor, &buffer, 4096)
                }
            } catch {
                throw .system(error)
            }
            if count == 0 { break }
            answer += buffer[..<count]
        }
        return answer
    }
}

/// The daemon's side of ``Daemon``; each call works once, and does nothing without a starter.
package enum DaemonReadiness {
    /// Tells the command that the daemon is up.
    package static func ready() {
        report([UInt8(ascii: "+")])
        ServiceManager.notify("READY=1")
    }

    /// The streams of a process that is to report in this one's place; see ``handedOn()``.
    package static var streams: [ChildProcess.Stream] {
        let own: [ChildProcess.Stream] = [.inherited, .inherited, .inherited]
        guard let pipe else { return own }
        // The number that the variable names.
        precondition(pipe == 3, "the daemon's pipe has another number")
        return own + [.descriptor(pipe)]
    }

    /// Says that another process reports: this one's end of the pipe closes.
    package static func handedOn() {
        guard let pipe else { return }
        unsafe unsetenv(Daemon.variable)
        Glibc.close(pipe)
    }

    private static var pipe: Int32? {
        guard let value = Environment.value(Daemon.variable), let pipe = Int32(value), pipe > 2
        else { return nil }
        return pipe
    }

    /// Tells the command why it is not.
    package static func failed(_ message: String) {
        report([UInt8(ascii: "-")] + message.utf8.prefix(Daemon.messageMax - 1))
    }

    private static func report(_ message: [UInt8]) {
        guard let pipe else { return }
        unsafe unsetenv(Daemon.variable)
        var sent = 0
        while sent < message.count {
            let count = unsafe message.withUnsafeBufferPointer { buffer in
                unsafe write(
                    pipe,
                    buffer.baseAddress.map { unsafe $0 + sent },
                    message.count - sent
                )
            }
            if count < 0, errno == EINTR { continue }
            // Nobody reads any more: then nobody waits either.
            guard count > 0 else { break }
            sent += count
        }
        Glibc.close(pipe)
    }
}
