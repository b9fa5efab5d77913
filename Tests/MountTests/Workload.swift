internal import Testing

/// Something that people do with a directory, as a script that prints what it saw.
///
/// The same script runs on the machine's own filesystem, and must print the same there: so the
/// expectation is never ours.
struct Workload: CustomTestStringConvertible, Sendable {
    let name: String
    let script: String

    var testDescription: String { name }

    init(_ name: String, _ script: String) {
        self.name = name
        self.script = script
    }

    /// In Python, for the calls that no tool makes.
    static func python(_ name: String, _ script: String) -> Workload {
        Workload(name, "python3 - <<'END'\n\(prelude)\n\(script)\nEND")
    }

    private static let prelude = """
        import ctypes, errno, fcntl, mmap, os, random, socket, stat, struct, sys
        libc = ctypes.CDLL(None, use_errno=True)
        AT_FDCWD = -100
        def name_of(call, *arguments):
            "What the call answers, or the name of its error."
            try: return call(*arguments)
            except OSError as error: return errno.errorcode[error.errno]
        def raw(call, *arguments):
            result = call(*arguments)
            return result if result >= 0 else errno.errorcode[ctypes.get_errno()]
        def write(path, data, mode='wb'):
            with open(path, mode) as file: file.write(data)
        def read(path):
            with open(path, 'rb') as file: return file.read()
        def as_nobody(body):
            "Runs body in a child that is nobody, and returns what it prints."
            sys.stdout.flush()
            child = os.fork()
            if child == 0:
                os.setgroups([]); os.setgid(65534); os.setuid(65534)
                try: print(body()); sys.stdout.flush()
                finally: os._exit(0)
            os.waitpid(child, 0)
        """
}
