internal import CShims
internal import Glibc

/// What a service tells the manager that started it (sd_notify(3)).
package enum ServiceManager {
    /// Sends `message`, such as `READY=1`, and says whether there was a manager to send it to.
    ///
    /// A message that does not arrive is not an error: the service works without a manager.
    @discardableResult
    package static func notify(_ message: String) -> Bool {
        guard let socket = Environment.value("NOTIFY_SOCKET") else { return false }
        return notify(message, socket: socket)
    }

    package static func notify(_ message: String, socket: String) -> Bool {
        unsafe walrus_notify(socket, message) == 0
    }
}

/// The process's environment.
package enum Environment {
    package static func value(_ name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// All variables, as `NAME=value`.
    package static var all: [String] {
        var variables: [String] = []
        var entry = unsafe environ
        while let variable = unsafe entry.pointee {
            unsafe variables.append(String(cString: variable))
            unsafe entry += 1
        }
        return variables
    }
}

/// Settings of the process that its `main` makes before anything else.
package enum ProcessSetup {
    /// Keeps large buffers in the heap, and lets a broken connection be an error, not the end.
    package static func prepare() {
        walrus_tune_malloc()
        _ = signal(SIGPIPE, SIG_IGN)
    }
}
