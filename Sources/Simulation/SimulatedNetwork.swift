internal import Synchronization

/// What may go wrong between services, as data: a scenario is a seed and a plan.
package struct NetworkFaults: Sendable {
    /// Out of a thousand messages, how many are lost, and how many come twice.
    package var lostPerMille: UInt64 = 0
    package var doubledPerMille: UInt64 = 0
    /// Nanoseconds a message takes, uniformly; a spread reorders messages.
    package var delay: ClosedRange<UInt64> = 100_000...100_000
    /// While the clock is inside, nothing passes between the two groups (both directions).
    package var partitions: [Partition] = []
    /// From this time on nothing is lost, doubled or late.
    package var quietFrom = UInt64.max

    package struct Partition: Sendable {
        package let time: Range<UInt64>
        package let isolated: [String]

        package init(time: Range<UInt64>, isolated: [String]) {
            self.time = time
            self.isolated = isolated
        }

        func separates(_ one: String, _ other: String, at now: UInt64) -> Bool {
            time.contains(now) && isolated.contains(one) != isolated.contains(other)
        }
    }

    package init() {}
}

/// Carries messages between named services, with faults that its seed decides.
package final class SimulatedNetwork<Message: Sendable>: Sendable {
    private struct State {
        var random: SplitMix64
        var boxes: [String: Mailbox<Message>] = [:]
    }

    /// Guards the generator and the addresses.
    private let state: Mutex<State>
    private let clock: VirtualClock
    private let faults: NetworkFaults
    private let trace: Trace

    package init(seed: UInt64, clock: VirtualClock, faults: NetworkFaults, trace: Trace) {
        state = Mutex(State(random: SplitMix64(seed: seed)))
        self.clock = clock
        self.faults = faults
        self.trace = trace
    }

    /// Gives a service its address; it reads the mailbox that comes back.
    package func join(_ name: String, capacity: Int = 1024) -> Mailbox<Message> {
        let box = Mailbox<Message>(capacity: capacity)
        state.withLock { $0.boxes[name] = box }
        return box
    }

    package func send(_ message: Message, from sender: String, to receiver: String) {
        let delays = state.withLock { state -> [UInt64] in
            if state.random.happens(perMille: faults.lostPerMille) { return [] }
            let copies = state.random.happens(perMille: faults.doubledPerMille) ? 2 : 1
            let spread = faults.delay.upperBound - faults.delay.lowerBound + 1
            return (0..<copies).map { _ in
                faults.delay.lowerBound + state.random.below(spread)
            }
        }
        trace.record("\(clock.now) \(sender)>\(receiver) \(message) x\(delays.count)")
        for delay in delays {
            clock.schedule(after: delay) { [self] in deliver(message, sender, receiver) }
        }
    }

    private func deliver(_ message: Message, _ sender: String, _ receiver: String) {
        let now = clock.now
        guard !faults.partitions.contains(where: { $0.separates(sender, receiver, at: now) })
        else { return trace.record("\(now) \(receiver) cut off from \(sender)") }
        let box = state.withLock { $0.boxes[receiver] }
        if box?.put(message) != true { trace.record("\(now) \(receiver) refuses") }
    }
}
