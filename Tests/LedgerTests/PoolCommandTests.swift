internal import BlobModel
internal import Codec
internal import Ledger
internal import Testing

/// Storage pools and the blobs in them.
struct PoolCommandTests {
    static let MiB: UInt64 = 1 << 20

    @Test func poolsArePaidForExtendedGrownAndFunded() throws {
        var world = try World(rules: GenesisRules(storagePrice: 3))
        let pool = try world.succeed(
            .createPool(capacity: 2 * Self.MiB, epochs: 4, funds: 100)
        ).object(0)
        #expect(try world.balance(of: world.alice) == 1_000_000 - 24 - 100)
        // Anyone may pay for an extension, and give.
        try world.succeed(.extendPool(.id(pool), epochs: 1, payer: .sender), by: world.bob)
        try world.succeed(.fundPool(.id(pool), amount: 10), by: world.bob)
        #expect(try world.balance(of: world.bob) == 1_000_000 - 6 - 10)
        try world.succeed(.extendPool(.id(pool), epochs: 1, payer: .pool))
        try world.succeed(.growPool(.id(pool), bytes: Self.MiB, payer: .pool))
        let record = try world.pool(pool)
        #expect(record.end == 6)
        #expect(record.capacity == 3 * Self.MiB)
        #expect(record.balance == 110 - 6 - 18)
        try world.fail(
            .extendPool(.id(pool), epochs: 1, payer: .pool),
            with: .notAuthorised(pool),
            by: world.bob
        )
        try world.fail(
            .extendPool(.id(pool), epochs: 48, payer: .pool),
            with: .invalidArgument("over 53 epochs ahead")
        )
        try world.fail(
            .extendPool(.id(pool), epochs: 47, payer: .pool),
            with: .insufficientBalance(needed: 423, available: 86)
        )
    }

    @Test func poolsHaveBounds() throws {
        var world = try World(rules: GenesisRules(capacity: 10))
        try world.fail(
            .createPool(capacity: 0, epochs: 1, funds: 0),
            with: .invalidArgument("no capacity")
        )
        try world.fail(
            .createPool(capacity: 1, epochs: 0, funds: 0),
            with: .invalidArgument("no epochs")
        )
        try world.fail(
            .createPool(capacity: 11, epochs: 1, funds: 0),
            with: .capacityExceeded(epoch: 0)
        )
        try world.fail(
            .createPool(capacity: 1, epochs: 1, funds: 1_000_001),
            with: .insufficientBalance(needed: 1_000_001, available: 1_000_000)
        )
        let pool = try world.succeed(.createPool(capacity: 5, epochs: 2, funds: 0)).object(0)
        try world.fail(
            .growPool(.id(pool), bytes: 0, payer: .sender),
            with: .invalidArgument("no bytes")
        )
        try world.fail(
            .growPool(.id(pool), bytes: .max, payer: .sender),
            with: .capacityExceeded(epoch: 0)
        )
        try world.fail(
            .growPool(.id(pool), bytes: 6, payer: .sender),
            with: .capacityExceeded(epoch: 0)
        )
        try world.succeed(.growPool(.id(pool), bytes: 5, payer: .sender))
        try world.fail(
            .fundPool(.id(pool), amount: .max),
            with: .insufficientBalance(needed: .max, available: 1_000_000)
        )
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        try world.succeed(.advanceEpoch(from: 1), by: world.administrator)
        try world.fail(
            .extendPool(.id(pool), epochs: 1, payer: .sender),
            with: .ended(pool, at: 2)
        )
        try world.fail(
            .growPool(.id(pool), bytes: 1, payer: .sender),
            with: .ended(pool, at: 2)
        )
        // What has ended makes room.
        try world.succeed(.createPool(capacity: 10, epochs: 1, funds: 0))
    }

    @Test func pooledBlobsTakeAndGiveBackCapacity() throws {
        var world = try World()
        let encoded = try World.encoded()
        let pool = try world.succeed(
            .createPool(capacity: 2 * encoded + 1, epochs: 3, funds: 0)
        ).object(0)
        let (first, second, third) = (World.blob(1), World.blob(2), World.blob(3))
        let results = try world.succeed(
            .registerPooledBlob(pool: .id(pool), blob: first),
            .registerPooledBlob(pool: .id(pool), blob: second)
        )
        let object = try results.object(0)
        try world.fail(
            .registerPooledBlob(pool: .id(pool), blob: first),
            with: .alreadyRegistered(object)
        )
        try world.fail(
            .registerPooledBlob(pool: .id(pool), blob: third),
            with: .poolFull(needed: encoded, free: 1)
        )
        try world.fail(
            .registerPooledBlob(pool: .id(pool), blob: third),
            with: .notAuthorised(pool),
            by: world.bob
        )
        try world.succeed(
            .certifyPooledBlob(.id(object), try world.confirmation(first.blob, object)),
            by: world.bob
        )
        try world.fail(
            .certifyPooledBlob(.id(object), try world.confirmation(first.blob, object)),
            with: .alreadyCertified(object)
        )
        let other = try results.object(1)
        try world.fail(
            .certifyPooledBlob(.id(other), try world.confirmation(second.blob)),
            with: .badCertificate(.wrongMessage)
        )
        try world.fail(
            .certifyPooledBlob(
                .id(other),
                try world.confirmation(second.blob, other, by: 4..<10)
            ),
            with: .badCertificate(.insufficientWeight(weight: 6, needed: 7))
        )
        #expect(try world.pooledBlob(object).certified == 0)
        #expect(
            try world.query(.blobInPool(pool, first.blob))
                == .pooledBlob(try world.pooledBlob(object))
        )
        #expect(
            try world.query(.blobStatus(first.blob))
                == .blobStatus(
                    BlobStatusRecord(
                        invalidSince: nil,
                        currentEpoch: 0,
                        holdings: [.pooled(try world.pooledBlob(object), end: 3)]
                    )
                )
        )
        try world.fail(
            .deletePooledBlob(.id(object)),
            with: .notAuthorised(pool),
            by: world.bob
        )
        try world.succeed(.deletePooledBlob(.id(object)))
        #expect(try world.pool(pool).used == encoded)
        #expect(
            world.blocks.last?.events.map(\.event) == [
                .pooledBlobDeleted(
                    epoch: 0,
                    pool: pool,
                    blob: first.blob,
                    object: object,
                    wasCertified: true
                )
            ]
        )
        try world.succeed(.registerPooledBlob(pool: .id(pool), blob: third))
    }

    @Test func nothingHappensInAPoolThatEnded() throws {
        var world = try World()
        let pool = try world.succeed(
            .createPool(capacity: Self.MiB, epochs: 1, funds: 0)
        ).object(0)
        let blob = World.blob(1)
        let object = try world.succeed(
            .registerPooledBlob(pool: .id(pool), blob: blob)
        ).object(0)
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        try world.fail(
            .certifyPooledBlob(.id(object), try world.confirmation(blob.blob, object)),
            with: .ended(pool, at: 1)
        )
        try world.fail(
            .registerPooledBlob(pool: .id(pool), blob: World.blob(2)),
            with: .ended(pool, at: 1)
        )
        try world.succeed(.deletePooledBlob(.id(object)))
    }
}
