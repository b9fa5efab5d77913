// Which disk of a node counts. The generation stands beside the directory and in it: the one beside
// outlives the disk, so that an old disk that comes back after it was replaced is told apart, and
// never taken for what the node has promised since (`Docs/Formats/node-directory.md`).

package import BlobModel
package import SystemIO

/// The generation of a node's directory that counts.
package enum NodeGeneration {
    /// Where it is written: beside the directory `path`.
    static func file(beside path: String) -> String { trimmed(path) + ".generation" }

    /// 0, until the directory was replaced once.
    ///
    /// Blocks.
    package static func current(
        of path: String,
        files: any FileSystem
    ) throws(NodeDirectoryError) -> Int {
        let name = file(beside: path)
        let bytes: [UInt8]?
        do throws(SystemError) {
            bytes = try files.readWholeFile(name, limit: 32)
        } catch {
            throw .disk(error)
        }
        guard let bytes else { return 0 }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.last == "\n", let number = Int(text.dropLast()), number > 0 else {
            throw .damaged(name)
        }
        return number
    }

    static func write(
        _ generation: Int,
        beside path: String,
        _ files: any FileSystem
    ) throws(SystemError) {
        try files.writeFileAtomically(file(beside: path), Array("\(generation)\n".utf8))
    }

    static func trimmed(_ path: String) -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }
}

/// What became of a node's directory that was replaced.
package struct NodeReplacement: Equatable, Sendable {
    package let generation: Int
    /// Where the old directory is now; nil if there was none.
    package let old: String?

    package init(generation: Int, old: String?) {
        self.generation = generation
        self.old = old
    }
}

extension NodeDirectory {
    /// Makes an empty directory of the node's next generation, which recovers by itself what it
    /// should hold.
    ///
    /// What was there is renamed, never removed. After a crash the node is missing, or the old
    /// disk is refused; doing it again is right then.
    ///
    /// Blocks.
    package static func replace(
        _ path: String,
        network: NetworkID,
        node: NodeID,
        files: any FileSystem
    ) throws(NodeDirectoryError) -> NodeReplacement {
        let path = NodeGeneration.trimmed(path)
        let generation = try NodeGeneration.current(of: path, files: files)
        let old = try putAside(path, network, node, files)
        do throws(SystemError) {
            try NodeGeneration.write(generation + 1, beside: path, files)
        } catch {
            throw .disk(error)
        }
        let identity = NodeIdentity(network: network, node: node, generation: generation + 1)
        try create(path, identity, files: files)
        return NodeReplacement(generation: generation + 1, old: old)
    }

    /// Renames what is there, if it is this node's and nobody uses it.
    private static func putAside(
        _ path: String,
        _ network: NetworkID,
        _ node: NodeID,
        _ files: any FileSystem
    ) throws(NodeDirectoryError) -> String? {
        do throws(SystemError) {
            guard try files.exists(path), try !files.list(path).isEmpty else { return nil }
        } catch {
            throw .disk(error)
        }
        guard let found = try identity(of: path, files: files) else {
            try removeUnfinished(path, files)
            return nil
        }
        guard found.network == network, found.node == node else { throw .foreign(path) }
        let aside: String?
        do throws(SystemError) {
            aside = try rename(path, aside: "\(path).old-\(found.generation)", files)
        } catch {
            throw .disk(error)
        }
        guard let aside else { throw .inUse(path) }
        return aside
    }

    /// Removes what a crash in `create` has left, in which there is nothing yet.
    private static func removeUnfinished(
        _ path: String,
        _ files: any FileSystem
    ) throws(NodeDirectoryError) {
        do throws(SystemError) {
            let names = try files.list(path)
            for name in names where name == "blocks" || name == "slivers" {
                if try files.list(path + "/" + name).isEmpty {
                    try files.removeDirectory(path + "/" + name)
                }
            }
            for name in names where name == "node.json.new" || name == "lock" {
                try files.removeFile(path + "/" + name)
            }
            if try files.list(path).isEmpty { return }
        } catch {
            throw .disk(error)
        }
        throw .notEmpty(path)
    }

    /// Renames a directory that nobody has locked; nil when somebody has.
    private static func rename(
        _ path: String,
        aside: String,
        _ files: any FileSystem
    ) throws(SystemError) -> String? {
        guard let lock = try files.lock(path + "/lock") else { return nil }
        defer { lock.unlock() }
        var name = aside
        var count = 1
        while try files.exists(name) {
            count += 1
            name = "\(aside)-\(count)"
        }
        try files.rename(path, to: name)
        // Before anything is made in its place.
        try files.synchronizeDirectory(directory(of: path))
        return name
    }

    /// Whose directory this is; nil when there is nothing of a node in it.
    ///
    /// Blocks.
    package static func identity(
        of path: String,
        files: any FileSystem
    ) throws(NodeDirectoryError) -> NodeIdentity? {
        let bytes: [UInt8]?
        do throws(SystemError) {
            bytes = try files.readWholeFile(path + "/node.json", limit: 65_536)
        } catch {
            throw .disk(error)
        }
        guard let bytes else { return nil }
        return try identity(from: bytes, path)
    }
}

extension NodeDirectoryError: CustomStringConvertible {
    /// What is wrong, and what to do.
    package var description: String {
        switch self {
        case .missing(let path):
            """
            there is no node in \(path); mount its disk, make a new node's directory with \
            --create, or, if the disk is lost, run `walrus node replace \(path)`
            """
        case .foreign(let path): "\(path) belongs to another node or network"
        case .newer(let path, let version):
            "\(path) was written by a newer version (format \(version)); update walrus"
        case .damaged(let what): "the node's directory is damaged: \(what)"
        case .wrongGeneration(let path, let found, let expected):
            """
            \(path) is of generation \(found), and the node's is \(expected): an old disk has come \
            back; put the disk of generation \(expected) there, or begin a new, empty one with \
            `walrus node replace \(path)`
            """
        case .inUse(let path): "another process runs the node in \(path)"
        case .notEmpty(let path):
            "\(path) is not empty, and not a node's; it takes an empty directory"
        case .disk(let error): "the disk failed: \(error)"
        }
    }
}
