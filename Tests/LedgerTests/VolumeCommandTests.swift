internal import BlobModel
internal import Codec
internal import Ledger
internal import Testing

/// Leases, heads, and what is retired.
struct VolumeCommandTests {
    static let mounts = ["one", "two", "three"].map { World.key("mount \($0)").publicKey }
    static let patience: UInt64 = 30_000

    @Test func volumesOwnAPool() throws {
        var world = try World()
        let (volume, pool) = try world.makeVolume()
        #expect(try world.pool(pool).volume == volume)
        func create(_ pool: ObjectID) -> Command {
            .createVolume(
                nameHash: [UInt8](repeating: 0, count: 32),
                pool: .id(pool),
                writer: Address(of: world.alice.publicKey)
            )
        }
        let command = create(pool)
        try world.fail(command, with: .poolTaken(pool))
        try world.fail(command, with: .notAuthorised(pool), by: world.bob)
        let record = VolumeRecord(
            volume: volume,
            head: nil,
            lease: Lease(token: 0, holder: nil, claim: nil),
            pins: [],
            poolCapacity: 1 << 30,
            poolUsed: 0,
            poolEnd: 10,
            currentEpoch: 0
        )
        #expect(try world.query(.volumeRecord(volume)) == .volumeRecord(record))
        #expect(try world.query(.volumeRecord(pool)) == .volumeRecord(nil))
        // The writer may put blobs into the pool, others may not.
        let register = Command.registerPooledBlob(pool: .id(pool), blob: World.blob(1))
        try world.fail(register, with: .notAuthorised(pool), by: world.bob)
        try world.succeed(register, by: World.key("writer"))
    }

    @Test func aLeaseIsGrantedAtOnceWhenFreeOrOnesOwn() throws {
        var world = try World()
        let (volume, _) = try world.makeVolume()
        let acquire = Command.acquireLease(.id(volume), mount: Self.mounts[0])
        try world.fail(acquire, with: .notAuthorised(volume), by: world.bob)
        #expect(
            try world.succeed(acquire).lease(0)
                == Lease(token: 1, holder: Self.mounts[0], claim: nil)
        )
        // A mount that was killed has its own lease back, with a new token.
        #expect(try world.succeed(acquire).lease(0).token == 2)
        let stale = Lease(token: 2, holder: Self.mounts[0], claim: nil)
        try world.fail(.releaseLease(.id(volume), token: 1), with: .leaseLost(stale))
        try world.succeed(.releaseLease(.id(volume), token: 2))
        try world.succeed(.releaseLease(.id(volume), token: 2))
        let free = Lease(token: 2, holder: nil, claim: nil)
        #expect(try world.volume(volume).lease == free)
        try world.fail(.keepLease(.id(volume), token: 2), with: .leaseLost(free))
        #expect(
            try world.succeed(.acquireLease(.id(volume), mount: Self.mounts[1])).lease(0)
                == Lease(token: 3, holder: Self.mounts[1], claim: nil)
        )
    }

    @Test func anotherTakesOverOnlyAfterAClaimAndPatience() throws {
        var world = try World()
        let (volume, _) = try world.makeVolume()
        let (first, second, third) = (Self.mounts[0], Self.mounts[1], Self.mounts[2])
        try world.succeed(.acquireLease(.id(volume), mount: first))
        let held = Lease(token: 1, holder: first, claim: nil)
        try world.fail(
            .takeOverLease(.id(volume), mount: second),
            with: .notClaimed(held)
        )
        let claimed = try world.succeed(.acquireLease(.id(volume), mount: second)).lease(0)
        let claim = Lease.Claim(claimant: second, recordedAt: world.now)
        #expect(claimed == Lease(token: 1, holder: first, claim: claim))
        let ripe = world.now + Self.patience
        world.now = ripe - 1
        try world.fail(
            .takeOverLease(.id(volume), mount: second),
            with: .patienceNotOver(until: ripe)
        )
        // Claiming again does not start anew, and another's claim does not replace it yet.
        #expect(try world.succeed(.acquireLease(.id(volume), mount: second)).lease(0) == claimed)
        #expect(try world.succeed(.acquireLease(.id(volume), mount: third)).lease(0) == claimed)
        world.now = ripe
        try world.fail(
            .takeOverLease(.id(volume), mount: third),
            with: .notClaimed(claimed)
        )
        #expect(
            try world.succeed(.takeOverLease(.id(volume), mount: second)).lease(0)
                == Lease(token: 2, holder: second, claim: nil)
        )
    }

    @Test func theHolderClearsAClaim() throws {
        var world = try World()
        let (volume, pool) = try world.makeVolume()
        let (first, second) = (Self.mounts[0], Self.mounts[1])
        try world.store(World.blob(1), in: pool)
        try world.succeed(.acquireLease(.id(volume), mount: first))
        let answers: [Command] = [
            .keepLease(.id(volume), token: 1),
            .publishHead(
                .id(volume),
                expected: 0,
                manifest: World.blob(1).blob,
                token: 1,
                pins: []
            ),
        ]
        for answer in answers {
            try world.succeed(.acquireLease(.id(volume), mount: second))
            world.now += 2 * Self.patience
            try world.succeed(answer)
            let held = Lease(token: 1, holder: first, claim: nil)
            #expect(try world.volume(volume).lease == held)
            try world.fail(
                .takeOverLease(.id(volume), mount: second),
                with: .notClaimed(held)
            )
        }
    }

    @Test func anAbandonedClaimIsReplaced() throws {
        var world = try World()
        let (volume, _) = try world.makeVolume()
        try world.succeed(.acquireLease(.id(volume), mount: Self.mounts[0]))
        try world.succeed(.acquireLease(.id(volume), mount: Self.mounts[1]))
        world.now += 2 * Self.patience
        let lease = try world.succeed(
            .acquireLease(.id(volume), mount: Self.mounts[2])
        ).lease(0)
        #expect(lease.claim?.claimant == Self.mounts[2])
        #expect(lease.claim?.recordedAt == world.now)
    }

    @Test func headsFollowOneAnotherUnderTheToken() throws {
        var world = try World()
        let (volume, pool) = try world.makeVolume()
        let (first, second) = (World.blob(1).blob, World.blob(2).blob)
        try world.store(World.blob(1), in: pool)
        try world.store(World.blob(2), in: pool)
        func publish(
            _ expected: UInt64,
            _ manifest: BlobID,
            token: UInt32 = 1,
            pins: [UInt64] = []
        ) -> Command {
            .publishHead(
                .id(volume),
                expected: expected,
                manifest: manifest,
                token: token,
                pins: pins
            )
        }
        let free = Lease(token: 0, holder: nil, claim: nil)
        try world.fail(publish(0, first, token: 0), with: .leaseLost(free))
        try world.succeed(.acquireLease(.id(volume), mount: Self.mounts[0]))
        try world.fail(publish(0, first), with: .notAuthorised(volume), by: world.bob)
        try world.fail(publish(1, first), with: .headConflict(current: nil))
        try world.fail(publish(.max, first), with: .arithmeticOverflow)
        try world.fail(publish(0, first, pins: [0]), with: .pinNotKept(0))
        let head = Head(sequence: 1, manifest: first, token: 1, publishedAt: world.now)
        #expect(try world.succeed(publish(0, first)) == [.head(head)])
        // An identical repeat succeeds, even after the lease was lost.
        world.now += 5
        #expect(try world.succeed(publish(0, first)) == [.head(head)])
        try world.fail(publish(0, second), with: .headConflict(current: head))
        try world.succeed(.acquireLease(.id(volume), mount: Self.mounts[0]))
        #expect(try world.succeed(publish(0, first)) == [.head(head)])
        let lease = Lease(token: 2, holder: Self.mounts[0], claim: nil)
        try world.fail(publish(1, second, token: 1), with: .leaseLost(lease))
        try world.fail(publish(1, second, token: 2, pins: [2]), with: .pinNotKept(2))
        try world.succeed(publish(1, second, token: 2, pins: [1]))
        try world.fail(
            publish(2, first, token: 2, pins: [2, 1]),
            with: .invalidArgument("pins are not ascending")
        )
        try world.succeed(publish(2, first, token: 2, pins: [1, 2]))
        try world.succeed(publish(3, second, token: 2, pins: [2]))
        try world.fail(publish(4, first, token: 2, pins: [1]), with: .pinNotKept(1))
    }

    @Test func manifestsMustBeStored() throws {
        var world = try World()
        let (volume, pool) = try world.makeVolume(epochs: 1)
        try world.succeed(.acquireLease(.id(volume), mount: Self.mounts[0]))
        func publish(_ manifest: BlobID) -> Command {
            .publishHead(.id(volume), expected: 0, manifest: manifest, token: 1, pins: [])
        }
        let blob = World.blob(1)
        try world.fail(publish(blob.blob), with: .manifestNotStored(blob.blob))
        let object = try world.succeed(
            .registerPooledBlob(pool: .id(pool), blob: blob)
        ).object(0)
        try world.fail(publish(blob.blob), with: .manifestNotStored(blob.blob))
        // Stored, but in a pool of its own.
        let other = World.blob(2)
        let elsewhere = try world.succeed(
            .createPool(capacity: 1 << 20, epochs: 1, funds: 0)
        ).object(0)
        try world.store(other, in: elsewhere)
        try world.fail(publish(other.blob), with: .manifestNotStored(other.blob))
        // Certified and published in one transaction.
        var certified = world
        try certified.succeed(
            .certifyPooledBlob(.id(object), try world.confirmation(blob.blob, object)),
            publish(blob.blob)
        )
        try world.succeed(
            .certifyPooledBlob(.id(object), try world.confirmation(blob.blob, object))
        )
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        try world.fail(publish(blob.blob), with: .ended(pool, at: 1))
    }

    @Test func retiredBlobsGoWhenNothingNeedsThem() throws {
        var world = try World()
        let (volume, pool) = try world.makeVolume()
        let blobs = (1...4).map { World.blob(UInt8($0)) }
        for blob in blobs { try world.store(blob, in: pool) }
        try world.succeed(.acquireLease(.id(volume), mount: Self.mounts[0]))
        func publish(_ expected: UInt64, _ index: Int, pins: [UInt64] = []) -> Command {
            .publishHead(
                .id(volume),
                expected: expected,
                manifest: blobs[index].blob,
                token: 1,
                pins: pins
            )
        }
        func retire(_ index: Int, _ sequence: UInt64, now: Bool = false) -> Command {
            .retire(
                .id(volume),
                blobs: [blobs[index].blob],
                sequence: sequence,
                token: 1,
                immediately: now
            )
        }
        func delete(_ index: Int) -> Command {
            .deleteRetired(.id(volume), blobs: [blobs[index].blob], token: 1)
        }
        try world.fail(retire(3, 1), with: .headConflict(current: nil))
        try world.succeed(publish(0, 0))
        let first = blobs[0].blob
        try world.fail(retire(0, 1), with: .stillNeeded(first, by: 1))
        try world.fail(delete(3), with: .notRetired(blobs[3].blob))
        try world.fail(
            .retire(.id(volume), blobs: [], sequence: 0, token: 0, immediately: false),
            with: .leaseLost(Lease(token: 1, holder: Self.mounts[0], claim: nil))
        )
        let certified = try world.query(.blobInPool(pool, blobs[3].blob))
        guard case .pooledBlob(let record?) = certified else { return }
        try world.fail(.deletePooledBlob(.id(record.id)), with: .notDeletable(record.id))

        // Checkpoint 1 may need blob 3, so it stays while 1 is the head or pinned.
        try world.succeed(retire(3, 1))
        let ripe = world.now + 86_400_000
        try world.fail(delete(3), with: .graceNotOver(blobs[3].blob, until: ripe))
        world.now = ripe
        try world.fail(delete(3), with: .stillNeeded(blobs[3].blob, by: 1))
        try world.succeed(publish(1, 1, pins: [1]))
        try world.fail(delete(3), with: .stillNeeded(blobs[3].blob, by: 1))
        // A repeat does not put the date off.
        try world.succeed(retire(3, 2))
        try world.succeed(publish(2, 2))
        let before = try world.pool(pool).used
        guard case .retired(let list) = try world.query(.retired(pool: pool, after: nil)) else {
            return
        }
        #expect(list.map(\.blob) == [blobs[3].blob])
        try world.succeed(delete(3))
        try world.succeed(delete(3))
        #expect(try world.pool(pool).used == before - World.encoded())
        #expect(try world.query(.retired(pool: pool, after: nil)) == .retired([]))
        // By explicit flag there is no grace; a retired blob is no manifest.
        try world.succeed(retire(0, 2, now: true))
        try world.fail(publish(3, 0), with: .manifestNotStored(first))
        try world.succeed(delete(0))
    }

    @Test func whatNoCheckpointEverNeededGoesAtOnce() throws {
        var world = try World()
        let (volume, pool) = try world.makeVolume()
        try world.succeed(.acquireLease(.id(volume), mount: Self.mounts[0]))
        try world.store(World.blob(1), in: pool)
        let retire = Command.retire(
            .id(volume),
            blobs: [World.blob(1).blob],
            sequence: 0,
            token: 1,
            immediately: true
        )
        try world.succeed(
            retire,
            .deleteRetired(.id(volume), blobs: [World.blob(1).blob], token: 1)
        )
        #expect(try world.pool(pool).used == 0)
    }

    @Test func tokensRunOutRatherThanRepeat() throws {
        // The rule is reached by a forged row, since no test takes the lease 16 million times.
        var world = try World()
        let (volume, _) = try world.makeVolume()
        let record = try world.volume(volume)
        var last = record
        last.lease = Lease(token: 1 << 24 - 1, holder: nil, claim: nil)
        world.forge(StateKey.volume(volume), last.bcsBytes)
        try world.fail(
            .acquireLease(.id(volume), mount: Self.mounts[0]),
            with: .tokensExhausted
        )
    }
}

extension World {
    /// Puts a row into the state behind the ledger's back.
    mutating func forge(_ key: [UInt8], _ value: [UInt8]?) {
        replaceState([StateWrite(key: key, value: value)])
    }
}
