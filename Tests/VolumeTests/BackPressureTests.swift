import Testing

@testable import Volume

/// When a writer is held back, and for how long: a decision without a clock.
struct BackPressureTests {
    private func pressure(
        _ used: UInt64,
        drained: UInt64 = 0,
        hasUploader: Bool = true
    ) -> BackPressure {
        BackPressure(used: used, cap: 1 << 30, drained: drained, hasUploader: hasUploader)
    }

    private let start: UInt64 = (1 << 30) / 10 * 6
    private let mebibyte = 1 << 20

    /// Seconds that the answer of a write waits.
    private func delay(_ pressure: BackPressure) -> Double? {
        switch pressure.answer(mebibyte) {
        case .write: 0
        case .writeSlowly(let duration): duration / .seconds(1)
        case .wait, .refuse: nil
        }
    }

    @Test func nobodyIsHeldBackBelowThreeFifths() {
        for used in [0, 1, start - 1, start] {
            #expect(pressure(used).answer(mebibyte) == .write)
            #expect(!BackPressure.isFelt(at: used, of: 1 << 30))
        }
        #expect(BackPressure.isFelt(at: start + 1, of: 1 << 30))
    }

    /// Always longer the fuller it is, from nothing on and without a jump.
    @Test(arguments: [0, 1 << 20, 20 << 20, 1 << 30] as [UInt64])
    func theFullerTheSlower(drained: UInt64) throws {
        var last = 0.0
        for used in stride(from: start, through: (1 << 30) - (1 << 20), by: 1 << 20) {
            let found = try #require(delay(pressure(used, drained: drained)))
            #expect(found >= last)
            #expect(found - last < 0.01, "at \(used): \(last) then \(found)")
            last = found
        }
        #expect(last > 0)
    }

    /// At the cap a writer is as fast as the log empties, so it stays there.
    @Test(arguments: [20 << 20, 100 << 20] as [UInt64])
    func atTheCapWritersKeepStep(drained: UInt64) throws {
        let found = try #require(delay(pressure((1 << 30) - (1 << 20), drained: drained)))
        let speed = Double(mebibyte) / found
        #expect(speed > Double(drained) * 0.95 && speed < Double(drained) * 1.05)
    }

    /// With nothing leaving, a writer still reaches the cap: in half a minute, not in hours.
    @Test func aDeadNetworkDoesNotMakeWritersCrawl() throws {
        var (used, seconds) = (start, 0.0)
        while let found = delay(pressure(used)) {
            seconds += found
            used += UInt64(mebibyte)
        }
        #expect(seconds > 10 && seconds < 30)
        #expect(pressure(used).answer(mebibyte) == .wait)
    }

    @Test func atTheCapAWriteWaitsIfAnythingMakesRoom() {
        #expect(pressure(1 << 30).answer(1) == .wait)
        #expect(pressure((1 << 30) - 10).answer(11) == .wait)
        #expect(pressure(1 << 30, hasUploader: false).answer(1) == .refuse)
        let free = BackPressure(used: 1 << 40, cap: .max, drained: 0, hasUploader: false)
        #expect(free.answer(mebibyte) == .write, "without a network the disk is the cap")
    }

    @Test func aRateForgetsWhatIsLongAgo() {
        var meter = RateMeter()
        #expect(meter.rate(at: .seconds(5)) == 0)
        for second in 1...100 { meter.add(1000, at: .seconds(second)) }
        #expect((950...1050).contains(meter.rate(at: .seconds(100))))
        #expect(meter.rate(at: .seconds(110)) < 400)
        #expect(meter.rate(at: .seconds(300)) == 0)
        #expect(meter.rate(at: .seconds(1)) <= 1050, "a time before the last is as good as it")
    }
}
