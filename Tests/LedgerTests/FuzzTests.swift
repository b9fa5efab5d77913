internal import BlobModel
internal import Codec
internal import Ledger
internal import Testing

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

/// Whatever comes in, `apply` answers, and the invariants hold (`World.include` checks them).
struct FuzzTests {
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func randomCommandsNeverTrapAndKeepTheInvariants(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var world = try World(
            rules: GenesisRules(
                epochDurationMilliseconds: seed % 2 * 50_000,
                epochsAheadMax: 7,
                storagePrice: seed % 3,
                writePrice: seed % 2,
                capacity: 400 << 20,
                transactionFee: seed % 2
            )
        )
        var commands = RandomCommands(world)
        var succeeded = 0
        for _ in 0..<250 {
            world.now += UInt64.random(in: 0...20_000, using: &random)
            var batch: [SignedTransaction] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let list = try (0..<Int.random(in: 1...2, using: &random)).map { _ in
                    try commands.next(world, &random)
                }
                let key =
                    [world.alice, world.alice, world.bob, world.administrator, world.nodeKeys[0]]
                    .randomElement(using: &random) ?? world.alice
                batch.append(world.transaction(list, by: key).signed(by: key))
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                // Sometimes the nodes do what they ought to, so that epochs go on changing.
                batch += try commands.reports(&world)
            }
            let height = world.blocks.count
            _ = try world.include(batch)
            for block in world.blocks[height...] {
                for effects in block.effects {
                    if case .succeeded(let results) = effects.outcome {
                        succeeded += 1
                        commands.learn(results, effects.events)
                    }
                }
            }
        }
        #expect(succeeded > 50, "The commands must get somewhere, or they test nothing.")
    }

    @Test(arguments: [UInt64(11), 12])
    func mutatedBytesAreRefusedOrExecuted(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var world = try World()
        var commands = RandomCommands(world)
        var decoded = 0
        for _ in 0..<600 {
            let list = try (0..<3).map { _ in try commands.next(world, &random) }
            var bytes = world.transaction(list, by: world.alice).bcsBytes
            // Past version, network, incarnation and sender, so that it gets further.
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 70..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = .random(in: 0...255, using: &random)
                case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: bytes.remove(at: index)
                default: bytes.insert(0xFF, at: index)
                }
            }
            // Refused bytes are an answer too; what decodes must be canonical.
            guard let transaction = try? Transaction(bcsBytes: bytes) else { continue }
            #expect(transaction.bcsBytes == bytes)
            decoded += 1
            _ = try world.include([transaction.signed(by: world.alice)])
        }
        #expect(decoded > 100)
    }

    @Test(arguments: [UInt64(21), 22])
    func randomBytesNeverTrapTheReaders(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3000 {
            let bytes = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                // Small numbers are tags and lengths, and get further.
                Bool.random(using: &random)
                    ? UInt8.random(in: 0...3, using: &random)
                    : UInt8.random(in: 0...255, using: &random)
            }
            // Only that they return matters here.
            _ = try? SignedTransaction(bcsBytes: bytes)
            _ = try? Block(bcsBytes: bytes)
            _ = try? Genesis(bcsBytes: bytes)
            _ = try? Certificate(bcsBytes: bytes)
            _ = try? Committee(bcsBytes: bytes)
            _ = try? LedgerQuery(bcsBytes: bytes)
            _ = try? LedgerAnswer(bcsBytes: bytes)
            _ = try? LedgerError(bcsBytes: bytes)
            _ = try? EpochState(bcsBytes: bytes)
            _ = try? NodeRegistration(bcsBytes: bytes)
            _ = try? ShardSyncRequest(bcsBytes: bytes)
            _ = try? ShardSyncAnswer(bcsBytes: bytes)
        }
    }
}

/// Makes commands that often make sense, and sometimes are absurd.
struct RandomCommands {
    private var objects: [ObjectID]
    private var pools: [ObjectID] = []
    private var volumes: [ObjectID] = []
    private var held: [ObjectID] = []
    private let mounts = ["one", "two"].map { World.key("mount \($0)").publicKey }
    private let blobs = (0..<6).map { World.blob(UInt8($0), length: [10, 100_000][$0 % 2]) }
    private var nodes: [NodeID]
    /// Pooled and plain blobs that wait for a certificate.
    private var registered: [(object: ObjectID, blob: BlobID, pooled: Bool)] = []

    init(_ world: World) {
        nodes = (0..<10).map { Genesis.nodeID(network: world.genesis.networkID, index: $0) }
        objects = [ObjectID(bytes: [UInt8](repeating: 0, count: 32))]
    }

    mutating func learn(_ results: [CommandResult], _ events: [Event]) {
        for case .object(let object) in results { objects.append(object) }
        for event in events {
            switch event {
            case .pooledBlobRegistered(_, _, let blob, _, _, _, let object):
                registered.append((object, blob, true))
                held.append(object)
            case .blobRegistered(_, let blob, _, _, _, _, let object):
                registered.append((object, blob, false))
                held.append(object)
            case .poolCreated(_, let pool, _, _, _): pools.append(pool)
            case .volumeCreated(let volume, _, _): volumes.append(volume)
            case .nodeRegistered(_, let node): nodes.append(node.id)
            default: break
            }
        }
    }

    /// What the genesis's nodes say when they have their shards.
    func reports(_ world: inout World) throws -> [SignedTransaction] {
        let epoch = try world.epoch()
        return zip(nodes, world.nodeKeys).map { node, key in
            world.transaction([.reportSync(node, epoch: epoch)], by: key).signed(by: key)
        }
    }

    mutating func next(
        _ world: World,
        _ random: inout SeededGenerator
    ) throws -> Command {
        let reference = self.reference(objects, &random)
        let pool = self.reference(pools, &random)
        let volume = self.reference(volumes, &random)
        let held = self.reference(self.held, &random)
        let number = self.number(&random)
        let small = UInt32.random(in: 0...8, using: &random)
        let blob = blobs.randomElement(using: &random) ?? blobs[0]
        let mount = mounts.randomElement(using: &random) ?? mounts[0]
        let payer: Payer = Bool.random(using: &random) ? .sender : .pool
        switch Int.random(in: 0..<28, using: &random) {
        case 0:
            let payee = [world.bob, world.nodeKeys[0]].randomElement(using: &random) ?? world.bob
            return .transfer(to: Address(of: payee.publicKey), amount: number)
        case 1: return .reserveSpace(size: number, epochs: small)
        case 2:
            return .registerBlob(
                storage: reference,
                blob: blob,
                deletable: Bool.random(using: &random)
            )
        case 3, 4, 5: return try certify(world, &random)
        case 6: return .extendBlob(held, epochs: small)
        case 7: return .deleteBlob(held)
        case 8:
            return .invalidateBlob(
                try world.certificate(
                    .invalidBlobID(epoch: try world.epoch(), blob: blobs[5].blob),
                    by: 0..<4
                )
            )
        case 9: return .createPool(capacity: number, epochs: small, funds: UInt64(small))
        case 10: return .extendPool(pool, epochs: small, payer: payer)
        case 11: return .growPool(pool, bytes: number, payer: payer)
        case 12: return .fundPool(pool, amount: UInt64(small))
        case 13, 14: return .registerPooledBlob(pool: pool, blob: blob)
        case 15: return .deletePooledBlob(held)
        case 16:
            return .createVolume(
                nameHash: blob.root,
                pool: pool,
                writer: Address(of: world.bob.publicKey)
            )
        case 17, 18: return .acquireLease(volume, mount: mount)
        case 19: return .takeOverLease(volume, mount: mount)
        case 20: return .releaseLease(volume, token: small)
        case 21:
            return .publishHead(
                volume,
                expected: UInt64(small / 3),
                manifest: blob.blob,
                token: small / 2,
                pins: small == 8 ? [1] : []
            )
        case 22:
            return .retire(
                volume,
                blobs: [blob.blob],
                sequence: UInt64(small / 3),
                token: small / 2,
                immediately: Bool.random(using: &random)
            )
        case 23: return .deleteRetired(volume, blobs: [blob.blob], token: small / 2)
        case 24: return .advanceEpoch(from: try world.epoch())
        case 25: return .selectCommittee(from: try world.epoch())
        case 26: return try nodeCommand(world, &random)
        default:
            return .updateNode(
                nodes.randomElement(using: &random) ?? nodes[0],
                address: "embedded:x",
                networkKey: mount
            )
        }
    }

    private func nodeCommand(
        _ world: World,
        _ random: inout SeededGenerator
    ) throws -> Command {
        let node = nodes.randomElement(using: &random) ?? nodes[0]
        let own = Bool.random(using: &random) ? nodes[0] : node
        let number = self.number(&random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1: return .reportSync(own, epoch: try world.epoch())
        case 2: return .setCandidacy(own, Bool.random(using: &random))
        case 3: return .stake(own, amount: number % 1000)
        case 4: return .withdrawStake(own, amount: number % 200)
        case 5:
            return .vote(
                own,
                EpochParameters(
                    storagePrice: number % 4,
                    writePrice: number % 3,
                    capacity: number
                )
            )
        case 6:
            let key = World.key("fuzz \(number)")
            let account = Address(of: world.nodeKeys[0].publicKey)
            return .rotateProtocolKey(
                own,
                key.publicKey,
                proof: PossessionStatement(account: account, protocolKey: key.publicKey)
                    .signed(by: key, in: world.domain)
            )
        default:
            return .registerNode(
                NodeRegistration(
                    account: Address(of: world.nodeKeys[0].publicKey),
                    name: "fuzz",
                    protocolKey: World.key("fuzz \(number)"),
                    networkKey: world.bob.publicKey,
                    address: "a",
                    in: world.domain
                )
            )
        }
    }

    private mutating func certify(
        _ world: World,
        _ random: inout SeededGenerator
    ) throws -> Command {
        guard let index = registered.indices.randomElement(using: &random) else {
            return .createPool(capacity: 10 << 20, epochs: 3, funds: 0)
        }
        let (object, blob, pooled) = registered.remove(at: index)
        let certificate = try world.confirmation(blob, object, by: 0..<10)
        return pooled
            ? .certifyPooledBlob(.id(object), certificate)
            : .certifyBlob(.id(object), certificate)
    }

    /// Mostly one of `likely`, sometimes any object, or an earlier command's.
    private func reference(
        _ likely: [ObjectID],
        _ random: inout SeededGenerator
    ) -> ObjectReference {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: .result(UInt16.random(in: 0...2, using: &random))
        case 1: .id(objects.randomElement(using: &random) ?? objects[0])
        default: .id(likely.suffix(4).randomElement(using: &random) ?? objects[0])
        }
    }

    private func number(_ random: inout SeededGenerator) -> UInt64 {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: 0
        case 1: .max
        case 2: 1 << 63
        default: UInt64.random(in: 1...(6 << 20), using: &random)
        }
    }
}
