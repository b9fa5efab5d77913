internal import SystemIO

/// The few things that these tests do to files themselves.
enum LinuxFiles {
    static func write(_ bytes: [UInt8], to path: String) throws {
        try LinuxFileSystem().writeFileAtomically(path, bytes)
    }

    static func size(_ path: String) throws -> Int {
        try LinuxFileSystem().status(path)?.size ?? -1
    }
}
