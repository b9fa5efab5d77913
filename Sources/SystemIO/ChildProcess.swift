internal import CShims
internal import Glibc

/// How a process ended.
package enum ExitStatus: Equatable, Sendable {
    case exited(Int32)
    /// Ended by a signal.
    case signalled(Int32)

    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7F
        self = signal == 0 ? .exited(waitStatus >> 8 & 0xFF) : .signalled(signal)
    }
}

/// A program that this process started.
package struct ChildProcess: Sendable {
    /// Where one of the program's first descriptors leads.
    package enum Stream: Sendable {
        /// The same as this process's own of that number.
        case inherited
        case null
        /// A file that is appended to, made if missing.
        case appending(String)
        /// A descriptor of this process.
        case descriptor(Int32)
    }

    package let id: Int32

    /// Starts a program.
    ///
    /// `path` may be a name that is looked for in PATH. `environment` is `NAME=value`, all of this
    /// process's when nil. `streams` become descriptors 0, 1, 2 and so on, at most eight. With
    /// `newSession` it outlives this process's terminal, setsid(2).
    package static func start(
        _ path: String,
        _ arguments: [String],
        environment: [String]? = nil,
        streams: [Stream] = [.inherited, .inherited, .inherited],
        directory: String? = nil,
        newSession: Bool = false
    ) throws(SystemError) -> ChildProcess {
        precondition(streams.count <= 8)
        var opened: [Int32] = []
        defer { for descriptor in opened { Glibc.close(descriptor) } }
        var descriptors: [Int32] = []
        for (index, stream) in streams.enumerated() {
            switch stream {
            case .inherited: descriptors.append(Int32(index))
            case .descriptor(let descriptor): descriptors.append(descriptor)
            case .null:
                opened.append(try openStream("/dev/null", O_RDWR))
                descriptors.append(opened[opened.count - 1])
            case .appending(let file):
                opened.append(try openStream(file, O_WRONLY | O_CREAT | O_APPEND))
                descriptors.append(opened[opened.count - 1])
            }
        }
        let start = CStrings([path] + arguments)
        let variables = CStrings(environment ?? Environment.all)
        var id: pid_t = 0
        let failure = unsafe walrus_spawn(
            &id,
            path,
            start.pointers,
            variables.pointers,
            descriptors,
            descriptors.count,
            directory,
            newSession ? 1 : 0
        )
        guard failure == 0 else {
            throw SystemError(operation: "posix_spawn", code: failure, path: path)
        }
        return ChildProcess(id: id)
    }

    private static func openStream(_ path: String, _ flags: Int32) throws(SystemError) -> Int32 {
        try retryingInterrupts("open", path) {
            unsafe Glibc.open(path, flags | O_CLOEXEC, 0o600)
        }
    }

    /// Waits, blocking, until it has ended; once per process.
    package func wait() throws(SystemError) -> ExitStatus {
        var status: Int32 = 0
        _ = try retryingInterrupts("waitpid", "\(id)") { unsafe waitpid(id, &status, 0) }
        return ExitStatus(waitStatus: status)
    }

    /// How it ended, or nil while it runs; not after it was said once.
    package func poll() throws(SystemError) -> ExitStatus? {
        var status: Int32 = 0
        let found = try retryingInterrupts("waitpid", "\(id)") {
            unsafe waitpid(id, &status, WNOHANG)
        }
        return found == 0 ? nil : ExitStatus(waitStatus: status)
    }

    /// Sends a signal.
    package func send(signal: Int32) throws(SystemError) {
        _ = try retryingInterrupts("kill", "\(id)") { kill(id, signal) }
    }
}

/// Strings as execve(2) wants them, alive as long as this object.
@safe private final class CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        unsafe pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() {
            unsafe (pointers + index).initialize(to: strdup(string))
        }
        unsafe (pointers + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { unsafe free(pointers[index]) }
        unsafe pointers.deallocate()
    }
}
