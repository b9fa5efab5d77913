/// The generator that all choices of a simulation come from (Steele, Lea, Flood 2014).
///
/// Small, fast, and the same on every machine: a seed names one run for ever.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, without the library's own algorithm, which may change.
    ///
    /// - Precondition: `bound > 0`.
    package mutating func below(_ bound: UInt64) -> UInt64 {
        precondition(bound > 0)
        return next().multipliedFullWidth(by: bound).high
    }

    /// True `perMille` times in a thousand.
    package mutating func happens(perMille: UInt64) -> Bool { below(1000) < perMille }
}
