internal import Glibc
internal import Synchronization

/// Contents of a file, and what of them a power cut would leave.
struct InMemoryNode {
    enum Change {
        case write(offset: Int, bytes: [UInt8])
        case resize(Int)
    }

    var permissions: UInt16
    var now: [UInt8] = []
    var durable: [UInt8] = []
    /// What was done since the last sync, in order.
    var changes: [Change] = []

    init(permissions: UInt16) { self.permissions = permissions }

    mutating func apply(_ change: Change) {
        Self.apply(change, to: &now)
        changes.append(change)
    }

    mutating func synchronize() {
        for change in changes { Self.apply(change, to: &durable) }
        changes = []
    }

    /// What a failed sync does: the kernel takes the pages for clean and never writes them.
    mutating func losePages() { changes = [] }

    static func apply(_ change: Change, to contents: inout [UInt8]) {
        switch change {
        case .resize(let size):
            if size < contents.count {
                contents.removeLast(contents.count - size)
            } else {
                contents += [UInt8](repeating: 0, count: size - contents.count)
            }
        case .write(let offset, let bytes):
            if bytes.isEmpty { return }
            let end = offset + bytes.count
            if contents.count < end {
                contents += [UInt8](repeating: 0, count: end - contents.count)
            }
            contents.replaceSubrange(offset..<end, with: bytes)
        }
    }
}

final class InMemoryFile: File {
    let path: String
    private let disk: InMemoryFileSystem
    private let node: Int

    init(disk: InMemoryFileSystem, node: Int, path: String) {
        self.disk = disk
        self.node = node
        self.path = path
    }

    private func with<Result>(
        step operation: String?,
        _ body: (inout InMemoryNode, inout InMemoryFileSystem.State) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        try disk.state.withLock { (state) throws(SystemError) in
            if let operation { try state.beginStep(operation, path) }
            // Taken out and put back, so that the bytes are not copied.
            guard var contents = state.nodes.removeValue(forKey: node) else {
                preconditionFailure("a file has no node")
            }
            defer { state.nodes[node] = contents }
            return try body(&contents, &state)
        }
    }

    func read(
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(SystemError) -> Int {
        precondition(offset >= 0)
        return try with(step: nil) { (contents, state) throws(SystemError) in
            if state.faults.takeReadFailure() || state.faults.stepsUntilPowerCut == 0 {
                throw SystemError(operation: "pread", code: EIO, path: path)
            }
            let count = max(0, min(buffer.count, contents.now.count - offset))
            if count > 0 {
                unsafe buffer.copyBytes(from: contents.now[offset..<offset + count])
            }
            return count
        }
    }

    func write(gathering parts: [UnsafeRawBufferPointer], at offset: Int) throws(SystemError) {
        precondition(offset >= 0)
        var bytes: [UInt8] = []
        for index in unsafe parts.indices { unsafe bytes.append(contentsOf: parts[index]) }
        try with(step: "pwritev") { (contents, state) throws(SystemError) in
            let growth = max(0, offset + bytes.count - contents.now.count)
            if let capacity = state.faults.capacity {
                // This file was taken out of the count.
                let used = state.usedBytes + contents.now.count
                if used + growth > capacity {
                    throw SystemError(operation: "pwritev", code: ENOSPC, path: path)
                }
            }
            let isFull = growth > 0 && state.faults.takeFull()
            if isFull || state.faults.takeWriteFailure() {
                let half = Array(bytes.prefix(bytes.count / 2))
                contents.apply(.write(offset: offset, bytes: half))
                let code = isFull ? state.faults.fullCode : EIO
                throw SystemError(operation: "pwritev", code: code, path: path)
            }
            contents.apply(.write(offset: offset, bytes: bytes))
        }
    }

    func synchronizeData() throws(SystemError) {
        try with(step: "fdatasync") { (contents, state) throws(SystemError) in
            if state.faults.takeSyncFailure(of: path) {
                contents.losePages()
                throw SystemError(operation: "fdatasync", code: EIO, path: path)
            }
            if !state.faults.syncsLie { contents.synchronize() }
        }
    }

    func synchronize() throws(SystemError) { try synchronizeData() }

    func truncate(to size: Int) throws(SystemError) {
        try with(step: "ftruncate") { (contents, _) in contents.apply(.resize(size)) }
    }

    func allocate(upTo size: Int) throws(SystemError) {
        try with(step: "posix_fallocate") { (contents, state) throws(SystemError) in
            guard size > contents.now.count else { return }
            let code = state.faults.fullCode
            if state.faults.takeFull() {
                throw SystemError(operation: "posix_fallocate", code: code, path: path)
            }
            if let capacity = state.faults.capacity, state.usedBytes + size > capacity {
                throw SystemError(operation: "posix_fallocate", code: ENOSPC, path: path)
            }
            contents.apply(.resize(size))
        }
    }

    func size() throws(SystemError) -> Int {
        try with(step: nil) { (contents, _) in contents.now.count }
    }

    func close() {}
}
