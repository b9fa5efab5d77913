internal import ErasureCoding
internal import Foundation

/// The one-dimensional codes next to the reference's, by way of its Python wheel.
struct CodeBench {
    private let wheel: Wheel?

    init(python: String?) { wheel = python.flatMap { Wheel(python: $0) } }

    func run() throws -> [Goal] {
        print("\nReed-Solomon, one core, GB/s of shards in and out")
        print("      code   shard       ours  reference  ratio")
        var goals: [Goal] = []
        for (originals, recoveries) in [(334, 666), (667, 333)] {
            for size in [1 << 10, 4 << 10, 16 << 10, 64 << 10] {
                var noise = Noise(7)
                let code = try ReedSolomonCode(originals: originals, recoveries: recoveries)
                let shards = (0..<originals).map { _ in noise.bytes(size) }
                // Taking turns: before and after the other.
                var ours = try Measure.median(budget: 0.4) {
                    Sink.take(try code.encode(shards).count)
                }
                let theirs = wheel?.seconds(originals, recoveries, size)
                let again = try Measure.median(budget: 0.4) {
                    Sink.take(try code.encode(shards).count)
                }
                ours = (ours + again) / 2
                let bytes = Double((originals + recoveries) * size) / 1e9
                let name = "\(originals)->\(recoveries)"
                var line = "  \(name)  \(Text.right(Text.bytes(size), 6))  "
                line += Text.right(Text.fixed(bytes / ours, 2), 9)
                if let theirs {
                    line += Text.right(Text.fixed(bytes / theirs, 2), 11)
                    line += Text.right(Text.fixed(theirs / ours, 2), 7)
                    goals.append(
                        Goal("\(name) at \(Text.bytes(size))", theirs / ours, atLeast: 1.2)
                    )
                } else {
                    line += "          -      -"
                }
                print(line)
            }
        }
        return goals
    }
}

/// The wheel in Python processes, one for each question.
private struct Wheel {
    let python: String

    init?(python: String) {
        guard FileManager.default.isExecutableFile(atPath: python) else {
            print("SKIPPED: the reference Reed-Solomon: there is no program \(python)")
            return nil
        }
        self.python = python
    }

    /// The median time of an encoding; nil when there is no answer.
    func seconds(_ originals: Int, _ recoveries: Int, _ size: Int) -> Double? {
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "wheel.py")
        let process = Process()
        let answer = Pipe()
        process.executableURL = URL(filePath: python)
        process.arguments = [script.path, String(originals), String(recoveries), String(size)]
        process.standardOutput = answer
        do {
            try process.run()
            let text = String(
                decoding: try answer.fileHandleForReading.readToEnd() ?? Data(),
                as: UTF8.self
            )
            process.waitUntilExit()
            return Double(text.split(separator: "\n").last ?? "")
        } catch {
            return nil
        }
    }
}
