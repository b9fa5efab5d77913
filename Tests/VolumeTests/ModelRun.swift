import SystemIO

@testable import Volume

/// A volume and the plain tree beside it, taken through the same operations.
final class ModelRun {
    let harness: VolumeHarness
    var root = ModelNode(.directory, 0o755)
    /// What the tree was after each operation that changed something, the empty one first.
    private(set) var history: [[String]] = [[]]
    /// The oldest state that a power cut may leave.
    private var synced = 0

    init(_ harness: VolumeHarness) { self.harness = harness }

    struct Difference: Error, CustomStringConvertible {
        let description: String
    }

    private static let pool = ["a", "b", "c", "d", "e", String(repeating: "x", count: 255)]

    /// A place in the tree: a directory, on both sides, and a name.
    struct Place {
        let node: ModelNode
        let inode: InodeNumber
        let name: String
        var child: ModelNode? { node.children[name] }
        var bytes: [UInt8] { Array(name.utf8) }
    }

    private func inode(of node: ModelNode) throws -> InodeNumber {
        var path: [String] = []
        func find(_ at: ModelNode) -> Bool {
            if at === node { return true }
            for (name, child) in at.children {
                path.append(name)
                if find(child) { return true }
                path.removeLast()
            }
            return false
        }
        guard find(root) else { throw Difference(description: "the model lost a node") }
        var inode = InodeNumber.root
        for name in path { inode = try harness.volume.lookup(inode, Array(name.utf8)).inode }
        return inode
    }

    func place(_ number: UInt32, existing: Bool) throws -> Place {
        let directories = root.directories
        let node = directories[Int(number) % directories.count]
        let names = node.names
        let choice = Int(number / 64)
        let name =
            existing && !names.isEmpty
            ? names[choice % names.count] : Self.pool[choice % Self.pool.count]
        return Place(node: node, inode: try inode(of: node), name: name)
    }

    func perform(_ operation: ModelOperation) throws {
        let before = history.count
        var modelError: VolumeError?
        var volumeError: VolumeError?
        let work = try prepare(operation)
        do throws(VolumeError) { try work.volume() } catch { volumeError = error }
        do throws(VolumeError) { try work.model() } catch { modelError = error }
        guard modelError == volumeError else {
            throw Difference(
                description: "\(operation): volume \(String(describing: volumeError)), "
                    + "model \(String(describing: modelError))"
            )
        }
        history.append(root.describe())
        if operation.kind == .sync || operation.kind == .commit { synced = before }
    }

    func compare() throws {
        let expected = root.describe()
        let found = try harness.volume.describe()
        guard found == expected else {
            throw Difference(description: "volume \(found)\nmodel \(expected)")
        }
    }

    /// Cuts the power; what comes back must be a state between the last sync and now.
    func crash(seed: UInt64) throws {
        try harness.crash(seed: seed)
        let found = try harness.volume.describe()
        guard history[synced...].contains(found) else {
            throw Difference(description: "after a power cut: \(found)")
        }
    }

    /// The same operation for both sides.
    struct Work {
        let volume: () throws(VolumeError) -> Void
        let model: () throws(VolumeError) -> Void
    }

    func prepare(_ operation: ModelOperation) throws -> Work {
        let volume = harness.volume
        switch operation.kind {
        case .createFile, .makeDirectory, .symlink, .node:
            return make(operation, try place(operation.first, existing: false))
        case .unlink, .removeDirectory:
            return remove(operation, try place(operation.first, existing: true))
        case .rename, .exchange, .renameNoReplace:
            return rename(
                operation,
                try place(operation.first, existing: true),
                try place(operation.second, existing: operation.third % 2 == 0)
            )
        case .link:
            return link(
                try place(operation.first, existing: true),
                try place(operation.second, existing: false)
            )
        case .sync:
            return Work(
                volume: { () throws(VolumeError) in
                    _ = try volume.syncDirectory(.root)
                    try volume.makeDurable(volume.log.lastLSN)
                },
                model: {}
            )
        case .commit:
            return Work(volume: { () throws(VolumeError) in try volume.synchronize() }, model: {})
        default:
            return try change(operation, try place(operation.first, existing: true))
        }
    }

    private func make(_ operation: ModelOperation, _ place: Place) -> Work {
        let volume = harness.volume
        let permissions = UInt16(operation.second & 0o1777)
        let kind: FileKind =
            switch operation.kind {
            case .makeDirectory: .directory
            case .symlink: .symlink
            case .node: .fifo
            default: .regular
            }
        return Work(
            volume: { () throws(VolumeError) in
                switch kind {
                case .directory:
                    _ = try volume.makeDirectory(
                        in: place.inode,
                        place.bytes,
                        permissions: permissions,
                        context: someone
                    )
                case .symlink:
                    _ = try volume.makeSymlink(
                        in: place.inode,
                        place.bytes,
                        target: [0x74],
                        context: someone
                    )
                default:
                    _ = try volume.makeNode(
                        in: place.inode,
                        place.bytes,
                        kind: kind,
                        permissions: permissions,
                        device: 0,
                        context: someone
                    )
                }
            },
            model: { () throws(VolumeError) in
                guard place.child == nil else { throw .exists }
                let node = ModelNode(kind, kind == .symlink ? 0o777 : permissions)
                if kind == .symlink { node.bytes = [0x74] }
                if kind == .directory {
                    place.node.links += 1
                    node.permissions |= place.node.permissions & 0o2000
                }
                place.node.children[place.name] = node
            }
        )
    }

    private func remove(_ operation: ModelOperation, _ place: Place) -> Work {
        let volume = harness.volume
        let isDirectory = operation.kind == .removeDirectory
        return Work(
            volume: { () throws(VolumeError) in
                if isDirectory {
                    try volume.removeDirectory(place.inode, place.bytes, context: someone)
                } else {
                    try volume.unlink(place.inode, place.bytes, context: someone)
                }
            },
            model: { () throws(VolumeError) in
                guard let child = place.child else { throw .notFound }
                if isDirectory {
                    guard child.isDirectory else { throw .notDirectory }
                    guard child.children.isEmpty else { throw .directoryNotEmpty }
                    place.node.links -= 1
                } else {
                    guard !child.isDirectory else { throw .isDirectory }
                    child.links -= 1
                }
                place.node.children[place.name] = nil
            }
        )
    }

    private func rename(_ operation: ModelOperation, _ from: Place, _ to: Place) -> Work {
        let volume = harness.volume
        let flags: RenameFlags =
            switch operation.kind {
            case .exchange: .exchange
            case .renameNoReplace: .noReplace
            default: []
            }
        return Work(
            volume: { () throws(VolumeError) in
                try volume.rename(
                    from.inode,
                    from.bytes,
                    to: to.inode,
                    to.bytes,
                    flags: flags,
                    context: someone
                )
            },
            model: { () throws(VolumeError) in
                guard let child = from.child else { throw .notFound }
                if flags == .noReplace, to.child != nil { throw .exists }
                if child.isDirectory, child.contains(to.node) { throw .invalidArgument }
                if flags == .exchange { return try Self.exchange(from, to, child) }
                try Self.move(child, from, to)
            }
        )
    }

    private static func exchange(
        _ from: Place,
        _ to: Place,
        _ child: ModelNode
    ) throws(VolumeError) {
        guard let other = to.child else { throw .notFound }
        if other.isDirectory, other !== child, other.contains(from.node) {
            throw .invalidArgument
        }
        from.node.children[from.name] = other
        to.node.children[to.name] = child
        if child.isDirectory {
            from.node.links -= 1
            to.node.links += 1
        }
        if other.isDirectory {
            to.node.links -= 1
            from.node.links += 1
        }
    }

    private static func move(
        _ child: ModelNode,
        _ from: Place,
        _ to: Place
    ) throws(VolumeError) {
        if let target = to.child {
            if target === child { return }
            if child.isDirectory {
                guard target.isDirectory else { throw .notDirectory }
                guard target.children.isEmpty else { throw .directoryNotEmpty }
                to.node.links -= 1
            } else {
                if target.isDirectory {
                    throw target.contains(from.node) ? .directoryNotEmpty : .isDirectory
                }
                target.links -= 1
            }
        }
        from.node.children[from.name] = nil
        to.node.children[to.name] = child
        if child.isDirectory {
            from.node.links -= 1
            to.node.links += 1
        }
    }

    private func link(_ from: Place, _ to: Place) -> Work {
        let volume = harness.volume
        return Work(
            volume: { () throws(VolumeError) in
                let inode = try volume.lookup(from.inode, from.bytes).inode
                _ = try volume.link(inode, to: to.inode, to.bytes, context: someone)
            },
            model: { () throws(VolumeError) in
                guard let child = from.child else { throw .notFound }
                guard !child.isDirectory else { throw .notPermitted }
                guard to.child == nil else { throw .exists }
                child.links += 1
                to.node.children[to.name] = child
            }
        )
    }
}
