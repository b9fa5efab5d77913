import Testing

/// Leaves out operations as long as the rest still fails, so that what is told is short.
func shrink(
    _ operations: [CrashOperation],
    triesMax: Int = 400,
    _ failure: ([CrashOperation]) -> String?
) -> (operations: [CrashOperation], failure: String?) {
    var kept = operations
    var last: String?
    var tries = 0
    var step = max(1, kept.count / 2)
    while step >= 1 {
        var index = 0
        while index < kept.count, tries < triesMax {
            var fewer = kept
            fewer.removeSubrange(index..<min(index + step, kept.count))
            tries += 1
            if let found = failure(fewer) {
                kept = fewer
                last = found
            } else {
                index += step
            }
        }
        step /= 2
    }
    return (kept, last)
}

/// What a failing seed leaves to read: how to run it again, and the least that fails.
func report(
    seed: UInt64,
    _ operations: [CrashOperation],
    _ failure: ([CrashOperation]) -> String?
) -> String {
    let whole = failure(operations) ?? "it does not fail again"
    let (fewer, last) = shrink(operations, failure)
    let list = fewer.map(\.description).joined(separator: ", ")
    return """
        seed \(seed) (WALRUS_CRASH_SEED=\(seed) runs it again): \(whole)
        of it, \(fewer.count) operations fail: [\(list)]
        with: \(last ?? whole)
        """
}

/// Runs the operations of `count` seeds, and reports the first that fails, and the least of it that
/// does.
///
/// `run` is told whether it runs what failed once more, to see what is needed for that.
/// - Returns: Whether none failed.
func allSurvive(
    _ count: UInt64,
    operationCount: Int,
    _ run: ([CrashOperation], _ seed: UInt64, _ isShrinking: Bool) throws -> Void
) -> Bool {
    func failure(_ operations: [CrashOperation], _ seed: UInt64, _ isShrinking: Bool) -> String? {
        do {
            try run(operations, seed, isShrinking)
            return nil
        } catch {
            return "\(error)"
        }
    }
    for seed in CrashSeeds.range(count) {
        let operations = [CrashOperation].of(seed: seed, count: operationCount)
        guard failure(operations, seed, false) != nil else { continue }
        Issue.record("\(report(seed: seed, operations) { failure($0, seed, true) })")
        return false
    }
    return true
}
