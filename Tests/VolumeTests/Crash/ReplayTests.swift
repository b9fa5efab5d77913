import SystemIO
import Testing

@testable import Volume

/// One seed replays anything: what a run does to its disk does not depend on the order of any set
/// or dictionary, which is another one each time.
struct ReplayTests {
    /// All that is on the disk after a seed's operations, and how many steps it took.
    private func run(_ seed: UInt64) throws -> String {
        let run = try CrashRun(CrashLife.Options())
        for operation in [CrashOperation].of(seed: seed, count: 120) { try run.perform(operation) }
        let disk = run.life.harness.disk
        var text = "\(disk.steps) steps"
        for folder in ["/", "/log"] {
            for name in try disk.list(folder) {
                let path = folder == "/" ? "/" + name : folder + "/" + name
                guard try disk.status(path)?.isDirectory == false else { continue }
                let bytes = try disk.readWholeFile(path) ?? []
                // SQLite salts its write-ahead log with numbers of its own.
                let sum = name.hasSuffix("-wal") ? 0 : CRC32C.checksum(bytes)
                text += "\n\(path) \(bytes.count) \(sum)"
            }
        }
        return text
    }

    @Test func oneSeedDoesTheSameToTheDiskEachTime() throws {
        for seed in UInt64(1)...12 {
            let first = try run(seed)
            #expect(first.contains("/volume.db"), "\(first)")
            for _ in 0..<2 { #expect(try run(seed) == first, "seed \(seed)") }
        }
    }
}
