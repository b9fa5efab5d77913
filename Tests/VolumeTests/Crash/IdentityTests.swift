import BlobModel
import Codec
import SQLite
import SystemIO
import Testing
import VolumeFormat

@testable import Volume

/// Promise of `Docs/FaultModel.md`: no slice, inode, pack or salt is ever given out twice, over
/// attach, takeover, crash and copied state.
struct IdentityTests {
    /// All that was ever given out, by anybody.
    private struct Register {
        var inodes: Set<String> = []
        /// Numbers of inodes that a published checkpoint has.
        var published: Set<UInt64> = []
        var slices: Set<UInt64> = []
        var files = 0

        /// `known` are the numbers that were published before the volume was opened, and since by
        /// itself.
        mutating func add(
            _ attributes: InodeAttributes,
            _ slices: [UInt64],
            known: Set<UInt64>
        ) throws {
            files += 1
            let inode = "\(attributes.inode.rawValue) of \(attributes.generation)"
            guard inodes.insert(inode).inserted else {
                throw CrashRun.Violation(description: "inode \(inode) is given out again")
            }
            guard !known.contains(attributes.inode.rawValue) else {
                throw CrashRun.Violation(description: "inode \(inode) was published as another")
            }
            for slice in slices {
                guard self.slices.insert(slice).inserted else {
                    throw CrashRun.Violation(description: "slice \(slice) is given out again")
                }
            }
        }
    }

    /// A machine with a state directory, mounted or not.
    private struct Machine {
        var disk: InMemoryFileSystem
        let key: PublicKey
        var world: CheckpointWorld?
        /// Numbers of inodes that it must not give out.
        var known: Set<UInt64>
    }

    /// Machines around one network, and what happens to them.
    private final class Story {
        var random: TestRandom
        let blobs = InMemoryBlobStore()
        let ledger = InMemoryLedger()
        var machines: [Machine] = []
        var register = Register()
        var events: [String] = []

        init(seed: UInt64) { random = TestRandom(state: seed) }

        private func key() -> PublicKey {
            PublicKey(bytes: [UInt8](repeating: UInt8(50 + machines.count), count: 32))
        }

        func begin() async throws {
            let (disk, key) = (InMemoryFileSystem(), key())
            let world = try await CheckpointWorld(
                disk,
                .new,
                blobs: blobs,
                ledger: ledger,
                mountKey: key
            )
            machines.append(
                Machine(disk: disk, key: key, world: world, known: register.published)
            )
            try write(0)
            try await publish(0)
        }

        func step() async throws {
            let index = Int(random.next() % UInt64(machines.count))
            switch random.next() % 12 {
            case 0...4: try write(index)
            case 5, 6: try await publish(index)
            case 7: try await crash(index, powerCut: false)
            case 8, 9: try await crash(index, powerCut: true)
            case 10: try await mount(.attached, InMemoryFileSystem())
            default: try await mount(.left, machines[index].disk.kill())
            }
        }

        private func write(_ index: Int) throws {
            guard let volume = machines[index].world?.volume else { return }
            for _ in 0..<(1 + random.next() % 3) {
                events.append("machine \(index) writes")
                let inode: InodeNumber
                do {
                    inode = try volume.makeFile(
                        "file-\(register.files)",
                        noise(2000, seed: random.next())
                    )
                } catch VolumeError.readOnly {
                    return
                }
                let attributes = try volume.attributes(of: inode)
                let extents = try volume.rows(
                    of: .extents,
                    from: RowKey.number(inode.rawValue),
                    to: RowKey.number(inode.rawValue + 1),
                    limit: 100
                )
                let slices = try extents.map { try ExtentRow(bcsBytes: $0.value ?? []).slice }
                try register.add(attributes, slices, known: machines[index].known)
                if random.next() % 2 == 0 { _ = try volume.syncDirectory(.root) }
            }
        }

        private func publish(_ index: Int) async throws {
            guard let world = machines[index].world else { return }
            events.append("machine \(index) publishes")
            do {
                try await world.checkpointer.sync()
            } catch CheckpointError.leaseLost, CheckpointError.stranded {
                machines[index].world = nil
                return
            }
            // One that lost its lease and has nothing to publish does not learn of it here, nor
            // what others published meanwhile.
            for row in try world.volume.rows(of: .inodes, from: [], to: nil, limit: 10_000) {
                let number = try RowKey.readNumber(row.key)
                register.published.insert(number)
                machines[index].known.insert(number)
            }
        }

        private func crash(_ index: Int, powerCut: Bool) async throws {
            let disk = machines[index].disk
            let seed = random.next()
            events.append("machine \(index) crashes, power cut \(powerCut)")
            machines[index].world = nil
            machines[index].disk = powerCut ? disk.crash(seed: seed) : disk.kill()
            machines[index].world = try await open(
                machines[index].disk,
                .left,
                machines[index].key
            )
            machines[index].known = register.published
        }

        /// Another machine, by attaching, or with a copy of this one's state.
        private func mount(
            _ origin: CheckpointWorld.Origin,
            _ disk: InMemoryFileSystem
        ) async throws {
            guard machines.count < 8 else { return }
            events.append("machine \(machines.count) comes, \(origin)")
            let key = key()
            let world = try await open(disk, origin, key)
            machines.append(
                Machine(disk: disk, key: key, world: world, known: register.published)
            )
        }

        private func open(
            _ disk: InMemoryFileSystem,
            _ origin: CheckpointWorld.Origin,
            _ key: PublicKey
        ) async throws -> CheckpointWorld? {
            do {
                return try await CheckpointWorld(
                    disk,
                    origin,
                    blobs: blobs,
                    ledger: ledger,
                    mountKey: key,
                    takesOver: true
                )
            } catch CheckpointError.stranded {
                return nil
            }
        }

        /// Every pack that anybody stored has a number and a salt of its own.
        func checkPacks() throws {
            var numbers: Set<UInt64> = []
            var salts: Set<[UInt8]> = []
            for bytes in blobs.blobs.values {
                let header = try PackHeader(bytes: bytes)
                guard numbers.insert(header.id).inserted else {
                    throw CrashRun.Violation(description: "pack \(header.id) is there twice")
                }
                guard salts.insert(header.salt).inserted else {
                    throw CrashRun.Violation(description: "a salt is used twice")
                }
            }
        }
    }

    @Test func nothingIsGivenOutTwice() async throws {
        var files = 0
        var packs = 0
        for seed in CrashSeeds.range(60) {
            let story = Story(seed: seed)
            do {
                try await story.begin()
                for _ in 0..<24 { try await story.step() }
                try story.checkPacks()
            } catch {
                Issue.record("seed \(seed): \(error)\n\(story.events.joined(separator: "\n"))")
                return
            }
            files += story.register.files
            packs += story.blobs.blobs.count
        }
        if CrashSeeds.isWhole { #expect(files > 1000 && packs > 500) }
        print("identities: \(files) files, \(packs) packs")
    }

    /// A copy that was adopted numbers nothing before the ledger has given it a token of its own.
    @Test func anAdoptedCopyForgetsTheTokenOfItsOriginal() async throws {
        let disk = InMemoryFileSystem()
        let world = try await CheckpointWorld(
            disk,
            .new,
            blobs: InMemoryBlobStore(),
            ledger: InMemoryLedger()
        )
        try world.volume.makeFile("a", [1])
        let copy = disk.kill()
        func open() throws -> (StateDirectory, Volume) {
            let state = try StateDirectory.open("/state", disk: copy)
            var configuration = VolumeConfiguration()
            configuration.token = nil
            let volume = try Volume.open(
                state,
                configuration,
                disk: copy,
                entropy: SeededEntropy(seed: 1),
                time: ManualTimeSource(),
                databaseFiles: FileSystemVFS(copy),
                segmentSize: CheckpointWorld.segmentSize
            )
            return (state, volume)
        }
        do {
            let (state, volume) = try open()
            #expect(try volume.takeLastToken())
            try volume.setLeaseToken(nil)
            try volume.forgetLastToken()
            state.unlock()
        }
        let (_, volume) = try open()
        #expect(try !volume.takeLastToken())
        #expect(throws: VolumeError.readOnly) { try volume.makeFile("b") }
    }

    /// The register notices: a volume that is opened under a token that was used before.
    @Test func aTokenThatIsUsedTwiceIsNoticed() async throws {
        let ledger = InMemoryLedger()
        let disk = InMemoryFileSystem()
        var register = Register()
        for _ in 0..<2 {
            let world = try await CheckpointWorld(
                disk.crash(seed: 0),
                .new,
                blobs: InMemoryBlobStore(),
                ledger: InMemoryLedger(copying: ledger)
            )
            let inode = try world.volume.makeFile("a", [1])
            let attributes = try world.volume.attributes(of: inode)
            do {
                try register.add(attributes, [], known: [])
            } catch is CrashRun.Violation {
                return
            }
        }
        Issue.record("the second inode of one number was not noticed")
    }
}
