internal import Glibc
internal import Mount
internal import SystemIO
internal import TestSupport
internal import Testing

/// Clients of a mount's control socket that stop where they should not.
@Suite struct ControlSocketTests {
    /// What a conversation ended with, seen from the server.
    private enum End: Equatable {
        case frame([UInt8])
        case nothing
        case failure(ControlSocketError)
    }

    /// Serves one conversation after another, each of which only takes a frame.
    private func withServer(
        _ body: (String, Monitor<[End]>) throws -> Void
    ) throws {
        try Scratch.with { scratch in
            let path = scratch.path + "/control"
            let ends = Monitor<[End]>([])
            let server = try ControlServer(path: path)
            server.start(patience: .milliseconds(200)) { connection in
                let end: End
                do throws(ControlSocketError) {
                    end = try connection.receive().map { .frame($0) } ?? .nothing
                } catch {
                    end = .failure(error)
                }
                ends.withLock { $0.append(end) }
                ends.wakeAll()
            }
            defer { server.stop() }
            try body(path, ends)
        }
    }

    /// A bare connection that has sent these bytes; the caller closes it.
    private func open(_ path: String, sending bytes: [UInt8]) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) {
            unsafe $0.copyBytes(from: path.utf8)
        }
        let status = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(status == 0)
        if !bytes.isEmpty {
            try #require(unsafe write(descriptor, bytes, bytes.count) == bytes.count)
        }
        return descriptor
    }

    @Test(arguments: [[9], [9, 0, 0, 0], [9, 0, 0, 0, 1, 2]] as [[UInt8]])
    func aClientThatStopsWithinAFrameIsGivenUp(start: [UInt8]) throws {
        try withServer { path, ends in
            let client = try open(path, sending: start)
            defer { close(client) }
            #expect(ends.waitUntil { $0.first } == .failure(.broken))
        }
    }

    @Test(arguments: [[0, 0, 0, 0], [1, 0, 16, 0], [255, 255, 255, 255]] as [[UInt8]])
    func aLengthOutOfBoundsEndsTheConversation(head: [UInt8]) throws {
        try withServer { path, ends in
            let client = try open(path, sending: head)
            defer { close(client) }
            #expect(ends.waitUntil { $0.first } == .failure(.broken))
        }
    }

    @Test func aSilentClientIsWaitedForAndOthersAreServed() throws {
        try withServer { path, ends in
            let silent = try ControlConnection.connect(to: path)
            // Those that stop take longer than the patience with which the silent one is not met.
            let client = try open(path, sending: [9])
            defer { close(client) }
            #expect(ends.waitUntil { $0.first } == .failure(.broken))
            try silent.send([1, 2, 3])
            #expect(ends.waitUntil { $0.dropFirst().first } == .frame([1, 2, 3]))
        }
    }
}
