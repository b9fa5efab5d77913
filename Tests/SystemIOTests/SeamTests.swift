internal import Glibc
internal import Synchronization
internal import SystemIO
internal import TestSupport
internal import Testing

@Suite struct SeamTests {
    @Test func checksumsAreThoseOfTheRFC() {
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum(Array(0..<32)) == 0x46DD_794E)
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32C.checksum([]) == 0)
    }

    @Test func bothChecksumsAgreeAtEveryLength() {
        let bytes = SeededEntropy(seed: 1).bytes(count: 20_000)
        for length in Array(0..<300) + [4079, 4080, 4081, 4096, 8159, 8160, 8161, 12_289, 20_000] {
            let part = Array(bytes.prefix(length))
            #expect(CRC32C.checksum(part) == CRC32C.portableChecksum(part), "length \(length)")
            let (head, tail) = (part.prefix(length / 3), part.suffix(length - length / 3))
            let first = CRC32C.checksum(Array(head))
            #expect(CRC32C.checksum(Array(tail), continuing: first) == CRC32C.checksum(part))
        }
    }

    @Test func entropyFillsAndRepeats() {
        #expect(LinuxEntropy().bytes(count: 600) != LinuxEntropy().bytes(count: 600))
        #expect(SeededEntropy(seed: 5).bytes(count: 13) == SeededEntropy(seed: 5).bytes(count: 13))
        let entropy = SeededEntropy(seed: 2)
        #expect(Set((0..<200).map { _ in entropy.uint64(below: 3) }) == [0, 1, 2])
    }

    @Test func aManualClockMovesOnlyWhenTold() async throws {
        let clock = ManualTimeSource(milliseconds: 1500)
        #expect(clock.wallTime == WallTime(seconds: 1, nanoseconds: 500_000_000))
        try await clock.sleep(for: .zero)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for seconds in [3, 1, 2] {
                group.addTask {
                    try await clock.sleep(for: .seconds(seconds))
                    return seconds
                }
            }
            while clock.sleeperCount < 3 { await Task.yield() }
            clock.advance(by: .seconds(1))
            #expect(try await group.next() == 1)
            clock.advance(by: .seconds(2))
            var rest: Set<Int> = []
            for try await seconds in group { rest.insert(seconds) }
            #expect(rest == [2, 3])
        }
        #expect(clock.nowMilliseconds == 4500)
        #expect(clock.uptime == .seconds(3))
    }

    @Test func aCancelledSleeperWakes() async {
        let clock = ManualTimeSource()
        let outcome = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    try await clock.sleep(for: .seconds(1))
                    return false
                } catch {
                    return error is CancellationError
                }
            }
            while clock.sleeperCount < 1 { await Task.yield() }
            group.cancelAll()
            return await group.next()
        }
        #expect(outcome == true)
    }

    @Test(arguments: [0, 1, 3])
    func aPoolRunsEverythingOnce(threads: Int) async {
        let pool = BlockingPool(threads: threads)
        let running = Gauge()
        let sum = await withTaskGroup(of: Int.self) { group in
            for number in 0..<500 {
                group.addTask {
                    await pool.run {
                        running.enter()
                        defer { running.leave() }
                        return number
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(sum == 500 * 499 / 2)
        if threads > 0 { #expect(running.most <= threads) }
    }

    /// A ledger's lock was still held when the caller had let go of the ledger.
    @Test func aPoolHoldsOnToNothingAfterACall() async {
        final class Held: Sendable {
            let isGone: @Sendable () -> Void
            init(_ isGone: @escaping @Sendable () -> Void) { self.isGone = isGone }
            deinit { isGone() }
        }
        let pool = BlockingPool(threads: 2)
        let gone = Mutex(0)
        for round in 0..<2000 {
            var held: Held? = Held { gone.withLock { $0 += 1 } }
            await pool.run { [held] in #expect(held != nil) }
            held = nil
            #expect(gone.withLock { $0 } == round + 1)
        }
    }

    @Test func aPoolMayGiveWayToOthers() async {
        let own = await BlockingPool(threads: 1).run {
            getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
        }
        let pool = BlockingPool(threads: 1, niceness: 5)
        let inPool = await pool.run { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }
        #expect(inPool == min(own + 5, 19))
    }

    @Test func aPoolPassesTypedErrorsOn() async {
        let pool = BlockingPool(threads: 1)
        let failure = SystemError(operation: "test", code: 5, path: "")
        do throws(SystemError) {
            try await pool.run { () throws(SystemError) in throw failure }
            Issue.record("nothing was thrown")
        } catch {
            #expect(error == failure)
        }
    }

    @Test func threadsWaitForEachOther() {
        let monitor = Monitor(0)
        let threads = (0..<3).map { index in
            SystemThread(name: "test-\(index)") {
                monitor.waitUntil { $0 % 3 == index ? () : nil }
                monitor.withLock { $0 += 1 }
                monitor.wakeAll()
            }
        }
        for thread in threads { thread.join() }
        #expect(monitor.withLock { $0 } == 3)
    }
}

/// How many are inside at a time.
private final class Gauge: Sendable {
    private let counts = Mutex((now: 0, most: 0))

    var most: Int { counts.withLock { $0.most } }

    func enter() { counts.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }

    func leave() { counts.withLock { $0.now -= 1 } }
}
