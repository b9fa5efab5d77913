/// What happens to a volume under the crash harness, as data: any list of these is valid.
enum CrashOperation: CustomStringConvertible {
    /// One that the plain tree knows.
    case model(ModelOperation)
    /// fsync(2) of a file or directory.
    case fsync(UInt32)
    /// Some seconds pass, and what is due in the background is done.
    case tick(UInt32)
    /// A file is opened, loses a name, and is written to.
    case orphan(UInt32)
    /// A file without a name is written, and then perhaps gets one (O_TMPFILE).
    case unnamed(UInt32, UInt32)
    /// All files that are open are closed.
    case close
    /// A checkpoint begins: what is frozen goes to the network.
    case cut
    /// It ends: published if the number is even, given up otherwise.
    case endCut(UInt32)
    /// Segments of the log of which not all lives are written again.
    case compact

    var description: String {
        switch self {
        case .model(let operation): ".\(operation)"
        case .fsync(let number): ".fsync(\(number))"
        case .tick(let number): ".tick(\(number))"
        case .orphan(let number): ".orphan(\(number))"
        case .unnamed(let first, let second): ".unnamed(\(first), \(second))"
        case .close: ".close"
        case .cut: ".cut"
        case .endCut(let number): ".endCut(\(number))"
        case .compact: ".compact"
        }
    }
}

extension TestRandom {
    mutating func number() -> UInt32 { UInt32(truncatingIfNeeded: next() >> 16) }

    /// Operations of the tree mostly; the rest so that each meets each within some tens.
    mutating func crashOperation() -> CrashOperation {
        switch number() % 32 {
        case 0, 1: .fsync(number())
        case 2, 3: .tick(number())
        case 4: .orphan(number())
        case 5: .unnamed(number(), number())
        case 6: .close
        case 7, 8: .cut
        case 9, 10: .endCut(number())
        case 11: .compact
        default: .model(operation())
        }
    }
}

extension [CrashOperation] {
    /// The operations of a seed.
    static func of(seed: UInt64, count: Int) -> [CrashOperation] {
        var random = TestRandom(state: seed &* 7919)
        return (0..<count).map { _ in random.crashOperation() }
    }
}
