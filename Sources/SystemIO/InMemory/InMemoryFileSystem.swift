internal import Glibc
internal import Synchronization

// A disk that forgets, for tests (the fault model is that of `Docs/Formats/segment-log.md`):
//
// * A file has its contents now, its contents as last synced, and the writes in between, in order.
//   A name likewise: names are durable only after the directory was synced.
// * `crash(seed:)` gives what a power cut leaves. Of each file's unsynced writes the seed keeps a
//   prefix with the last one torn, or any sectors of any of them. Of the unsynced changes of names
//   it keeps a prefix.
// * After a failed sync the pages are clean although the disk never saw them, as on Linux: they are
//   read as they were written, later syncs succeed, and a power cut takes them.
// * `record(oneIn:seed:)` keeps the disk as it was before some of the calls that follow, so that
//   one run of a test has many places to crash at.

/// Files in memory, with power cuts, full disks, failing syncs and rot.
package final class InMemoryFileSystem: FileSystem {
    struct State {
        var now = Namespace()
        var durable = Namespace()
        /// Changes of names since the last sync of a directory that they are in.
        var changes: [NameChange] = []
        var nodes: [Int: InMemoryNode] = [:]
        var nextNode = 2
        var faults = DiskFaults()
        var locked: Set<String> = []
        /// How many calls changed something, or tried to.
        var steps = 0
        var recording: StepRecording?
    }

    /// Guards everything: a test's disk needs no speed.
    let state: Mutex<State>

    package init() {
        var state = State()
        state.now.entries["/"] = .directory
        state.durable.entries["/"] = .directory
        self.state = Mutex(state)
    }

    init(state: consuming State) { self.state = Mutex(state) }

    /// How many calls changed something, or tried to; crash a test after each of them.
    package var steps: Int { state.withLock { $0.steps } }

    /// Faults from now on.
    package var faults: DiskFaults {
        get { state.withLock { $0.faults } }
        set { state.withLock { $0.faults = newValue } }
    }

    /// Paths begin at the root, whether they say so or not.
    static func normal(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    static func parent(of path: String) -> String { normal(directory(of: path)) }

    package func open(
        _ path: String,
        _ mode: OpenMode,
        permissions: UInt16
    ) throws(SystemError) -> any File {
        let name = Self.normal(path)
        let node = try state.withLock { (state) throws(SystemError) -> Int in
            switch state.now.entries[name] {
            case .directory?:
                throw SystemError(operation: "open", code: EISDIR, path: path)
            case .file(let node)?:
                if mode == .createNew {
                    throw SystemError(operation: "open", code: EEXIST, path: path)
                }
                return node
            case nil:
                guard mode == .createNew || mode == .createIfMissing else {
                    throw SystemError(operation: "open", code: ENOENT, path: path)
                }
                try state.beginStep("open", path)
                try state.requireDirectory(Self.parent(of: name), "open", path)
                let code = state.faults.fullCode
                if state.faults.takeFull() {
                    throw SystemError(operation: "open", code: code, path: path)
                }
                let node = state.nextNode
                state.nextNode += 1
                state.nodes[node] = InMemoryNode(permissions: permissions)
                state.apply(.link(name, .file(node)))
                return node
            }
        }
        return InMemoryFile(disk: self, node: node, path: path)
    }

    package func makeDirectory(_ path: String, permissions: UInt16) throws(SystemError) {
        let name = Self.normal(path)
        try state.withLock { (state) throws(SystemError) in
            try state.beginStep("mkdir", path)
            if state.now.entries[name] != nil {
                throw SystemError(operation: "mkdir", code: EEXIST, path: path)
            }
            try state.requireDirectory(Self.parent(of: name), "mkdir", path)
            state.apply(.link(name, .directory))
        }
    }

    package func list(_ path: String) throws(SystemError) -> [String] {
        let name = Self.normal(path)
        return try state.withLock { (state) throws(SystemError) in
            try state.requireDirectory(name, "opendir", path)
            return state.now.children(of: name).map { String($0.dropFirst(name.count)) }
                .map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }.sorted()
        }
    }

    package func rename(_ path: String, to newPath: String) throws(SystemError) {
        let (from, to) = (Self.normal(path), Self.normal(newPath))
        try state.withLock { (state) throws(SystemError) in
            try state.beginStep("rename", path)
            guard state.now.entries[from] != nil else {
                throw SystemError(operation: "rename", code: ENOENT, path: path)
            }
            try state.requireDirectory(Self.parent(of: to), "rename", newPath)
            if !state.now.children(of: to).isEmpty {
                throw SystemError(operation: "rename", code: ENOTEMPTY, path: newPath)
            }
            state.apply(.rename(from, to))
        }
    }

    package func removeFile(_ path: String) throws(SystemError) {
        let name = Self.normal(path)
        try state.withLock { (state) throws(SystemError) in
            try state.beginStep("unlink", path)
            switch state.now.entries[name] {
            case nil: throw SystemError(operation: "unlink", code: ENOENT, path: path)
            case .directory?: throw SystemError(operation: "unlink", code: EISDIR, path: path)
            case .file?: state.apply(.unlink(name))
            }
        }
    }

    package func removeDirectory(_ path: String) throws(SystemError) {
        let name = Self.normal(path)
        try state.withLock { (state) throws(SystemError) in
            try state.beginStep("rmdir", path)
            try state.requireDirectory(name, "rmdir", path)
            if !state.now.children(of: name).isEmpty {
                throw SystemError(operation: "rmdir", code: ENOTEMPTY, path: path)
            }
            state.apply(.unlink(name))
        }
    }

    package func status(_ path: String) throws(SystemError) -> FileStatus? {
        let name = Self.normal(path)
        return state.withLock { state in
            switch state.now.entries[name] {
            case nil: return nil
            case .directory?:
                return FileStatus(
                    isDirectory: true,
                    isPlain: false,
                    size: 0,
                    device: 1,
                    inode: 1,
                    permissions: 0o700
                )
            case .file(let node)?:
                return FileStatus(
                    isDirectory: false,
                    isPlain: true,
                    size: state.nodes[node]?.now.count ?? 0,
                    device: 1,
                    inode: UInt64(node),
                    permissions: state.nodes[node]?.permissions ?? 0
                )
            }
        }
    }

    package func synchronizeDirectory(_ path: String) throws(SystemError) {
        let name = Self.normal(path)
        try state.withLock { (state) throws(SystemError) in
            try state.beginStep("fsync", path)
            try state.requireDirectory(name, "fsync", path)
            if state.faults.takeSyncFailure(of: path) {
                throw SystemError(operation: "fsync", code: EIO, path: path)
            }
            if !state.faults.syncsLie { state.makeNamesDurable(in: name) }
        }
    }

    package func space(at path: String) throws(SystemError) -> DiskSpace {
        state.withLock { state in
            let total = state.faults.capacity ?? 1 << 40
            return DiskSpace(
                total: UInt64(total),
                available: UInt64(max(0, total - state.usedBytes)),
                filesTotal: 1 << 20,
                filesAvailable: 1 << 20
            )
        }
    }

    package func lock(_ path: String) throws(SystemError) -> (any FileLock)? {
        let name = Self.normal(path)
        _ = try open(path, .createIfMissing, permissions: 0o600)
        let isMine = state.withLock { $0.locked.insert(name).inserted }
        return isMine ? InMemoryFileLock(disk: self, name: name) : nil
    }

    /// Turns the bits of `mask` in one byte of a file, now and for ever, as rot does.
    ///
    /// - Precondition: The file has that byte.
    package func rot(_ path: String, at offset: Int, mask: UInt8 = 0x01) {
        let name = Self.normal(path)
        state.withLock { state in
            guard case .file(let number)? = state.now.entries[name],
                var node = state.nodes[number]
            else { preconditionFailure("there is no file \(name)") }
            node.now[offset] ^= mask
            if offset < node.durable.count { node.durable[offset] ^= mask }
            state.nodes[number] = node
        }
    }
}

final class InMemoryFileLock: FileLock {
    private let disk: InMemoryFileSystem
    private let name: String

    init(disk: InMemoryFileSystem, name: String) {
        self.disk = disk
        self.name = name
    }

    func unlock() { _ = disk.state.withLock { $0.locked.remove(name) } }

    deinit { unlock() }
}
