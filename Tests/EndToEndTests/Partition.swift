internal import Foundation
internal import TestSupport
internal import Testing

/// A network namespace whose only way to a devnet is a process that can be stopped: while it is,
/// every packet vanishes, as in a partition of the network.
struct Partition {
    static var isPossible: Bool {
        geteuid() == 0 && FileManager.default.fileExists(atPath: "/usr/bin/nsenter")
    }

    private let forwarder: Int32

    /// Has the ports of `devnet` answer within a namespace of their own.
    init(_ devnet: Devnet, _ scratch: Scratch) throws {
        let ready = scratch.path + "/forwarding"
        let ports = devnet.processes.compactMap { URL(string: $0.url)?.port }
        #expect(ports.count == devnet.processes.count)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c", Self.program, ready] + ports.map(String.init)
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        forwarder = process.processIdentifier
        scratch.owns(process: forwarder)
        while process.isRunning, !FileManager.default.fileExists(atPath: ready) { usleep(20_000) }
        try #require(process.isRunning, "ports are forwarded")
    }

    /// Runs a command on this side of the partition.
    func run(
        _ program: String,
        _ arguments: String...,
        environment: [String: String]
    ) throws -> ToolResult {
        let program = Tool.products + "/" + program
        return try Tool.run(
            "nsenter",
            ["--net=/proc/\(forwarder)/ns/net", program] + arguments,
            environment: environment
        )
    }

    func begin() { #expect(kill(forwarder, SIGSTOP) == 0) }
    func end() { #expect(kill(forwarder, SIGCONT) == 0) }

    /// Listens in a namespace of its own, and connects from the one it came from.
    private static let program = """
        import ctypes, fcntl, os, socket, struct, sys, threading
        libc = ctypes.CDLL(None, use_errno=True)
        NEWNET = 0x40000000
        home = os.open('/proc/self/ns/net', os.O_RDONLY)
        assert libc.unshare(NEWNET) == 0
        up = struct.pack('16sH14s', b'lo', 0x1 | 0x40, b'')
        fcntl.ioctl(socket.socket(), 0x8914, up)
        def pump(source, target):
            try:
                while data := source.recv(65536):
                    target.sendall(data)
            except OSError:
                pass
            for end in source, target:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        def serve(listener, port):
            assert libc.setns(home, NEWNET) == 0
            while True:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection(('127.0.0.1', port))
                except OSError:
                    near.close()
                    continue
                for pair in (near, far), (far, near):
                    threading.Thread(target=pump, args=pair, daemon=True).start()
        threads = []
        for port in map(int, sys.argv[2:]):
            listener = socket.create_server(('127.0.0.1', port))
            threads.append(threading.Thread(target=serve, args=(listener, port)))
            threads[-1].start()
        open(sys.argv[1], 'w').close()
        """
}
