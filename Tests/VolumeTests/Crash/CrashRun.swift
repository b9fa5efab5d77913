// One seed of the crash harness. Operations run on a volume and on a plain tree beside it; the disk
// keeps copies of itself before some of its steps. Each copy, after a power cut or a kill, is then
// opened and must be a state between the last sync and the operation that was under way.

import Synchronization
import SystemIO
import VolumeFormat

@testable import Volume

/// A run of operations, and the places where it may crash.
final class CrashRun {
    /// The disk before one of its steps, and the states that a power cut there may leave.
    struct Point {
        let disk: InMemoryFileSystem
        let network: CrashNetwork
        let operation: Int
        let synced: Int
        /// What was completed; a kill loses none of it.
        let completed: Int
        /// With the operation that was under way, if it was one.
        let last: Int
    }

    let options: CrashLife.Options
    let tokens = CrashLife.Tokens()
    private(set) var life: CrashLife
    private(set) var history: CrashHistory
    private(set) var points: [Point] = []
    private var operation = 0

    init(_ options: CrashLife.Options) throws {
        self.options = options
        life = try CrashLife(
            InMemoryFileSystem(),
            options,
            network: CrashNetwork(),
            tokens: tokens
        )
        // The root is there for good before anything happens to it.
        try life.volume.synchronize()
        history = CrashHistory(life.model.root)
    }

    /// Keeps one in `oneIn` of the places from now on.
    func record(oneIn: UInt64, seed: UInt64) { life.harness.disk.record(oneIn: oneIn, seed: seed) }

    /// Does one operation on both sides.
    ///
    /// - Throws: A `Difference` when they disagree; else what the volume failed with.
    func perform(_ next: CrashOperation) throws {
        operation += 1
        let (synced, completed) = (history.synced, history.last)
        defer { keepPoints(synced: synced, completed: completed) }
        switch next {
        case .model(let operation):
            try perform(operation)
        case .fsync(let number):
            try fsync(number)
        case .tick(let number):
            life.harness.time.advance(by: .seconds(Int(number % 6) + 1))
            while try life.volume.tick() {}
            history.synced = history.last
        case .orphan(let number):
            try orphan(try life.model.place(number, existing: true))
        case .unnamed(let first, let second):
            try unnamed(try life.model.place(first, existing: false), isNamed: second % 3 > 0)
        case .close:
            life.close()
        case .cut:
            try life.cut()
            history.synced = history.last
        case .compact:
            try life.volume.compact(quarters: 4)
            history.synced = history.last
        case .endCut(let number):
            try life.endCut(publishes: number % 2 == 0)
        }
    }

    private func keepPoints(synced: Int, completed: Int) {
        let disks = life.harness.disk.takeRecorded()
        guard !disks.isEmpty else { return }
        let network = CrashNetwork(copying: life.network)
        for disk in disks {
            points.append(
                Point(
                    disk: disk,
                    network: network,
                    operation: operation,
                    synced: synced,
                    completed: completed,
                    last: history.last
                )
            )
        }
    }

    /// Whether an error is about the disk or what it did to the volume, not about what was asked.
    static func isFault(_ error: VolumeError?) -> Bool {
        switch error {
        case .noSpace?, .failed?, .inputOutput?, .corrupt?: true
        default: false
        }
    }

    /// Whether the volume takes no more changes until it is opened again.
    var isFailed: Bool { life.volume.core.withLock { $0.failure != nil } }

    /// Does the same on both sides; after a fault the tree has it too, as one of two outcomes.
    private func perform(_ work: ModelRun.Work, _ what: String) throws {
        var (volumeError, modelError): (VolumeError?, VolumeError?)
        do throws(VolumeError) { try work.volume() } catch { volumeError = error }
        // A volume that still takes changes has refused before anything happened.
        if let error = volumeError, Self.isFault(error), !isFailed { throw error }
        do throws(VolumeError) { try work.model() } catch { modelError = error }
        history.append(life.model.root)
        if let error = volumeError, Self.isFault(error) { throw error }
        guard modelError == volumeError else {
            throw ModelRun.Difference(
                description: "\(what): volume \(String(describing: volumeError)), "
                    + "model \(String(describing: modelError))"
            )
        }
    }

    private func perform(_ next: ModelOperation) throws {
        try perform(try life.model.prepare(next), "\(next)")
        if next.kind == .sync || next.kind == .commit { history.synced = history.last }
    }

    private func fsync(_ number: UInt32) throws {
        let place = try life.model.place(number, existing: true)
        let node: ModelNode
        if let child = place.child, child.kind == .regular {
            let inode = try life.volume.lookup(place.inode, place.bytes).inode
            let handle = try life.volume.open(inode, flags: [.read], context: someone)
            defer { life.volume.release(handle) }
            _ = try life.volume.sync(handle, dataOnly: number % 2 == 0)
            node = child
        } else {
            _ = try life.volume.syncDirectory(place.inode)
            node = place.node
        }
        history.synced = max(history.synced, history.state(changing: node))
    }

    private func orphan(_ place: ModelRun.Place) throws {
        let life = life
        let work = ModelRun.Work(
            volume: { () throws(VolumeError) in
                let handle = try life.open(place)
                let links = try life.volume.lookup(place.inode, place.bytes).linkCount
                try life.volume.unlink(place.inode, place.bytes, context: someone)
                guard links == 1 else { return }
                // The name is gone; of what follows nobody sees anything but the handle.
                do throws(VolumeError) {
                    try life.write(handle, at: 50, [UInt8](repeating: 0x6F, count: 900))
                } catch {
                    if error != .noSpace { throw error }
                }
            },
            model: { () throws(VolumeError) in
                guard let child = place.child else { throw .notFound }
                guard !child.isDirectory else { throw .isDirectory }
                guard child.kind == .regular else { throw .invalidArgument }
                child.links -= 1
                place.node.children[place.name] = nil
            }
        )
        try perform(work, "orphan")
    }

    private func unnamed(_ place: ModelRun.Place, isNamed: Bool) throws {
        let life = life
        let work = ModelRun.Work(
            volume: { () throws(VolumeError) in
                let inode = try life.makeUnnamed(place)
                guard isNamed else { return }
                _ = try life.volume.link(inode, to: place.inode, place.bytes, context: someone)
            },
            model: { () throws(VolumeError) in
                guard isNamed else { return }
                guard place.child == nil else { throw .exists }
                let node = ModelNode(.regular, 0o600)
                node.bytes = [UInt8](repeating: 0, count: 100)
                node.bytes += [UInt8](repeating: 0x75, count: 700)
                place.node.children[place.name] = node
            }
        )
        try perform(work, "unnamed")
    }

    /// Goes on from a state that was found on a disk after a crash.
    func goOn(_ next: CrashLife, from state: Int) {
        life = next
        var known: [ObjectIdentifier: ModelNode] = [:]
        life.model.root = history.states[state].tree.copied(&known)
        history = CrashHistory(life.model.root)
        points = []
    }

    /// The disk as it is now, after an operation that left off from `completed`.
    func pointNow(completed: Int) -> Point {
        Point(
            disk: life.harness.disk,
            network: CrashNetwork(copying: life.network),
            operation: operation,
            synced: history.synced,
            completed: completed,
            last: history.last
        )
    }
}
