internal import ErasureCoding
internal import Synchronization
internal import SystemIO
internal import Testing

@Suite struct WorkersTests {
    private struct Refused: Error, Equatable { let part: Int }

    private static let all: [Workers] = [
        .none, Workers(BlockingPool(threads: 0)), Workers(BlockingPool(threads: 1), helpers: 1),
        Workers(BlockingPool(threads: 4)), Workers(BlockingPool(threads: 2), helpers: 9),
    ]

    @Test func eachPartIsDoneOnceBeforeTheCallReturns() {
        for workers in Self.all {
            for count in [0, 1, 2, 3, 100] {
                let times = Mutex([Int](repeating: 0, count: count))
                var told: [Int] = []
                workers.forEach(
                    count,
                    progress: { told.append($0) },
                    scratch: {},
                    body: { part, _ in times.withLock { $0[part] += 1 } }
                )
                #expect(times.withLock { $0 } == [Int](repeating: 1, count: count))
                #expect(told == told.sorted() && told.allSatisfy { (1...count).contains($0) })
            }
        }
    }

    @Test func anErrorEndsItWhenAllThatBeganIsDone() {
        for workers in Self.all {
            let running = Atomic<Int>(0)
            #expect(throws: Refused.self) {
                try workers.forEach(
                    50,
                    scratch: {},
                    body: { (part, _) throws(Refused) in
                        running.add(1, ordering: .relaxed)
                        defer { running.subtract(1, ordering: .relaxed) }
                        if part == 7 { throw Refused(part: part) }
                    }
                )
            }
            #expect(running.load(ordering: .relaxed) == 0)
        }
    }

    /// Callers that take up a whole pool, and ask its threads for help, do not wait for ever.
    @Test func callersMayBeThreadsOfTheSamePool() async {
        let pool = BlockingPool(threads: 2)
        let workers = Workers(pool, helpers: 2)
        let sums = await withTaskGroup(of: Int.self, returning: [Int].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    await pool.run {
                        let sum = Atomic<Int>(0)
                        workers.forEach(20, scratch: {}) { part, _ in
                            sum.add(part, ordering: .relaxed)
                        }
                        return sum.load(ordering: .relaxed)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(sums == [Int](repeating: 190, count: 8))
    }
}
