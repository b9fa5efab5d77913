internal import Synchronization

/// How long pieces of work take.
///
/// The machine is shared and noisy, so what is compared takes turns, and the median counts.
enum Measure {
    /// The median seconds of each piece of work, done in turn for about `budget` seconds in all,
    /// but at least `roundsMin` times.
    static func medians(
        _ works: [() throws -> Void],
        roundsMin: Int = 3,
        budget: Double = 1.0
    ) throws -> [Double] {
        var taken = works.map { _ in [Double]() }
        var total = 0.0
        while taken[0].count < roundsMin || (total < budget && taken[0].count < 1000) {
            for (index, work) in works.enumerated() {
                let seconds = try ContinuousClock().measure(work) / .seconds(1)
                taken[index].append(seconds)
                total += seconds
            }
        }
        return taken.map { $0.sorted()[$0.count / 2] }
    }

    static func median(
        roundsMin: Int = 3,
        budget: Double = 1.0,
        _ work: @escaping () throws -> Void
    ) throws -> Double {
        try medians([work], roundsMin: roundsMin, budget: budget)[0]
    }
}

/// A goal, a ratio of this one run.
struct Goal {
    let text: String
    let reached: Bool

    /// A ratio that should be at least, or at most, `bound`.
    init(_ what: String, _ ratio: Double, atLeast bound: Double) {
        reached = ratio >= bound
        text = "\(what): \(Text.fixed(ratio, 2)) (at least \(Text.fixed(bound, 2)))"
    }

    init(_ what: String, _ ratio: Double, atMost bound: Double) {
        reached = ratio <= bound
        text = "\(what): \(Text.fixed(ratio, 2)) (at most \(Text.fixed(bound, 2)))"
    }

    func show() { print("  \(reached ? "reached" : "MISSED ")  \(text)") }
}

/// Numbers and columns.
enum Text {
    static func fixed(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let whole = Int((value * scale + 0.5))
        guard digits > 0 else { return String(whole) }
        let fraction = String(whole % Int(scale))
        return "\(whole / Int(scale))."
            + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    static func left(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    static func bytes(_ count: Int) -> String {
        if count % (1 << 20) == 0 { return "\(count >> 20) MiB" }
        if count % (1 << 10) == 0 { return "\(count >> 10) KiB" }
        return "\(count) B"
    }

    static func time(_ seconds: Double) -> String {
        if seconds < 1e-3 { return fixed(seconds * 1e6, 0) + " us" }
        return seconds < 10 ? fixed(seconds * 1e3, 2) + " ms" : fixed(seconds, 1) + " s"
    }
}

/// Bytes that do not compress, the same every time.
struct Noise {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func bytes(_ count: Int) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            for index in stride(from: 0, to: count, by: 8) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                var word = state ^ state >> 29
                for place in index..<min(index + 8, count) {
                    unsafe buffer[place] = UInt8(truncatingIfNeeded: word)
                    word >>= 8
                }
            }
            written = count
        }
    }
}

/// Where results go, so that work is not left out.
enum Sink {
    static let total = Atomic<Int>(0)

    static func take(_ value: Int) { total.add(value, ordering: .relaxed) }
}
