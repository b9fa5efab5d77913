import SQLite
import SystemIO

@testable import Volume

/// A volume whose log and database lie on one disk that forgets.
final class VolumeHarness {
    let time = ManualTimeSource()
    private(set) var disk = InMemoryFileSystem()
    private var opened: Volume?
    var configuration = VolumeConfiguration()
    /// Small ones are sealed and removed often.
    private let segmentSize: Int
    private var lives: UInt64 = 0

    init(hasRoot: Bool, segmentSize: Int = 1 << 20) throws {
        self.segmentSize = segmentSize
        configuration.commitAge = .seconds(1000)
        try reopen()
        if hasRoot { try volume.makeRoot() }
    }

    /// Nothing is open yet: ``open(_:)`` comes next.
    init(_ configuration: VolumeConfiguration, segmentSize: Int) {
        self.configuration = configuration
        self.segmentSize = segmentSize
    }

    /// One that somebody else has opened.
    init(using volume: Volume) {
        segmentSize = 0
        opened = volume
    }

    static func with<Result>(
        hasRoot: Bool = true,
        _ body: (VolumeHarness) throws -> Result
    ) throws -> Result {
        try body(VolumeHarness(hasRoot: hasRoot))
    }

    var volume: Volume {
        guard let opened else { preconditionFailure("the harness has no volume") }
        return opened
    }

    private func reopen() throws { try open(disk) }

    /// What stands between a volume and its disk; broken ones show that tests notice.
    var decorate: (InMemoryFileSystem) -> any FileSystem = { $0 }

    /// Opens what lies on a disk, as another process would.
    func open(_ disk: InMemoryFileSystem) throws {
        self.disk = disk
        lives += 1
        // The database's open transaction goes with its connection, as in a crash.
        opened = nil
        let files = decorate(disk)
        let log = SegmentOperationLog(
            "/log",
            disk: files,
            entropy: SeededEntropy(seed: lives),
            segmentSize: segmentSize
        )
        opened = try Volume.open(
            databasePath: "/volume.db",
            databaseFiles: FileSystemVFS(files),
            log: log,
            time: time,
            configuration: configuration
        )
    }

    /// Ends the process's use of its disk in order.
    func close() { opened = nil }

    /// Kills the process and opens again: all that completed is there.
    func kill() throws { try open(disk.kill()) }

    /// Cuts the power and opens again: what was synced is there, and of the rest a prefix.
    func crash(seed: UInt64) throws { try open(disk.crash(seed: seed)) }
}

let someone = RequestContext(user: 1000, group: 1000, process: 1, umask: 0)

extension Volume {
    func name(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// Makes a file with contents, closed.
    @discardableResult
    func makeFile(
        _ text: String,
        in parent: InodeNumber = .root,
        _ bytes: [UInt8] = []
    ) throws -> InodeNumber {
        let (attributes, handle) = try create(
            in: parent,
            name(text),
            permissions: 0o644,
            flags: [.read, .write, .exclusive],
            context: someone
        )
        if !bytes.isEmpty { try write(handle, 0, bytes) }
        release(handle)
        return attributes.inode
    }

    func write(_ handle: HandleNumber, _ offset: UInt64, _ bytes: [UInt8]) throws {
        let outcome = try unsafe bytes.withBytes { (buffer) throws(VolumeError) in
            try unsafe write(handle, offset: offset, buffer, killsPrivileges: false)
        }
        switch outcome {
        case .written(bytes.count), .slowed(bytes.count, _): return
        case .written, .slowed, .mustWait: throw VolumeError.noSpace
        }
    }

    func read(_ handle: HandleNumber, _ offset: UInt64, _ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xEE, count: count)
        let outcome = try unsafe bytes.withMutableBytes { (buffer) throws(VolumeError) in
            try unsafe read(handle, offset: offset, into: buffer)
        }
        guard case .bytes(let found) = outcome else { throw VolumeError.networkUnavailable("") }
        return Array(bytes.prefix(found))
    }

    func contents(_ inode: InodeNumber) throws -> [UInt8] {
        let handle = try open(inode, flags: [.read], context: someone)
        defer { release(handle) }
        return try read(handle, 0, Int(try attributes(of: inode).size))
    }

    /// A directory's entries without `.` and `..`, by cookie.
    func list(_ inode: InodeNumber) throws -> [DirectoryEntry] {
        let handle = try openDirectory(inode)
        defer { releaseDirectory(handle) }
        var entries: [DirectoryEntry] = []
        try readDirectory(handle, after: 2) { entry in
            entries.append(entry)
            return true
        }
        return entries
    }

    /// All that can be seen of a tree save times, one line for each name, sorted.
    func describe(_ inode: InodeNumber = .root, _ path: String = "") throws -> [String] {
        var lines: [String] = []
        for entry in try list(inode) {
            let name = String(decoding: entry.name, as: UTF8.self)
            let attributes = try lookup(inode, entry.name)
            var line = TreeLine(path: path + "/" + name, attributes)
            for name in try extendedAttributeNames(of: attributes.inode) {
                line.add(name, try extendedAttribute(of: attributes.inode, name))
            }
            switch attributes.kind {
            case .regular: line.contents = try contents(attributes.inode)
            case .symlink: line.contents = try readSymlink(attributes.inode)
            default: break
            }
            lines.append(line.text)
            if attributes.kind == .directory {
                lines += try describe(attributes.inode, path + "/" + name)
            }
        }
        return lines.sorted()
    }
}

/// One line of a tree's description.
struct TreeLine {
    var path: String
    var kind: FileKind
    var permissions: UInt16
    var links: UInt32
    var size: UInt64
    var contents: [UInt8] = []
    private var extended: [String] = []

    init(path: String, kind: FileKind, permissions: UInt16, links: UInt32, size: UInt64) {
        self.path = path
        self.kind = kind
        self.permissions = permissions
        self.links = links
        self.size = size
    }

    init(path: String, _ attributes: InodeAttributes) {
        self.init(
            path: path,
            kind: attributes.kind,
            permissions: attributes.permissions,
            links: attributes.linkCount,
            size: attributes.size
        )
    }

    mutating func add(_ name: [UInt8], _ value: [UInt8]) {
        extended.append("\(String(decoding: name, as: UTF8.self))=\(value)")
    }

    var text: String {
        let mode = String(permissions, radix: 8)
        let sum = CRC32C.checksum(contents)
        return "\(path) \(kind) \(mode) \(links) \(size) \(sum) \(extended.sorted())"
    }
}
