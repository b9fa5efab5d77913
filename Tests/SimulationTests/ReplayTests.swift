internal import Foundation
internal import Simulation
internal import Testing

/// A seed names one run, in whatever process it is made.
@Suite struct ReplayTests {
    private static let spike = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "simulation-spike").path

    private static func run(seed: Int) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: spike)
        process.arguments = ["\(seed)"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let printed = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return String(decoding: printed, as: UTF8.self)
    }

    @Test func aHundredProcessesMakeTheSameTrace() throws {
        let first = try Self.run(seed: 7)
        #expect(first.hasSuffix(" 40 40\n"), "\(first)")
        for _ in 1..<100 { #expect(try Self.run(seed: 7) == first) }
    }

    @Test func everySeedIsAnotherRunThatReachesItsGoal() throws {
        var digests: Set<String> = []
        for seed in 0..<20 {
            let line = try Self.run(seed: seed)
            #expect(line.hasSuffix(" 40 40\n"), "seed \(seed): \(line)")
            digests.insert(line)
        }
        #expect(digests.count == 20)
    }
}
