import Foundation
import Testing

@testable import Volume

/// Which seeds are run: CI's, or those of the environment.
///
/// `WALRUS_CRASH_SEED=n` replays one, `WALRUS_CRASH_SEEDS=n` runs so many instead of CI's, from
/// `WALRUS_CRASH_FIRST` on. ``ReplayTests`` sees to it that a replay is exact.
enum CrashSeeds {
    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    /// One seed is run again, so that whatever happens is worth a line.
    static var isReplay: Bool { number("WALRUS_CRASH_SEED") != nil }

    /// As many seeds as CI runs, so that numbers of what they met mean something.
    static var isWhole: Bool { !isReplay && number("WALRUS_CRASH_SEEDS") == nil }

    static func range(_ count: UInt64) -> Range<UInt64> {
        if let seed = number("WALRUS_CRASH_SEED") { return seed..<seed + 1 }
        let first = number("WALRUS_CRASH_FIRST") ?? 1
        return first..<first + (number("WALRUS_CRASH_SEEDS") ?? count)
    }
}

/// What a set of runs came to.
struct CrashTally {
    var seeds = 0
    var operations = 0
    var powerCuts = 0
    var kills = 0
    var lives = 0
    /// How often a volume was opened, mostly after a crash, or a crash while it was opened.
    var openings = 0

    var text: String {
        "\(seeds) seeds, \(operations) operations, \(lives) lives, \(powerCuts) power cuts, "
            + "\(kills) kills, \(openings) openings"
    }
}
