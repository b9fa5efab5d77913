internal import Simulation
internal import Synchronization
internal import Testing

@Suite struct WorldTests {
    @Test func theClockMovesOnlyWhenNothingElseCan() {
        let world = SimulatedWorld(seed: 3)
        let order = Mutex<[String]>([])
        let clock = world.clock
        world.start {
            await clock.sleep(for: 20)
            order.withLock { $0.append("late \(clock.now)") }
        }
        world.start {
            await clock.sleep(for: 10)
            order.withLock { $0.append("early \(clock.now)") }
            async let child: Void = clock.sleep(for: 5)
            await child
            order.withLock { $0.append("child \(clock.now)") }
        }
        world.run(upTo: 1000)
        #expect(order.withLock { $0 } == ["early 10", "child 15", "late 20"])
    }

    @Test func aDayTakesNoTime() {
        let world = SimulatedWorld(seed: 1)
        let clock = world.clock
        let hours = Mutex(0)
        world.start {
            for _ in 0..<24 {
                await clock.sleep(for: 3_600_000_000_000)
                hours.withLock { $0 += 1 }
            }
        }
        world.run(upTo: 86_400_000_000_000)
        #expect(hours.withLock { $0 } == 24)
    }

    @Test func aFullMailboxLosesWhatComes() async {
        let box = Mailbox<Int>(capacity: 2)
        #expect(box.put(1))
        #expect(box.put(2))
        #expect(!box.put(3))
        #expect(await box.next() == 1)
        #expect(await box.next() == 2)
        box.close()
        #expect(await box.next() == nil)
        #expect(!box.put(4))
    }

    /// The first outputs of the published generator for seed 1234567.
    @Test func theGeneratorIsThePublishedOne() {
        var random = SplitMix64(seed: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        #expect((0..<1000).allSatisfy { _ in random.below(7) < 7 })
    }
}
