internal import BlobModel
internal import Codec
internal import Ledger
internal import Testing

/// Which transactions are included, and that inclusion happens once.
struct TransactionTests {
    private func rejection(
        _ world: inout World,
        _ signed: SignedTransaction
    ) throws -> RejectionReason? {
        let before = world.state
        let proposal = try world.include([signed])[0]
        guard case .rejected(let reason) = proposal else { return nil }
        #expect(world.state == before, "A rejected transaction leaves no trace.")
        return reason
    }

    private func transfer(_ world: World, _ amount: Frost = 1) -> [Command] {
        [.transfer(to: Address(of: world.bob.publicKey), amount: amount)]
    }

    @Test func signaturesMustBeTheSenders() throws {
        var world = try World()
        let transaction = world.transaction(transfer(world), by: world.alice)
        let good = transaction.signed(by: world.alice)
        let forged = SignedTransaction(
            transaction: transaction,
            key: world.alice.publicKey,
            signature: Signature(bytes: [UInt8](repeating: 5, count: 64))
        )
        #expect(try rejection(&world, forged) == .badSignature)
        let others = SignedTransaction(
            transaction: transaction,
            key: world.bob.publicKey,
            signature: world.bob.sign(SignedTransaction.signedBytes(of: transaction.digest))
        )
        #expect(try rejection(&world, others) == .wrongKey)
        #expect(try rejection(&world, good) == nil)
    }

    @Test func networkAndIncarnationMustBeThisOne() throws {
        var world = try World()
        let address = Address(of: world.alice.publicKey)
        for (network, incarnation, reason) in [
            (
                NetworkID(bytes: [UInt8](repeating: 0, count: 32)), UInt32(0),
                RejectionReason.wrongNetwork(world.genesis.networkID)
            ),
            (world.genesis.networkID, 1, .wrongIncarnation(current: 0)),
        ] {
            let transaction = Transaction(
                network: network,
                incarnation: incarnation,
                sender: address,
                salt: [UInt8](repeating: 0, count: 16),
                validUntilEpoch: 5,
                validUntilMilliseconds: World.start + 1,
                feeMax: 0,
                commands: transfer(world)
            )
            #expect(try rejection(&world, transaction.signed(by: world.alice)) == reason)
        }
    }

    @Test func validityEndsAndIsBounded() throws {
        var world = try World()
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        let now = world.now
        let hour = Transaction.validityMaxMilliseconds
        let cases: [(UInt64, Epoch, RejectionReason?)] = [
            (now - 1, 9, .expired(epoch: 1, milliseconds: now)),
            (now, 9, nil),
            (now + hour, 9, nil),
            (now + hour + 1, 9, .validTooLong(milliseconds: now)),
            (.max, 9, .validTooLong(milliseconds: now)),
            (0, 9, .expired(epoch: 1, milliseconds: now)),
            (now + 1, 0, .expired(epoch: 1, milliseconds: now)),
            (now + 1, 1, nil),
        ]
        for (until, epoch, reason) in cases {
            let signed = world.transaction(
                transfer(world),
                by: world.alice,
                validUntil: until,
                epoch: epoch
            ).signed(by: world.alice)
            #expect(try rejection(&world, signed) == reason, "\(until) \(epoch)")
        }
    }

    @Test func feesAreAllowedCoveredAndChargedEvenForFailures() throws {
        var world = try World(rules: GenesisRules(transactionFee: 10), balance: 100)
        let low = world.transaction(transfer(world), by: world.alice, feeMax: 9)
        #expect(try rejection(&world, low.signed(by: world.alice)) == .feeTooLow(required: 10))
        let poor = World.key("poor")
        let none = world.transaction(transfer(world), by: poor)
        #expect(
            try rejection(&world, none.signed(by: poor))
                == .feeNotCovered(required: 10, balance: 0)
        )
        try world.fail(
            .transfer(to: Address(of: world.bob.publicKey), amount: 91),
            with: .insufficientBalance(needed: 91, available: 90)
        )
        #expect(try world.balance(of: world.alice) == 90)
        try world.succeed(.transfer(to: Address(of: world.bob.publicKey), amount: 80))
        #expect(try world.balance(of: world.alice) == 0)
        #expect(try world.balance(of: world.bob) == 180)
    }

    @Test func theSameTransactionAgainReturnsTheRecordedResult() throws {
        var world = try World()
        let signed = world.transaction(transfer(world, 7), by: world.alice).signed(by: world.alice)
        // Once in the same block, and again later, signed anew.
        let first = try world.include([signed, signed])
        #expect(first[0] == .included(0))
        let result = TransactionResult(
            digest: signed.digest,
            height: 1,
            milliseconds: world.now,
            outcome: .succeeded([.done])
        )
        #expect(first[1] == .duplicate(result))
        world.now += 30_000
        let again = signed.transaction.signed(by: world.alice)
        #expect(try world.include([again]) == [.duplicate(result)])
        #expect(try world.query(.result(signed.digest)) == .result(result))
        #expect(try world.balance(of: world.bob) == 1_000_007)
        // After its validity the digest is forgotten, and the transaction expired.
        world.now += 30_001
        try world.succeed(.transfer(to: Address(of: world.bob.publicKey), amount: 1))
        #expect(try world.query(.result(signed.digest)) == .result(nil))
        #expect(
            try rejection(&world, signed) == .expired(epoch: 0, milliseconds: world.now)
        )
        // What the digests need is gone with them.
        #expect(world.state.rows.count { $0.key[0] == 0x0D } == 1)
    }

    @Test func aFailedCommandUndoesTheWholeTransaction() throws {
        var world = try World()
        let bob = Address(of: world.bob.publicKey)
        try world.fail(
            .transfer(to: bob, amount: 5),
            .reserveSpace(size: 1, epochs: 1),
            .transfer(to: bob, amount: .max),
            with: .insufficientBalance(needed: .max, available: 999_995)
        )
        // And is a recorded result.
        guard let effects = world.blocks.last?.effects[0],
            case .failed(2, _) = effects.outcome
        else {
            Issue.record("not recorded")
            return
        }
        #expect(effects.events.isEmpty)
    }

    @Test func referencesAreToEarlierObjects() throws {
        var world = try World()
        let blob = World.blob(1)
        try world.fail(
            .registerBlob(storage: .result(0), blob: blob, deletable: true),
            with: .badReference(0)
        )
        try world.fail(
            .reserveSpace(size: 1 << 20, epochs: 1),
            .registerBlob(storage: .result(1), blob: blob, deletable: true),
            with: .badReference(1)
        )
        try world.fail(
            .transfer(to: Address(of: world.bob.publicKey), amount: 0),
            .registerBlob(storage: .result(0), blob: blob, deletable: true),
            with: .badReference(0)
        )
        try world.fail(
            .createPool(capacity: 1, epochs: 1, funds: 0),
            .deleteBlob(.result(0)),
            with: .unknownObject(
                ObjectID(of: try nextDigest(&world), command: 0)
            )
        )
    }

    /// The digest of the transaction that `world` makes next, for these commands.
    private func nextDigest(_ world: inout World) throws -> TransactionDigest {
        var copy = world
        return copy.transaction(
            [.createPool(capacity: 1, epochs: 1, funds: 0), .deleteBlob(.result(0))],
            by: copy.alice
        ).digest
    }

    @Test func malformedBytesAreRefused() throws {
        var world = try World()
        let bytes = world.transaction(transfer(world), by: world.alice)
            .signed(by: world.alice).bcsBytes
        for length in 0..<bytes.count {
            #expect(throws: CodecError.self) {
                try SignedTransaction(bcsBytes: Array(bytes.prefix(length)))
            }
        }
        #expect(throws: CodecError.trailingBytes(count: 1)) {
            try SignedTransaction(bcsBytes: bytes + [0])
        }
    }

    @Test func timeNeverGoesBack() throws {
        var world = try World()
        try world.succeed(.transfer(to: Address(of: world.bob.publicKey), amount: 1))
        let time = world.tip.milliseconds
        world.now -= 1000
        try world.succeed(.transfer(to: Address(of: world.bob.publicKey), amount: 1))
        #expect(world.tip.milliseconds == time)
    }
}
