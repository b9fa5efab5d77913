internal import Simulation

/// Runs the toy scenario of one seed and prints the digest of its trace and what was reached.
///
/// A program of its own, so that a test can run it in a hundred processes, each with its own hash
/// seeds, addresses and scheduling.
@main
enum Spike {
    static func main() {
        let seed = CommandLine.arguments.dropFirst().first.flatMap { UInt64($0) } ?? 1
        let outcome = ToyScenario(seed: seed).run()
        print(outcome.digest, outcome.stored, outcome.confirmed)
    }
}
