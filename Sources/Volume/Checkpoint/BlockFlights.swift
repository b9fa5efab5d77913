/// Sees to it that a block is fetched once, however many ask for it at a time.
actor BlockFlights {
    private var flights: [BlockKey: UInt64] = [:]
    private var waiters: [UInt64: [CheckedContinuation<Void, Never>]] = [:]
    private var last: UInt64 = 0

    /// Takes on the fetching of `keys`; nil when one of them is being fetched, after waiting for
    /// that: look again then.
    func begin(_ keys: [BlockKey]) async -> UInt64? {
        if let flight = keys.lazy.compactMap({ self.flights[$0] }).first {
            await withCheckedContinuation { waiters[flight, default: []].append($0) }
            return nil
        }
        last += 1
        for key in keys { flights[key] = last }
        waiters[last] = []
        return last
    }

    /// The flight ended, whether with blocks or not.
    func end(_ flight: UInt64, _ keys: [BlockKey]) {
        for key in keys { flights[key] = nil }
        for waiter in waiters.removeValue(forKey: flight) ?? [] { waiter.resume() }
    }
}
