// A node's directory says whose it is (`Docs/Formats/node-directory.md`). Identity outlives disks:
// a directory that is missing means that the node is down, never that a new one may be made.

package import BlobModel
internal import Codec
internal import Foundation
package import SystemIO

/// Why a node cannot run in a directory.
package enum NodeDirectoryError: Error, Equatable, Sendable {
    /// There is no directory, or nothing of a node in it; perhaps a disk is not mounted.
    case missing(String)
    /// It belongs to something else, or to a node of another network.
    case foreign(String)
    /// A newer version of this program wrote it.
    case newer(String, version: Int)
    case damaged(String)
    /// It is of another generation of the node: an old disk that came back.
    case wrongGeneration(String, found: Int, expected: Int)
    /// Another process runs the node.
    case inUse(String)
    /// A new directory was asked for where something is.
    case notEmpty(String)
    case disk(SystemError)
}

/// What `node.json` says.
package struct NodeIdentity: Equatable, Sendable {
    package static let format = 1
    package static let kind = "walrus-node"

    package let network: NetworkID
    package let node: NodeID
    package let generation: Int

    package init(network: NetworkID, node: NodeID, generation: Int = 0) {
        self.network = network
        self.node = node
        self.generation = generation
    }
}

/// The directory of one node, locked.
package final class NodeDirectory: Sendable {
    package let path: String
    package let identity: NodeIdentity
    let files: any FileSystem
    private let lock: any FileLock

    private init(
        path: String,
        identity: NodeIdentity,
        files: any FileSystem,
        lock: any FileLock
    ) {
        self.path = path
        self.identity = identity
        self.files = files
        self.lock = lock
    }

    private struct Contents: Codable {
        var format: Int
        var generation: Int
        var kind: String
        var minReader: Int
        var network: String
        var node: String
    }

    /// Only what every version has, to tell a newer one from a damaged one.
    private struct Envelope: Codable {
        var kind: String
        var minReader: Int
    }

    /// Makes the directory of a new node.
    ///
    /// Blocks.
    package static func create(
        _ path: String,
        _ identity: NodeIdentity,
        files: any FileSystem
    ) throws(NodeDirectoryError) {
        let isEmpty: Bool
        do throws(SystemError) {
            try files.makeDirectories(path)
            isEmpty = try files.list(path).isEmpty
        } catch {
            throw .disk(error)
        }
        guard isEmpty else { throw .notEmpty(path) }
        do throws(SystemError) {
            try files.makeDirectory(path + "/blocks")
            try files.makeDirectory(path + "/slivers")
            try files.synchronizeDirectory(path)
            try files.writeFileAtomically(path + "/node.json", json(of: identity))
        } catch {
            throw .disk(error)
        }
    }

    /// Opens and locks the directory of the node `expected`.
    ///
    /// Blocks.
    package static func open(
        _ path: String,
        _ expected: NodeIdentity,
        files: any FileSystem
    ) throws(NodeDirectoryError) -> NodeDirectory {
        guard let found = try identity(of: path, files: files) else { throw .missing(path) }
        guard found.network == expected.network, found.node == expected.node else {
            throw .foreign(path)
        }
        guard found.generation == expected.generation else {
            throw .wrongGeneration(
                path,
                found: found.generation,
                expected: expected.generation
            )
        }
        let lock: (any FileLock)?
        do throws(SystemError) {
            lock = try files.lock(path + "/lock")
        } catch {
            throw .disk(error)
        }
        guard let lock else { throw .inUse(path) }
        return NodeDirectory(path: path, identity: found, files: files, lock: lock)
    }

    /// Gives the lock back; nothing may be done with the directory any more.
    package func close() { lock.unlock() }

    private static func json(of identity: NodeIdentity) -> [UInt8] {
        let contents = Contents(
            format: NodeIdentity.format,
            generation: identity.generation,
            kind: NodeIdentity.kind,
            minReader: NodeIdentity.format,
            network: identity.network.description,
            node: identity.node.description
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        do {
            return Array(try encoder.encode(contents)) + [UInt8(ascii: "\n")]
        } catch {
            preconditionFailure("Strings and numbers encode as JSON: \(error)")
        }
    }

    static func identity(
        from bytes: [UInt8],
        _ path: String
    ) throws(NodeDirectoryError) -> NodeIdentity {
        let decoder = JSONDecoder()
        // Whatever is wrong with the JSON, the file is not what we wrote.
        guard let envelope = try? decoder.decode(Envelope.self, from: Data(bytes)) else {
            throw .damaged(path)
        }
        guard envelope.kind == NodeIdentity.kind else { throw .foreign(path) }
        guard envelope.minReader <= NodeIdentity.format else {
            throw .newer(path, version: envelope.minReader)
        }
        guard let contents = try? decoder.decode(Contents.self, from: Data(bytes)),
            let network = try? NetworkID(text: contents.network),
            contents.node.hasPrefix("0x"),
            let node = try? Hex.decode(String(contents.node.dropFirst(2))), node.count == 32,
            contents.generation >= 0
        else { throw .damaged(path) }
        return NodeIdentity(
            network: network,
            node: NodeID(bytes: node),
            generation: contents.generation
        )
    }
}
