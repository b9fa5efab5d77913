// Three services in the shape that ledger, node and client have: a synchronous state machine that
// turns a message or a timer into actions, and a shell of a few lines that awaits and sends. The
// client wants values stored by a quorum of nodes and then recorded by the ledger, and retries
// until it is told; the others make every repeat harmless.

enum ToyMessage: Sendable, CustomStringConvertible {
    case store(value: Int)
    case stored(value: Int, by: String)
    case record(value: Int)
    case recorded(value: Int, height: Int)
    case tick

    var description: String {
        switch self {
        case .store(let value): "store \(value)"
        case .stored(let value, let node): "stored \(value) by \(node)"
        case .record(let value): "record \(value)"
        case .recorded(let value, let height): "recorded \(value) at \(height)"
        case .tick: "tick"
        }
    }
}

struct ToyAction: Sendable {
    let message: ToyMessage
    let receiver: String
}

protocol ToyService: Sendable {
    mutating func receive(_ message: ToyMessage) -> [ToyAction]
}

struct ToyNode: ToyService {
    let name: String
    private(set) var values: Set<Int> = []

    init(name: String) { self.name = name }

    mutating func receive(_ message: ToyMessage) -> [ToyAction] {
        guard case .store(let value) = message else { return [] }
        values.insert(value)
        return [ToyAction(message: .stored(value: value, by: name), receiver: "client")]
    }
}

struct ToyLedger: ToyService {
    private(set) var heights: [Int: Int] = [:]

    mutating func receive(_ message: ToyMessage) -> [ToyAction] {
        guard case .record(let value) = message else { return [] }
        let height = heights[value] ?? heights.count + 1
        heights[value] = height
        return [ToyAction(message: .recorded(value: value, height: height), receiver: "client")]
    }
}

struct ToyClient: ToyService {
    let nodes: [String]
    let quorum: Int
    /// Who stored what is not recorded yet; a dictionary on purpose: its order must not show.
    private(set) var pending: [Int: Set<String>]
    private(set) var done: [Int: Int] = [:]

    init(values: Range<Int>, nodes: [String], quorum: Int) {
        self.nodes = nodes
        self.quorum = quorum
        pending = Dictionary(uniqueKeysWithValues: values.map { ($0, []) })
    }

    mutating func receive(_ message: ToyMessage) -> [ToyAction] {
        switch message {
        case .tick:
            return pending.keys.sorted().flatMap(actions)
        case .stored(let value, let node):
            guard pending[value]?.insert(node).inserted == true else { return [] }
            return pending[value]?.count == quorum ? actions(for: value) : []
        case .recorded(let value, let height):
            precondition(done[value] ?? height == height)
            done[value] = height
            pending[value] = nil
            return []
        case .store, .record:
            return []
        }
    }

    private func actions(for value: Int) -> [ToyAction] {
        let stored = pending[value] ?? []
        if stored.count >= quorum {
            return [ToyAction(message: .record(value: value), receiver: "ledger")]
        }
        return nodes.filter { !stored.contains($0) }.map {
            ToyAction(message: .store(value: value), receiver: $0)
        }
    }
}
