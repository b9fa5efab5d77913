import SystemIO
import VolumeFormat

@testable import Volume

/// How a run crashes.
enum CrashKind {
    /// The process ends; what it wrote is there.
    case kill
    /// The power goes; the seed says what survives of what was not synced.
    case powerCut(seed: UInt64)
}

extension CrashRun {
    struct Violation: Error, CustomStringConvertible {
        let description: String
    }

    /// What was found at a crash point.
    struct Survivor {
        let life: CrashLife
        /// States that look like it.
        let matches: [Int]
    }

    /// Crashes at a point, opens what is left, and checks all promises about it.
    func check(_ point: Point, _ kind: CrashKind, thorough: Bool) throws -> Survivor {
        do {
            return try examine(point, kind, thorough: thorough)
        } catch {
            throw Violation(
                description: "\(kind) in operation \(point.operation) (synced \(point.synced), "
                    + "completed \(point.completed) of \(point.last)): \(error)"
            )
        }
    }

    private func examine(
        _ point: Point,
        _ kind: CrashKind,
        thorough: Bool
    ) throws -> Survivor {
        let disk: InMemoryFileSystem
        let oldest: Int
        var seed = UInt64(point.operation) &* 31 &+ UInt64(point.last)
        switch kind {
        case .kill:
            disk = point.disk.kill()
            oldest = point.completed
        case .powerCut(let chosen):
            disk = point.disk.crash(seed: chosen)
            oldest = point.synced
            seed = chosen
        }
        if thorough { disk.record(oneIn: 5, seed: seed) }
        let survivor = try reopen(disk, point, oldest: oldest)
        let again = thorough ? disk.takeRecorded() : []
        for (index, image) in again.enumerated() {
            // The power goes (once more) while what the first crash left is being opened.
            let left = image.crash(seed: seed &+ UInt64(index))
            _ = try reopen(left, point, oldest: point.synced)
        }
        try checkRest(of: survivor.life, matches: survivor.matches)
        if thorough { try checkWhatFollows(survivor, point, seed: seed) }
        return survivor
    }

    private func reopen(
        _ disk: InMemoryFileSystem,
        _ point: Point,
        oldest: Int
    ) throws -> Survivor {
        let life = try CrashLife(
            disk,
            options,
            network: CrashNetwork(copying: point.network),
            tokens: tokens
        )
        try life.resumeCut()
        let found = try life.volume.describe()
        let matches = history.matches(found, in: oldest...point.last)
        guard !matches.isEmpty else {
            let elsewhere = history.matches(found, in: 0...history.last)
            throw Violation(
                description: "states \(oldest)...\(point.last) may be there, it is "
                    + (elsewhere.isEmpty ? "none that was: \(found)" : "\(elsewhere)")
            )
        }
        return Survivor(life: life, matches: matches)
    }

    /// What nobody sees must be in order too: references, totals, no trace of orphans.
    private func checkRest(of life: CrashLife, matches: [Int]) throws {
        try life.volume.checkInvariants()
        // The harness keeps what it places to itself.
        let report = try life.volume.check(checksPlacement: false)
        guard report.isClean else { throw Violation(description: "\(report.problems)") }
        life.harness.time.advance(by: .seconds(1))
        while try life.volume.tick() {}
        let count = try life.volume.statistics().inodesUsed
        guard matches.contains(where: { history.states[$0].inodeCount == count }) else {
            throw Violation(description: "\(count) inodes are left")
        }
    }

    /// The volume takes changes, makes a complete checkpoint, and keeps what it syncs; also when
    /// the power goes at any step of that.
    private func checkWhatFollows(_ survivor: Survivor, _ point: Point, seed: UInt64) throws {
        let life = survivor.life
        let disk = life.harness.disk
        let before = try life.volume.describe()
        // What was shown after opening is there for good.
        try checkCrashes(of: disk, life, seed: seed, as: [before])
        try life.volume.makeFile("after", [UInt8](repeating: 9, count: 3000))
        let empty = "/after regular 644 1 0 0 []"
        let after = try life.volume.describe()
        _ = try life.volume.syncDirectory(.root)
        try checkCrashes(
            of: disk,
            life,
            seed: seed,
            as: [before, after, (before + [empty]).sorted()]
        )
        if seed % 2 == 0 {
            try life.cut()
            try life.endCut(publishes: seed % 4 == 0)
        } else {
            try life.volume.synchronize()
        }
        try checkCrashes(of: disk, life, seed: seed, as: [after])
        disk.record(oneIn: 1, seed: seed)
        _ = try life.volume.makeDirectory(
            in: .root,
            life.volume.name("last"),
            permissions: 0o755,
            context: someone
        )
        try checkCrashes(of: disk, life, seed: seed, as: [after])
    }

    /// Cuts the power at the places that a disk has kept, and expects one of these trees.
    private func checkCrashes(
        of disk: InMemoryFileSystem,
        _ life: CrashLife,
        seed: UInt64,
        as expected: [[String]]
    ) throws {
        for (index, image) in disk.takeRecorded().enumerated() {
            let next = try CrashLife(
                image.crash(seed: seed &+ UInt64(index) &+ 1),
                options,
                network: CrashNetwork(copying: life.network),
                tokens: tokens
            )
            try next.resumeCut()
            let found = try next.volume.describe()
            guard expected.contains(found) else {
                throw Violation(
                    description: "a second crash left \(found)\ninstead of \(expected)"
                )
            }
            guard index == 0 else { continue }
            try next.cut()
            try next.volume.checkInvariants()
        }
    }
}
