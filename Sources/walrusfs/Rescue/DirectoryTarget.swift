internal import Glibc
internal import SystemIO
internal import Volume

/// Copies into a directory of this machine.
struct DirectoryTarget: RescueTarget {
    struct Place: Sendable {
        let path: [UInt8]
        /// Of a file that is being filled.
        var file: (any File)?
    }

    let root: Place

    init(_ path: String) { root = Place(path: Array(path.utf8)) }

    private func make(
        _ name: [UInt8],
        in parent: Place,
        _ body: ([UInt8]) throws(SystemError) -> (any File)?
    ) throws(RescueError) -> Place {
        let path = parent.path + [0x2F] + name
        return Place(path: path, file: try onDisk { () throws(SystemError) in try body(path) })
    }

    private func onDisk<Result>(
        _ body: () throws(SystemError) -> Result
    ) throws(RescueError) -> Result {
        do throws(SystemError) {
            return try body()
        } catch {
            throw .target("\(error)", isFull: error.isNoSpace)
        }
    }

    func makeDirectory(_ name: [UInt8], in parent: Place) async throws(RescueError) -> Place {
        try make(name, in: parent) { (path) throws(SystemError) in
            try LinuxTree.makeDirectory(path)
            return nil
        }
    }

    func makeFile(_ name: [UInt8], in parent: Place) async throws(RescueError) -> Place {
        try make(name, in: parent) { (path) throws(SystemError) in try LinuxTree.create(path) }
    }

    func makeOther(
        _ name: [UInt8],
        in parent: Place,
        like inode: InodeAttributes,
        target: [UInt8]
    ) async throws(RescueError) -> Place {
        try make(name, in: parent) { (path) throws(SystemError) in
            if inode.kind == .symlink {
                try LinuxTree.makeSymlink(path, target: target)
            } else {
                try LinuxTree.makeNode(path, kind: inode.kind, device: inode.device)
            }
            return nil
        }
    }

    func link(_ place: Place, _ name: [UInt8], in parent: Place) async throws(RescueError) {
        _ = try make(name, in: parent) { (path) throws(SystemError) in
            try LinuxTree.link(place.path, to: path)
            return nil
        }
    }

    func write(_ bytes: [UInt8], at offset: UInt64, to file: Place) async throws(RescueError) {
        guard let file = file.file else { preconditionFailure("only files are filled") }
        try onDisk { () throws(SystemError) in try file.write(bytes, at: Int(offset)) }
    }

    func finish(_ file: Place, size: UInt64) async throws(RescueError) {
        guard let file = file.file else { preconditionFailure("only files are filled") }
        try onDisk { () throws(SystemError) in
            try file.truncate(to: Int(size))
            try file.synchronizeData()
        }
        file.close()
    }

    func setAttributes(
        of place: Place,
        to inode: InodeAttributes,
        extended: [(name: [UInt8], value: [UInt8])]
    ) async throws(RescueError) -> [String] {
        var lost: [String] = []
        func attempt(
            _ what: @autoclosure () -> String,
            _ body: () throws(SystemError) -> Void
        ) throws(RescueError) {
            do throws(SystemError) {
                try body()
            } catch {
                if error.isNoSpace { throw .target("\(error)", isFull: true) }
                lost.append("\(what()): \(error)")
            }
        }
        let metadata = LinuxTree.Metadata(
            user: inode.user,
            group: inode.group,
            permissions: inode.permissions,
            accessed: (inode.accessed.seconds, inode.accessed.nanoseconds),
            modified: (inode.modified.seconds, inode.modified.nanoseconds)
        )
        // In this order: a change of owner drops set-id bits and capabilities, and times come last.
        try attempt("owner \(inode.user):\(inode.group)") { () throws(SystemError) in
            try LinuxTree.setOwner(place.path, metadata)
        }
        if inode.kind != .symlink {
            try attempt("mode \(String(inode.permissions, radix: 8))") {
                () throws(SystemError) in
                try LinuxTree.setPermissions(place.path, metadata)
            }
        }
        for (name, value) in extended {
            try attempt("attribute \(String(decoding: name, as: UTF8.self))") {
                () throws(SystemError) in
                try LinuxTree.setAttribute(place.path, name: name, value: value)
            }
        }
        try attempt("times") { () throws(SystemError) in
            try LinuxTree.setTimes(place.path, metadata)
        }
        return lost
    }
}

extension LinuxTree {
    fileprivate static func makeNode(
        _ path: [UInt8],
        kind: FileKind,
        device: UInt32
    ) throws(SystemError) {
        let type =
            switch kind {
            case .fifo: S_IFIFO
            case .socket: S_IFSOCK
            case .characterDevice: S_IFCHR
            case .blockDevice: S_IFBLK
            case .regular, .directory, .symlink:
                preconditionFailure("\(kind) is made in another way")
            }
        try makeNode(path, type: UInt32(type), device: device)
    }
}
