import BlobModel
import Synchronization
import SystemIO
import TestSupport
import Testing

@testable import Volume

struct RescueTests {
    /// Bytes of a rescue by path, in memory.
    private final class MemoryTarget: RescueTarget {
        struct Place: Sendable { let path: String }

        private struct State {
            var files: [String: [UInt8]] = [:]
            var directories: Set<String> = []
            var links: [String: String] = [:]
            var attributes: [String: InodeAttributes] = [:]
        }

        let root = Place(path: "")
        private let state = Mutex(State())

        var files: [String: [UInt8]] { state.withLock { $0.files } }
        var directories: Set<String> { state.withLock { $0.directories } }
        var links: [String: String] { state.withLock { $0.links } }
        var attributes: [String: InodeAttributes] { state.withLock { $0.attributes } }

        private func place(_ name: [UInt8], _ parent: Place) -> Place {
            Place(path: parent.path + "/" + String(decoding: name, as: UTF8.self))
        }

        func makeDirectory(_ name: [UInt8], in parent: Place) async throws(RescueError) -> Place {
            let place = place(name, parent)
            state.withLock { _ = $0.directories.insert(place.path) }
            return place
        }

        func makeFile(_ name: [UInt8], in parent: Place) async throws(RescueError) -> Place {
            let place = place(name, parent)
            state.withLock { $0.files[place.path] = [] }
            return place
        }

        func makeOther(
            _ name: [UInt8],
            in parent: Place,
            like inode: InodeAttributes,
            target: [UInt8]
        ) async throws(RescueError) -> Place {
            let place = place(name, parent)
            let text = "\(inode.kind) \(String(decoding: target, as: UTF8.self))"
            state.withLock { $0.links[place.path] = text }
            return place
        }

        func link(
            _ existing: Place,
            _ name: [UInt8],
            in parent: Place
        ) async throws(RescueError) {
            let place = place(name, parent)
            state.withLock { $0.links[place.path] = "= " + existing.path }
        }

        func write(
            _ bytes: [UInt8],
            at offset: UInt64,
            to file: Place
        ) async throws(RescueError) {
            state.withLock { state in
                var known = state.files[file.path] ?? []
                let end = Int(offset) + bytes.count
                if known.count < end { known += [UInt8](repeating: 0, count: end - known.count) }
                known.replaceSubrange(Int(offset)..<end, with: bytes)
                state.files[file.path] = known
            }
        }

        func finish(_ file: Place, size: UInt64) async throws(RescueError) {
            state.withLock { state in
                var known = state.files[file.path] ?? []
                #expect(known.count <= Int(size))
                known += [UInt8](repeating: 0, count: Int(size) - known.count)
                state.files[file.path] = known
            }
        }

        func setAttributes(
            of place: Place,
            to inode: InodeAttributes,
            extended: [(name: [UInt8], value: [UInt8])]
        ) async throws(RescueError) -> [String] {
            state.withLock { $0.attributes[place.path] = inode }
            return extended.map { "attribute \(String(decoding: $0.name, as: UTF8.self))" }
        }
    }

    private func rescue(
        _ world: MountedWorld,
        _ scope: Rescue<MemoryTarget>.Scope
    ) async throws -> (MemoryTarget, RescueReport) {
        let target = MemoryTarget()
        return (target, try await Rescue(world.volume, to: target, scope: scope).run())
    }

    @Test func whatIsNotPublishedIsCopiedAndNoMore() async throws {
        try await Scratch.withAsync { scratch in
            let time = ManualTimeSource()
            let path = scratch.path + "/one"
            let world = try await MountedWorld(path, isNew: true, time: time)
            let volume = world.volume
            let folder = try volume.makeDirectory(
                in: .root,
                volume.name("folder"),
                permissions: 0o750,
                context: someone
            ).inode
            let moved = try volume.makeDirectory(
                in: .root,
                volume.name("old"),
                permissions: 0o755,
                context: someone
            ).inode
            try volume.makeFile("inside", in: moved, [9])
            for name in ["same", "read", "changed", "removed", "chmod"] {
                try volume.makeFile(name, in: folder, Array(name.utf8))
            }
            // A change in the very millisecond of the cut counts as one after it.
            time.advance(by: .milliseconds(1))
            try await world.checkpointer.sync()
            let (nothing, none) = try await rescue(world, .unpublished)
            #expect(nothing.files.isEmpty && nothing.directories.isEmpty && none.removed.isEmpty)

            time.advance(by: .milliseconds(1))
            _ = try await world.read(volume.lookup(folder, volume.name("read")).inode)
            let changed = try volume.lookup(folder, volume.name("changed")).inode
            let handle = try volume.open(changed, flags: [.write], context: someone)
            try volume.write(handle, 2, [1, 2, 3])
            volume.release(handle)
            try volume.unlink(folder, volume.name("removed"), context: someone)
            var mode = AttributeChanges()
            mode.permissions = 0o600
            let chmod = try volume.lookup(folder, volume.name("chmod")).inode
            _ = try volume.setAttributes(of: chmod, mode, handle: nil, context: someone)
            try volume.rename(
                .root,
                volume.name("old"),
                to: folder,
                volume.name("new"),
                flags: [],
                context: someone
            )
            let fresh = try volume.makeFile("fresh", [5])
            _ = try volume.link(fresh, to: folder, volume.name("hard"), context: someone)
            _ = try volume.makeSymlink(
                in: folder,
                volume.name("soft"),
                target: volume.name("t"),
                context: someone
            )
            // As it is found by the next process.
            try volume.synchronize()
            let (target, report) = try await rescue(world, .unpublished)
            #expect(
                target.files == [
                    "/folder/changed": Array("ch".utf8) + [1, 2, 3] + Array("ed".utf8),
                    "/folder/chmod": Array("chmod".utf8),
                    "/folder/new/inside": [9],
                    "/folder/hard": [5],
                ]
            )
            #expect(target.directories == ["/folder", "/folder/new"])
            #expect(target.links == ["/folder/soft": "symlink t", "/fresh": "= /folder/hard"])
            #expect(target.attributes["/folder"]?.permissions == 0o750)
            #expect(target.attributes["/folder/chmod"]?.permissions == 0o600)
            let removed = Set(report.removed.map { String(decoding: $0, as: UTF8.self) })
            #expect(removed == ["old", "folder/removed"])
            #expect(report.lost.isEmpty)
        }
    }

    @Test func whatIsOnlyOnTheNetworkIsToldToTheByte() async throws {
        try await Scratch.withAsync { scratch in
            let world = try await MountedWorld(scratch.path + "/one", isNew: true)
            let bytes = noise(900_000, seed: 21)
            try world.volume.makeFile("file", bytes)
            try world.volume.makeFile("small", [1, 2, 3])
            try await world.checkpointer.sync()
            try await world.checkpointer.close()
            // A machine that has names alone, and writes in the middle.
            let other = try await world.attached(at: scratch.path + "/two")
            let volume = other.volume
            let inode = try volume.lookup(.root, volume.name("file")).inode
            let handle = try volume.open(inode, flags: [.write], context: someone)
            let patch = noise(10_000, seed: 22)
            try volume.write(handle, 300_001, patch)
            volume.release(handle)
            other.plan.fail(at: 1, forEver: true)
            let (target, report) = try await rescue(other, .everything)
            var expected = [UInt8](repeating: 0, count: bytes.count)
            expected.replaceSubrange(300_001..<310_001, with: patch)
            #expect(target.files["/file"] == expected)
            #expect(target.files["/small"] == [0, 0, 0])
            let lost = report.lost.map { loss in
                "\(String(decoding: loss.path, as: UTF8.self)) \(loss.offset) \(loss.length)"
            }
            #expect(lost == ["file 0 300001", "file 310001 589999", "small 0 3"])
            #expect(report.bytes == 10_000)
            other.plan.clear()
            let (whole, complete) = try await rescue(other, .everything)
            var now = bytes
            now.replaceSubrange(300_001..<310_001, with: patch)
            #expect(whole.files["/file"] == now && complete.lost.isEmpty)
        }
    }

    @Test func aBranchIsTheWholeTree() async throws {
        try await Scratch.withAsync { scratch in
            let world = try await MountedWorld(scratch.path + "/one", isNew: true)
            let volume = world.volume
            let sparse = try volume.makeFile("sparse")
            let handle = try volume.open(sparse, flags: [.write], context: someone)
            try volume.write(handle, 5_000_000, [1, 2, 3])
            volume.release(handle)
            _ = try volume.link(sparse, to: .root, volume.name("hard"), context: someone)
            let folder = try volume.makeDirectory(
                in: .root,
                volume.name("folder"),
                permissions: 0o2775,
                context: someone
            ).inode
            let file = try volume.makeFile("file", in: folder, noise(400_000, seed: 23))
            try volume.setExtendedAttribute(
                of: file,
                volume.name("user.color"),
                [1],
                mode: .create,
                context: someone
            )
            _ = try volume.makeNode(
                in: folder,
                volume.name("pipe"),
                kind: .fifo,
                permissions: 0o640,
                device: 0,
                context: someone
            )
            try await world.checkpointer.sync()
            let branch = try await MountedWorld(scratch.path + "/two", isNew: true)
            let report = try await Rescue(
                volume,
                to: VolumeTarget(branch.volume),
                scope: .everything
            ).run()
            #expect(report.notKept.isEmpty && report.lost.isEmpty)
            #expect(report.bytes == 400_003)
            #expect(try stripped(await branch.describe()) == stripped(await world.describe()))
            try await branch.checkpointer.sync()
            #expect(branch.ledger.head?.sequence == 1)
        }
    }

    /// Without numbers of inodes, which a branch gives out anew, and times of change, which another
    /// name sets.
    private func stripped(_ lines: [String]) -> [String] {
        lines.map { line in
            line.replacing(/InodeNumber\(rawValue: \d+\)/, with: "")
                .replacing(/generation: \d+/, with: "")
                .replacing(/changed: [^)]*\)/, with: "")
        }
    }
}
