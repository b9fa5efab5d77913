internal import BlobModel
internal import Codec
internal import Ledger
internal import Testing

/// Storage and the blobs in it.
struct BlobCommandTests {
    static let MiB: UInt64 = 1 << 20

    @Test func aBlobIsReservedRegisteredCertifiedExtendedAndDeleted() throws {
        var world = try World(rules: GenesisRules(storagePrice: 2, writePrice: 5))
        let blob = World.blob(1)
        let results = try world.succeed(
            .reserveSpace(size: Self.MiB, epochs: 3),
            .registerBlob(storage: .result(0), blob: blob, deletable: true)
        )
        let object = try results.object(1)
        // 1 MiB for 3 epochs at 2, and a write of under 1 MiB at 5.
        #expect(try world.balance(of: world.alice) == 1_000_000 - 6 - 5)
        try world.succeed(.certifyBlob(.id(object), try world.confirmation(blob.blob, object)))
        try world.succeed(.extendBlob(.id(object), epochs: 2))
        #expect(try world.balance(of: world.alice) == 1_000_000 - 6 - 5 - 4)
        guard case .blob(let record?) = try world.query(.blob(object)) else {
            Issue.record("no blob")
            return
        }
        #expect(record.certified == 0)
        #expect(record.end == 5)
        #expect(
            try world.query(.blobStatus(blob.blob))
                == .blobStatus(
                    BlobStatusRecord(
                        invalidSince: nil,
                        currentEpoch: 0,
                        holdings: [.blob(record)]
                    )
                )
        )
        let storage = try world.succeed(.deleteBlob(.id(object))).object(0)
        guard case .storage(let back?) = try world.query(.storage(storage)) else {
            Issue.record("no storage")
            return
        }
        #expect(back.end == 5)
        let events = world.blocks.flatMap { $0.events.map(\.event) }
        #expect(
            events == [
                .blobRegistered(
                    epoch: 0,
                    blob: blob.blob,
                    length: 1000,
                    encoding: 1,
                    end: 3,
                    deletable: true,
                    object: object
                ),
                .blobCertified(
                    epoch: 0,
                    blob: blob.blob,
                    end: 3,
                    deletable: true,
                    object: object,
                    isExtension: false
                ),
                .blobCertified(
                    epoch: 0,
                    blob: blob.blob,
                    end: 5,
                    deletable: true,
                    object: object,
                    isExtension: true
                ),
                .blobDeleted(
                    epoch: 0,
                    blob: blob.blob,
                    end: 5,
                    object: object,
                    wasCertified: true
                ),
            ]
        )
        // The storage serves another blob.
        try world.succeed(
            .registerBlob(storage: .id(storage), blob: World.blob(2), deletable: false)
        )
    }

    @Test func spaceHasBounds() throws {
        var world = try World(rules: GenesisRules(storagePrice: 1, capacity: 10 * Self.MiB))
        try world.fail(
            .reserveSpace(size: 0, epochs: 1),
            with: .invalidArgument("no bytes")
        )
        try world.fail(
            .reserveSpace(size: 1, epochs: 0),
            with: .invalidArgument("no epochs")
        )
        try world.fail(
            .reserveSpace(size: 1, epochs: 54),
            with: .invalidArgument("over 53 epochs ahead")
        )
        try world.fail(
            .reserveSpace(size: 1, epochs: .max),
            with: .invalidArgument("over 53 epochs ahead")
        )
        try world.succeed(.reserveSpace(size: 4 * Self.MiB, epochs: 53))
        try world.succeed(.reserveSpace(size: 6 * Self.MiB, epochs: 2))
        try world.fail(
            .reserveSpace(size: 1, epochs: 1),
            with: .capacityExceeded(epoch: 0)
        )
        try world.fail(
            .reserveSpace(size: .max, epochs: 1),
            with: .capacityExceeded(epoch: 0)
        )
        var dear = try World(rules: GenesisRules(storagePrice: .max))
        try dear.fail(
            .reserveSpace(size: 2 * Self.MiB, epochs: 1),
            with: .arithmeticOverflow
        )
        try dear.fail(.reserveSpace(size: 1, epochs: 2), with: .arithmeticOverflow)
        try dear.fail(
            .reserveSpace(size: 1, epochs: 1),
            with: .insufficientBalance(needed: .max, available: 1_000_000)
        )
    }

    @Test func registrationsMustAddUp() throws {
        var world = try World(rules: GenesisRules(writePrice: 2_000_000))
        let blob = World.blob(1)
        let encoded = try World.encoded()
        let storage = try world.succeed(.reserveSpace(size: encoded, epochs: 1)).object(0)
        func register(_ blob: BlobDescription) -> Command {
            .registerBlob(storage: .id(storage), blob: blob, deletable: true)
        }
        let lying = BlobDescription(blob: blob.blob, root: blob.root, length: 999)
        try world.fail(register(lying), with: .blobIDMismatch)
        let raptor = BlobDescription(
            blob: blob.blob,
            root: blob.root,
            length: 1000,
            encoding: 0
        )
        try world.fail(register(raptor), with: .invalidArgument("encoding 0"))
        try world.fail(register(blob), with: .notAuthorised(storage), by: world.bob)
        try world.fail(
            register(blob),
            with: .insufficientBalance(needed: 2_000_000, available: 1_000_000)
        )
        let unknown = ObjectID(bytes: [UInt8](repeating: 0, count: 32))
        try world.fail(
            .registerBlob(storage: .id(unknown), blob: blob, deletable: true),
            with: .unknownObject(unknown)
        )

        var free = try World()
        let small = try free.succeed(.reserveSpace(size: encoded - 1, epochs: 1)).object(0)
        try free.fail(
            .registerBlob(storage: .id(small), blob: blob, deletable: true),
            with: .storageTooSmall(needed: encoded, available: encoded - 1)
        )
        for length in [UInt64(1_834_953), .max] {
            let huge = World.blob(1, length: length)
            guard
                case .failed(0, .invalidArgument) = try free.run([
                    .registerBlob(storage: .id(small), blob: huge, deletable: true)
                ])
            else {
                Issue.record("took a blob of \(length) bytes")
                return
            }
        }
        try free.succeed(.advanceEpoch(from: 0), by: free.administrator)
        try free.fail(
            .registerBlob(storage: .id(small), blob: blob, deletable: true),
            with: .ended(small, at: 1)
        )
    }

    @Test func certificatesMustBeTheCommitteesForThisBlob() throws {
        var world = try World()
        let blob = World.blob(1)
        let object = try world.succeed(
            .reserveSpace(size: Self.MiB, epochs: 2),
            .registerBlob(storage: .result(0), blob: blob, deletable: true)
        ).object(1)
        let message = ProtocolMessage.storageConfirmation(
            epoch: 0,
            blob: blob.blob,
            persistence: .deletable(object)
        )
        let good = try world.certificate(message)
        let later = ProtocolMessage.storageConfirmation(
            epoch: 1,
            blob: blob.blob,
            persistence: .deletable(object)
        )
        let forged = Certificate(
            epoch: 0,
            bitmap: good.bitmap,
            signatures: Array(good.signatures.dropLast())
                + [Signature(bytes: [UInt8](repeating: 1, count: 64))],
            message: good.message
        )
        let beyond = Certificate(
            epoch: 0,
            bitmap: [0xFF, 0xFF],
            signatures: Array(repeating: good.signatures[0], count: 16),
            message: good.message
        )
        let cases: [(Certificate, CertificateError)] = [
            (try world.certificate(message, by: 0..<6), .insufficientWeight(weight: 6, needed: 7)),
            (try world.certificate(later), .wrongEpoch(certificate: 1, committee: 0)),
            (forged, .badSignature(member: 6)),
            (beyond, .malformedBitmap),
            (try world.confirmation(blob.blob), .wrongMessage),
            (try world.confirmation(World.blob(2).blob, object), .wrongMessage),
            (
                try world.confirmation(
                    blob.blob,
                    ObjectID(bytes: [UInt8](repeating: 1, count: 32))
                ),
                .wrongMessage
            ),
            (
                try world.certificate(.invalidBlobID(epoch: 0, blob: blob.blob)), .wrongMessage
            ),
        ]
        for (certificate, error) in cases {
            try world.fail(
                .certifyBlob(.id(object), certificate),
                with: .badCertificate(error)
            )
        }
        // Anyone may bring the certificate, once.
        try world.succeed(.certifyBlob(.id(object), good), by: world.bob)
        try world.fail(.certifyBlob(.id(object), good), with: .alreadyCertified(object))
    }

    @Test func onlyTheOwnerExtendsAndDeletesWhatMayBe() throws {
        var world = try World()
        let blob = World.blob(1)
        let object = try world.succeed(
            .reserveSpace(size: Self.MiB, epochs: 2),
            .registerBlob(storage: .result(0), blob: blob, deletable: false)
        ).object(1)
        try world.fail(.extendBlob(.id(object), epochs: 1), with: .notCertified(object))
        try world.succeed(.certifyBlob(.id(object), try world.confirmation(blob.blob)))
        try world.fail(
            .extendBlob(.id(object), epochs: 1),
            with: .notAuthorised(object),
            by: world.bob
        )
        try world.fail(
            .extendBlob(.id(object), epochs: 52),
            with: .invalidArgument("over 53 epochs ahead")
        )
        try world.fail(.deleteBlob(.id(object)), with: .notDeletable(object))
        try world.fail(
            .deleteBlob(.id(object)),
            with: .notAuthorised(object),
            by: world.bob
        )
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        try world.succeed(.advanceEpoch(from: 1), by: world.administrator)
        try world.fail(
            .extendBlob(.id(object), epochs: 1),
            with: .ended(object, at: 2)
        )
    }

    @Test func anInvalidBlobStaysInvalid() throws {
        var world = try World()
        let blob = World.blob(1)
        let storage = try world.succeed(.reserveSpace(size: Self.MiB, epochs: 2)).object(0)
        let message = ProtocolMessage.invalidBlobID(epoch: 0, blob: blob.blob)
        try world.fail(
            .invalidateBlob(try world.certificate(message, by: 0..<3)),
            with: .badCertificate(.insufficientWeight(weight: 3, needed: 4))
        )
        try world.fail(
            .invalidateBlob(try world.confirmation(blob.blob)),
            with: .badCertificate(.wrongMessage)
        )
        let object = try world.succeed(
            .registerBlob(storage: .id(storage), blob: blob, deletable: true)
        ).object(0)
        try world.succeed(.invalidateBlob(try world.certificate(message, by: 0..<4)))
        #expect(
            world.blocks.last?.events.map(\.event) == [
                .invalidBlobID(epoch: 0, blob: blob.blob)
            ]
        )
        try world.succeed(.invalidateBlob(try world.certificate(message, by: 0..<4)))
        #expect(world.blocks.last?.events.isEmpty == true)
        try world.fail(
            .certifyBlob(.id(object), try world.confirmation(blob.blob, object)),
            with: .invalidBlob(blob.blob)
        )
        let back = try world.succeed(.deleteBlob(.id(object))).object(0)
        try world.fail(
            .registerBlob(storage: .id(back), blob: blob, deletable: true),
            with: .invalidBlob(blob.blob)
        )
        guard case .blobStatus(let status) = try world.query(.blobStatus(blob.blob)) else {
            return
        }
        #expect(status.invalidSince == 0)
    }

    /// An invalid blob is its owner's still; what nodes attested in an epoch counts in no other.
    @Test func whatIsInvalidCanBeDeletedAndAnOldCertificateCountsNothing() throws {
        var world = try World()
        let (blob, other) = (World.blob(1), World.blob(2))
        let storage = try world.succeed(.reserveSpace(size: Self.MiB, epochs: 5)).object(0)
        let object = try world.succeed(
            .registerBlob(storage: .id(storage), blob: blob, deletable: true)
        ).object(0)
        try world.succeed(.certifyBlob(.id(object), try world.confirmation(blob.blob, object)))
        let old = try world.certificate(.invalidBlobID(epoch: 0, blob: other.blob), by: 0..<4)
        try world.succeed(
            .invalidateBlob(
                try world.certificate(.invalidBlobID(epoch: 0, blob: blob.blob), by: 0..<4)
            )
        )
        try world.fail(.extendBlob(.id(object), epochs: 1), with: .invalidBlob(blob.blob))
        try world.succeed(.advanceEpoch(from: 0), by: world.administrator)
        try world.fail(
            .invalidateBlob(old),
            with: .badCertificate(.wrongEpoch(certificate: 0, committee: 1))
        )
        try world.succeed(.deleteBlob(.id(object)))
        guard case .blobStatus(let status) = try world.query(.blobStatus(blob.blob)) else {
            Issue.record("no status")
            return
        }
        #expect(status.invalidSince == 0)
        #expect(status.holdings.isEmpty)
    }
}
