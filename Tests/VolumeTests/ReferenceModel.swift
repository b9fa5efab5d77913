@testable import Volume

/// A plain tree in memory: what every operation should do, said as simply as possible.
final class ModelNode {
    let kind: FileKind
    var permissions: UInt16
    var links: UInt32
    var bytes: [UInt8] = []
    var children: [String: ModelNode] = [:]
    var extended: [String: [UInt8]] = [:]

    init(_ kind: FileKind, _ permissions: UInt16) {
        self.kind = kind
        self.permissions = permissions
        links = kind == .directory ? 2 : 1
    }

    var isDirectory: Bool { kind == .directory }

    func contains(_ other: ModelNode) -> Bool {
        self === other || children.values.contains { $0.contains(other) }
    }

    func describe(_ path: String = "") -> [String] {
        var lines: [String] = []
        for (name, child) in children {
            var line = TreeLine(
                path: path + "/" + name,
                kind: child.kind,
                permissions: child.permissions,
                links: child.links,
                size: UInt64(child.bytes.count)
            )
            for (name, value) in child.extended { line.add(Array(name.utf8), value) }
            line.contents = child.bytes
            lines.append(line.text)
            lines += child.describe(path + "/" + name)
        }
        return lines.sorted()
    }

    /// All directories of the tree, in a fixed order.
    var directories: [ModelNode] {
        var found = [self]
        for (_, child) in children.sorted(by: { $0.key < $1.key }) where child.isDirectory {
            found += child.directories
        }
        return found
    }

    var names: [String] { children.keys.sorted() }
}

/// An operation as data; numbers are taken modulo what there is, so any list of them is valid.
struct ModelOperation: CustomStringConvertible {
    enum Kind: UInt8, CaseIterable {
        case createFile, makeDirectory, symlink, node, write, truncate, unlink, removeDirectory
        case rename, exchange, renameNoReplace, link, chmod, setExtended, removeExtended, punch
        case copyRange, sync, commit
    }

    let kind: Kind
    let first: UInt32
    let second: UInt32
    let third: UInt32
    let fourth: UInt32

    var description: String { "\(kind)(\(first), \(second), \(third), \(fourth))" }
}

/// The random numbers of tests (SplitMix64).
struct TestRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func operation() -> ModelOperation {
        let kind = ModelOperation.Kind.allCases.randomElement(using: &self) ?? .write
        func number(_ random: inout TestRandom) -> UInt32 {
            UInt32(truncatingIfNeeded: random.next() >> 16)
        }
        return ModelOperation(
            kind: kind,
            first: number(&self),
            second: number(&self),
            third: number(&self),
            fourth: number(&self)
        )
    }
}
