internal import Synchronization

/// Bytes in memory by key, bounded: what was not asked for lately goes.
///
/// Two generations: entries are added to the young one, and found ones move to it. When the young
/// one has half of the bound, the old one is dropped and the young one becomes old. That keeps at
/// least what was used last, up to half of the bound, for two dictionary operations a look-up.
final class GenerationCache<Key: Hashable & Sendable>: Sendable {
    private struct State {
        var young: [Key: [UInt8]] = [:]
        var old: [Key: [UInt8]] = [:]
        var youngBytes = 0
    }

    private let limit: Int
    /// Guards the two generations.
    private let state = Mutex(State())

    /// - Parameter limit: Bytes of values; keys come on top.
    init(limit: Int) { self.limit = limit }

    func value(_ key: Key) -> [UInt8]? {
        state.withLock { state in
            if let value = state.young[key] { return value }
            guard let value = state.old.removeValue(forKey: key) else { return nil }
            insert(value, key, &state)
            return value
        }
    }

    func insert(_ value: [UInt8], _ key: Key) {
        state.withLock { insert(value, key, &$0) }
    }

    private func insert(_ value: [UInt8], _ key: Key, _ state: inout State) {
        guard value.count <= limit / 2 else { return }
        if state.youngBytes + value.count > limit / 2 {
            state.old = state.young
            state.young = [:]
            state.youngBytes = 0
        }
        let replaced = state.young.updateValue(value, forKey: key)
        state.youngBytes += value.count - (replaced?.count ?? 0)
        state.old[key] = nil
    }

    func remove(_ key: Key) {
        state.withLock { state in
            if let value = state.young.removeValue(forKey: key) {
                state.youngBytes -= value.count
            }
            state.old[key] = nil
        }
    }

    /// Bytes held now.
    var byteCount: Int {
        state.withLock { state in
            state.youngBytes + state.old.values.reduce(0) { $0 + $1.count }
        }
    }
}
