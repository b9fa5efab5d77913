/// Names and what they stand for.
struct Namespace {
    enum Entry: Hashable {
        case directory
        case file(Int)
    }

    var entries: [String: Entry] = [:]

    func children(of path: String) -> [String] {
        let prefix = path == "/" ? "/" : path + "/"
        return entries.keys.filter {
            $0 != "/" && $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/")
        }
    }

    private func descendants(of path: String) -> [String] {
        entries.keys.filter { $0.hasPrefix(path + "/") }
    }

    mutating func apply(_ change: NameChange) {
        switch change {
        case .link(let path, let entry):
            // The directory itself may not have survived.
            guard entries[InMemoryFileSystem.parent(of: path)] == .directory else { return }
            entries[path] = entry
        case .unlink(let path):
            entries[path] = nil
        case .rename(let from, let to):
            guard let entry = entries[from] else { return }
            for child in descendants(of: from) {
                entries[to + child.dropFirst(from.count)] = entries[child]
                entries[child] = nil
            }
            entries[from] = nil
            entries[to] = entry
        }
    }
}

enum NameChange {
    case link(String, Namespace.Entry)
    case unlink(String)
    case rename(String, String)

    /// Whether syncing `directory` makes this durable.
    func touches(_ directory: String) -> Bool {
        switch self {
        case .link(let path, _), .unlink(let path):
            InMemoryFileSystem.parent(of: path) == directory
        case .rename(let from, let to):
            InMemoryFileSystem.parent(of: from) == directory
                || InMemoryFileSystem.parent(of: to) == directory
        }
    }
}

extension InMemoryFileSystem.State {
    mutating func apply(_ change: NameChange) {
        now.apply(change)
        changes.append(change)
    }

    mutating func makeNamesDurable(in directory: String) {
        for change in changes where change.touches(directory) { durable.apply(change) }
        changes.removeAll { $0.touches(directory) }
    }
}
