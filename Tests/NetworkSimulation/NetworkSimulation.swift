internal import Glibc
internal import Simulation

/// Runs the network of one seed, or of many, and prints the digest of each trace and what was
/// found.
///
/// A program of its own, so that a test can run it in several processes.
@main
enum NetworkSimulation {
    static func main() {
        let numbers = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
        let first = numbers.first ?? 1
        let count = numbers.dropFirst().first ?? 1
        for seed in first..<first + count {
            do {
                let scenario = try Scenario(seed: seed)
                let outcome = scenario.run()
                print(line(seed, outcome))
                fflush(nil)
                for violation in outcome.violations { print("  VIOLATION: \(violation)") }
                if CommandLine.arguments.contains("--trace") {
                    for line in scenario.site.world.trace.lines { print(line) }
                }
            } catch {
                print("seed \(seed) can not be run: \(error)")
            }
        }
    }

    static func line(_ seed: UInt64, _ outcome: Outcome) -> String {
        let words: [(String, Int)] = [
            ("blocks", outcome.blocks), ("recovered", outcome.sliversRecovered),
            ("heads", outcome.heads), ("reads", outcome.readsGood),
            ("deleted", outcome.deletions), ("sent", outcome.calls.sent),
            ("lost", outcome.calls.lost), ("cut", outcome.calls.cut),
            ("liars", outcome.liars), ("lies", outcome.lies),
            ("epochs", outcome.epochs), ("misencoded", outcome.misencoded),
            ("invalidated", outcome.invalidated), ("restored", outcome.restored),
            ("whole at", outcome.wholeAt),
        ]
        let counts = words.map { "\($0.0) \($0.1)" }.joined(separator: " ")
        return "seed \(seed) \(outcome.digest) \(counts)"
    }
}
