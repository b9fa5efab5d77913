/// What a volume was after each operation, and which of that a crash may take back.
struct CrashHistory {
    /// A state of the tree, as it is described and as one to go on from.
    struct State {
        let lines: [String]
        let tree: ModelNode
        /// Inodes, the root too.
        let inodeCount: UInt64
    }

    private(set) var states: [State] = []
    /// The oldest state that a power cut may leave.
    var synced = 0
    /// What each node of the living tree is like by itself, and the state that made it so.
    private var changed: [ObjectIdentifier: (text: String, state: Int)] = [:]

    init(_ root: ModelNode) { append(root) }

    var last: Int { states.count - 1 }

    /// Takes down what the tree is like now.
    mutating func append(_ root: ModelNode) {
        var known: [ObjectIdentifier: ModelNode] = [:]
        let copy = root.copied(&known)
        states.append(
            State(
                lines: root.describe(),
                tree: copy,
                inodeCount: UInt64(known.count)
            )
        )
        var now: [ObjectIdentifier: (text: String, state: Int)] = [:]
        root.forEachNode { node in
            let text = node.own
            let before = changed[ObjectIdentifier(node)]
            now[ObjectIdentifier(node)] = before?.text == text ? before : (text, last)
        }
        changed = now
    }

    /// The state since which nothing about a node itself has changed.
    func state(changing node: ModelNode) -> Int { changed[ObjectIdentifier(node)]?.state ?? 0 }

    /// The states that look so, among some.
    func matches(_ lines: [String], in range: ClosedRange<Int>) -> [Int] {
        range.filter { states[$0].lines == lines }
    }
}

extension ModelNode {
    /// A tree of its own that looks the same, hard links included.
    func copied(_ known: inout [ObjectIdentifier: ModelNode]) -> ModelNode {
        if let copy = known[ObjectIdentifier(self)] { return copy }
        let copy = ModelNode(kind, permissions)
        known[ObjectIdentifier(self)] = copy
        copy.links = links
        copy.bytes = bytes
        copy.extended = extended
        for (name, child) in children { copy.children[name] = child.copied(&known) }
        return copy
    }

    func forEachNode(_ body: (ModelNode) -> Void) {
        var seen: Set<ObjectIdentifier> = []
        func visit(_ node: ModelNode) {
            guard seen.insert(ObjectIdentifier(node)).inserted else { return }
            body(node)
            for child in node.children.values { visit(child) }
        }
        visit(self)
    }

    /// What fsync(2) of this node promises: its attributes and contents, of a directory its names.
    var own: String {
        let names = children.sorted { $0.key < $1.key }.map {
            "\($0.key)=\(UInt(bitPattern: ObjectIdentifier($0.value).hashValue))"
        }
        let attributes = extended.sorted { $0.key < $1.key }
        return "\(permissions) \(links) \(bytes.hashValue) \(bytes.count) \(attributes) \(names)"
    }
}
