// Requests and answers over a network that loses, doubles, delays and parts them. A request is a
// closure that runs where it arrives; so services that call each other through protocols run
// here as they are. What is lost, either way, shows as it does over a socket: no answer in time.

internal import Synchronization
internal import SystemIO

/// One life of a service, from its start to its crash.
///
/// When a life is over nothing that its tasks still do reaches anybody: requests that they send are
/// lost, and so are the answers that they give.
package final class SimulatedLife: Sendable {
    package let name: String
    // Guards a word.
    private let over = Mutex(false)
    /// Whether the power is still on, as the disk of the service sees it.
    private let hasPower: @Sendable () -> Bool

    package init(_ name: String, hasPower: @escaping @Sendable () -> Bool = { true }) {
        self.name = name
        self.hasPower = hasPower
    }

    package var isOver: Bool { over.withLock { $0 } || !hasPower() }

    package func end() { over.withLock { $0 = true } }
}

/// Why there is no answer.
package enum SimulatedCallFailure: Error, Equatable, Sendable {
    /// Nobody is there; known at once, or after the way there and back.
    case refused
    case timeout
    case cancelled
}

package final class SimulatedCalls: Sendable {
    private struct State {
        var random: SplitMix64
        var counts = Counts()
    }

    /// What became of requests and answers.
    package struct Counts: Sendable, Equatable {
        package var sent = 0
        package var lost = 0
        package var doubled = 0
        package var cut = 0

        package init() {}
    }

    // Guards the generator and the counters.
    private let state: Mutex<State>
    private let world: SimulatedWorld
    private let faults: NetworkFaults

    package init(_ world: SimulatedWorld, seed: UInt64, faults: NetworkFaults) {
        self.world = world
        self.faults = faults
        state = Mutex(State(random: SplitMix64(seed: seed)))
    }

    package var counts: Counts { state.withLock { $0.counts } }

    /// Has `body` run at `receiver` and brings back its answer.
    ///
    /// `receiver` is asked when the request arrives: nil says that nobody is there. The body may
    /// run twice, or after the caller has given up.
    package func call<Target: Sendable, Result: Sendable>(
        from sender: SimulatedLife,
        to receiver: @escaping @Sendable () -> (life: SimulatedLife, target: Target)?,
        named name: String,
        _ what: String,
        timeout: UInt64,
        _ body: @escaping @Sendable (Target) async -> Result
    ) async -> Swift.Result<Result, SimulatedCallFailure> {
        let answer = OneShot<Swift.Result<Result, SimulatedCallFailure>>()
        let clock = world.clock
        clock.schedule(after: timeout) { answer.resolve(.failure(.timeout)) }
        guard !sender.isOver else { return await answer.wait(cancelled: .failure(.cancelled)) }
        let label = "\(sender.name)>\(name) \(what)"
        carry(sender.name, name, label) { [self] in
            guard let (life, target) = receiver(), !life.isOver else {
                carry(name, sender.name, label + " refused") {
                    answer.resolve(.failure(.refused))
                }
                return
            }
            world.start { [self] in
                let result = await body(target)
                guard !life.isOver else { return }
                carry(name, sender.name, label + " answered") {
                    guard !sender.isOver else { return }
                    answer.resolve(.success(result))
                }
            }
        }
        return await answer.wait(cancelled: .failure(.cancelled))
    }

    /// Brings something from one service to another, once, twice, late or never.
    private func carry(
        _ sender: String,
        _ receiver: String,
        _ label: String,
        _ deliver: @escaping @Sendable () -> Void
    ) {
        let now = world.clock.now
        let delays = state.withLock { state -> [UInt64] in
            state.counts.sent += 1
            let spread = faults.delay.upperBound - faults.delay.lowerBound + 1
            func delay() -> UInt64 { faults.delay.lowerBound + state.random.below(spread) }
            // Drawn also when it is quiet, so that what follows does not depend on that.
            let isLost = state.random.happens(perMille: faults.lostPerMille)
            let isDoubled = state.random.happens(perMille: faults.doubledPerMille)
            let (first, second) = (delay(), delay())
            if now >= faults.quietFrom { return [faults.delay.lowerBound] }
            if isLost {
                state.counts.lost += 1
                return []
            }
            if isDoubled { state.counts.doubled += 1 }
            return isDoubled ? [first, second] : [first]
        }
        world.trace.record("\(now) \(label) \(delays)")
        for delay in delays {
            world.clock.schedule(after: delay) { [self] in
                let now = world.clock.now
                let isCut = faults.partitions.contains {
                    $0.separates(sender, receiver, at: now)
                }
                if isCut {
                    state.withLock { $0.counts.cut += 1 }
                    return world.trace.record("\(now) \(label) cut")
                }
                deliver()
            }
        }
    }
}
