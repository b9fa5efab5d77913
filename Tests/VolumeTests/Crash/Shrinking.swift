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
