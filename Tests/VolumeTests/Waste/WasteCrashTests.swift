import BlobModel
import Synchronization
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

/// Whatever ends a mount while blobs are let go of, nothing that is needed goes, and what is not
/// needed goes later.
struct WasteCrashTests {
    /// A volume to which things happen, and the trees that it published.
    private final class Story {
        var random: TestRandom
        let blobs = InMemoryBlobStore()
        let ledger = InMemoryLedger()
        var disk = InMemoryFileSystem()
        var world: CheckpointWorld
        var events: [String] = []
        /// The tree of each checkpoint.
        var trees: [UInt64: [String]] = [:]
        /// Older ones were given up.
        var keptFrom: UInt64 = 1
        var names: [String] = []
        var made = 0
        var deleted = 0
        var failures = 0
        var emptied = 0
        var rebuilt = 0
        /// Sequences that are kept besides the newest.
        var pins: Set<UInt64> = []

        private let checkpointsKept: UInt64

        init(seed: UInt64, checkpointsKept: UInt64 = 3) async throws {
            random = TestRandom(state: seed)
            self.checkpointsKept = checkpointsKept
            world = try await CheckpointWorld(
                disk,
                .new,
                blobs: blobs,
                ledger: ledger,
                checkpointsKept: checkpointsKept
            )
        }

        private func below(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }

        func step() async throws {
            switch below(20) {
            case 0...3: for _ in 0...below(6) { try write() }
            case 4...6: for _ in 0...below(6) { try remove() }
            case 7: try await publish { try await world.checkpointer.sync() }
            case 8...14: try await collect(immediately: below(4) == 0)
            case 15:
                ledger.endGrace()
                events.append("the grace is over")
            case 16: try await crash()
            case 17: try await crash(losesView: true)
            case 18: pin()
            default: try await takeOver()
            }
        }

        /// Pins the newest checkpoint, or lets a pin go.
        private func pin() {
            guard let head = ledger.head?.sequence else { return }
            if let old = pins.min() {
                events.append("unpins \(old)")
                pins.remove(old)
            } else {
                events.append("pins \(head)")
                pins.insert(head)
            }
            ledger.pin(pins.sorted())
        }

        private func write() throws {
            // Few contents, so that chunks are shared and come back.
            let bytes = noise(2000 + 50_000 * below(4), seed: UInt64(below(20)))
            let name = "file-\(made)"
            made += 1
            events.append("writes \(name), \(bytes.count) bytes")
            try world.volume.makeFile(name, bytes)
            names.append(name)
        }

        private func remove() throws {
            guard !names.isEmpty else { return }
            let name = names.remove(at: below(names.count))
            events.append("removes \(name)")
            try world.volume.unlink(.root, world.volume.name(name), context: someone)
        }

        private func collect(immediately: Bool) async throws {
            events.append("collects, immediately \(immediately)")
            // Given up as soon as it is begun.
            if immediately { keptFrom = .max }
            let emptiedBefore = await world.checkpointer.wasteReport().packsEmptied
            let collecting = world.checkpointer
            defer { events.append("has emptied \(emptied) packs") }
            try await publish {
                if below(2) == 0 {
                    blobs.plan.fail(at: 1 + below(20), forEver: below(2) == 0)
                }
                let report = try await world.checkpointer.collect(
                    immediately: immediately,
                    patience: .zero
                )
                deleted += report.deleted
            }
            emptied += await collecting.wasteReport().packsEmptied - emptiedBefore
            if immediately { keptFrom = ledger.head?.sequence ?? 1 }
        }

        private func publish(_ body: () async throws -> Void) async throws {
            let before = ledger.head?.sequence ?? 0
            let tree = try await world.describe()
            do {
                try await body()
            } catch {
                failures += 1
                events.append("fails: \(error)")
            }
            let after = ledger.head?.sequence ?? 0
            if after > before { for number in before + 1...after { trees[number] = tree } }
            if blobs.plan.clearIfPlanned() { try await crash(powerCut: false) }
        }

        private func crash(powerCut: Bool? = nil, losesView: Bool = false) async throws {
            let isCut = powerCut ?? (below(2) == 0)
            events.append("crashes, power cut \(isCut), loses its view \(losesView)")
            blobs.plan.clear()
            disk = isCut ? disk.crash(seed: random.next()) : disk.kill()
            if losesView { try await rebuild() }
            let before = ledger.head?.sequence ?? 0
            world = try await CheckpointWorld(
                disk,
                .left,
                blobs: blobs,
                ledger: ledger,
                checkpointsKept: checkpointsKept
            )
            names = try world.volume.list(.root).map { String(decoding: $0.name, as: UTF8.self) }
            // What was in flight is published by the next; its tree is that of its cut.
            if world.volume.cutInFlight() != nil {
                try await world.checkpointer.sync()
                let after = ledger.head?.sequence ?? 0
                if after > before + 1 { trees[after] = try await world.describe() }
            }
        }

        private func rebuild() async throws {
            for suffix in ["", "-wal"] where try disk.exists("/state/volume.db" + suffix) {
                try disk.removeFile("/state/volume.db" + suffix)
            }
            _ = try await CheckpointWorld.rebuild(disk, blobs: blobs, ledger: ledger)
            rebuilt += 1
        }

        private func takeOver() async throws {
            guard ledger.head != nil else { return }
            events.append("another takes over")
            disk = InMemoryFileSystem()
            world = try await CheckpointWorld(
                disk,
                .attached,
                blobs: blobs,
                ledger: ledger,
                takesOver: true,
                checkpointsKept: checkpointsKept
            )
            names = try world.volume.list(.root).map { String(decoding: $0.name, as: UTF8.self) }
        }

        /// Whatever is kept is whole on a machine that has never seen the volume.
        func check() async throws {
            guard let head = ledger.head?.sequence else { return }
            let oldest = max(min(keptFrom, head), head > 2 ? head - 2 : 1)
            for number in pins.union(oldest...head).sorted() {
                let elsewhere = try await WasteOracle.attach(
                    number,
                    blobs: blobs,
                    ledger: ledger
                )
                let tree = try await elsewhere.describe()
                if let expected = trees[number], tree != expected {
                    throw CrashRun.Violation(description: "checkpoint \(number) is another")
                }
                let report = try elsewhere.volume.check()
                guard report.isClean else {
                    throw CrashRun.Violation(description: "\(number): \(report.problems)")
                }
            }
            let report = try world.volume.check()
            guard report.isClean else {
                throw CrashRun.Violation(description: "\(report.problems)")
            }
        }

        /// At rest, and with nothing kept but the head, all that is there is needed.
        func end() async throws {
            pins = []
            ledger.pin([])
            ledger.endGrace()
            try world.volume.makeFile("the-end")
            for _ in 0..<3 { _ = try await world.checkpointer.collect(immediately: true) }
            ledger.endGrace()
            _ = try await world.checkpointer.collect(immediately: true)
            keptFrom = .max
            try await check()
            let needed = try await WasteOracle.neededByHead(blobs: blobs, ledger: ledger)
            guard needed.isSubset(of: blobs.blobs.keys) else {
                throw CrashRun.Violation(description: "something is missing")
            }
        }
    }

    @Test func nothingThatIsNeededGoes() async throws {
        var (deleted, failures, emptied, rebuilt) = (0, 0, 0, 0)
        for seed in CrashSeeds.range(12) {
            let story = try await Story(seed: seed)
            do {
                for _ in 0..<40 {
                    try await story.step()
                    try await story.check()
                }
                try await story.end()
            } catch {
                Issue.record("seed \(seed): \(error)\n\(story.events.joined(separator: "\n"))")
                return
            }
            deleted += story.deleted
            failures += story.failures
            emptied += story.emptied
            rebuilt += story.rebuilt
        }
        if CrashSeeds.isWhole {
            #expect(deleted > 30 && failures > 0 && emptied > 2 && rebuilt > 5)
        }
        print("waste: \(deleted) blobs deleted, \(emptied) packs emptied, \(failures) failures")
    }

    /// The oracle notices: a mount that keeps the head alone, where three are promised.
    @Test func keepingTooLittleIsNoticed() async throws {
        for seed in UInt64(1)...40 {
            let story = try await Story(seed: seed, checkpointsKept: 1)
            for _ in 0..<24 {
                do {
                    try await story.step()
                    try await story.check()
                } catch {
                    return
                }
            }
        }
        Issue.record("what a kept checkpoint needs went, and nobody noticed")
    }

    /// Kills and power cuts at each place where something goes.
    @Test func aCrashAtAnyStageLosesNothingAndLeavesNothing() async throws {
        let (disk, blobs, ledger) = (InMemoryFileSystem(), InMemoryBlobStore(), InMemoryLedger())
        let recorder = CheckpointCrashTests.Recorder(disk, blobs, ledger)
        let world = try await CheckpointWorld(disk, .new, blobs: blobs, ledger: ledger) {
            recorder.pass($0)
        }
        for round in 0..<4 {
            try world.volume.makeFile("file-\(round)", noise(700_000, seed: UInt64(round)))
            try world.volume.makeFile("small-\(round)", noise(3000, seed: UInt64(90 + round)))
            if round > 0 {
                let name = world.volume.name("file-\(round - 1)")
                try world.volume.unlink(.root, name, context: someone)
            }
            // The first three are published with their grace, which then ends.
            _ = try await world.checkpointer.collect(immediately: round == 3)
            ledger.endGrace()
        }
        _ = try await world.checkpointer.collect(immediately: true)
        let tree = try await world.describe()
        #expect(await world.checkpointer.wasteReport().packsEmptied > 1)
        let images = recorder.take().filter { FaultPoint.ofWaste.contains($0.point) }
        #expect(Set(images.map(\.point)) == FaultPoint.ofWaste)
        for (index, image) in images.enumerated() {
            for disk in [image.disk.kill(), image.disk.crash(seed: UInt64(index + 1))] {
                let blobs = InMemoryBlobStore(copying: image.blobs)
                let ledger = InMemoryLedger(copying: image.ledger)
                let world = try await CheckpointWorld(disk, .left, blobs: blobs, ledger: ledger)
                let before = try await world.describe()
                ledger.endGrace()
                for _ in 0..<2 {
                    let count = try world.volume.list(.root).count
                    try world.volume.makeFile("more-\(count)")
                    _ = try await world.checkpointer.collect(immediately: true)
                    ledger.endGrace()
                }
                let what = "\(image.point), image \(index)"
                let needed = try await WasteOracle.neededByHead(blobs: blobs, ledger: ledger)
                #expect(Set(blobs.blobs.keys) == needed, "\(what)")
                let elsewhere = try await WasteOracle.attach(
                    ledger.head?.sequence ?? 0,
                    blobs: blobs,
                    ledger: ledger
                )
                #expect(try await elsewhere.describe() == world.describe(), "\(what)")
                #expect(before.count <= tree.count, "\(what)")
                let report = try world.volume.check()
                #expect(report.isClean, "\(what): \(report.problems)")
            }
        }
        print("waste crashes: \(images.count) fault points passed")
    }
}
