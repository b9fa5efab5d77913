internal import BlobModel
internal import Codec
internal import TestSupport
internal import Testing

struct CertificateTests {
    static let keys = (0..<10).map {
        SigningKey(seed: [UInt8](repeating: UInt8($0 + 1), count: 32))
    }
    static let domain = SigningDomain(
        network: NetworkID(bytes: [UInt8](repeating: 9, count: 32)),
        incarnation: 0
    )
    static let blob = BlobID(bytes: [UInt8](repeating: 7, count: 32))

    /// Ten nodes; node 0 holds four shards, the others one each: n = 13, quorum 9.
    static func committee(epoch: Epoch = 21) throws -> Committee {
        try Committee(
            epoch: epoch,
            members: keys.enumerated().map { index, key in
                CommitteeMember(
                    node: NodeID(bytes: [UInt8](repeating: UInt8(index), count: 32)),
                    shards: index == 0 ? [0, 1, 2, 3] : [UInt16(index + 3)],
                    protocolKey: key.publicKey,
                    networkKey: key.publicKey,
                    address: "embedded:node-0\(index)"
                )
            }
        )
    }

    static func certificate(
        _ message: ProtocolMessage,
        by members: [Int],
        in domain: SigningDomain = domain
    ) -> Certificate {
        Certificate(
            message: message,
            signatures: members.reversed().map { index in
                (index, domain.sign(message, with: keys[index]).signature)
            }
        )
    }

    let confirmation = ProtocolMessage.storageConfirmation(
        epoch: 21,
        blob: blob,
        persistence: .permanent
    )

    @Test func messagesHaveTheReferencesBytes() throws {
        struct Vectors: Decodable {
            let confirmationPermanent: String
            let confirmationDeletable: String
            let invalidBlobId: String
        }
        let vectors: Vectors = try Fixtures.json("vectors/messages.json")
        let object = ObjectID(bytes: [UInt8](repeating: 0x2A, count: 32))
        let messages: [(ProtocolMessage, String)] = [
            (confirmation, vectors.confirmationPermanent),
            (
                .storageConfirmation(
                    epoch: 21,
                    blob: Self.blob,
                    persistence: .deletable(object)
                ),
                vectors.confirmationDeletable
            ),
            (.invalidBlobID(epoch: 21, blob: Self.blob), vectors.invalidBlobId),
        ]
        for (message, hex) in messages {
            #expect(Hex.encode(message.bcsBytes) == hex)
            #expect(try ProtocolMessage(bcsBytes: Hex.decode(hex)) == message)
            for length in 0..<message.bcsBytes.count {
                #expect(throws: CodecError.self) {
                    try ProtocolMessage(bcsBytes: Array(message.bcsBytes.prefix(length)))
                }
            }
        }
    }

    @Test func bitmapIsLeastSignificantBitFirst() {
        let certificate = Self.certificate(confirmation, by: [0, 3, 8])
        #expect(certificate.bitmap == [0x09, 0x01])
        #expect(certificate.signers == [0, 3, 8])
    }

    @Test func weightIsCountedInShards() throws {
        let committee = try Self.committee()
        #expect(committee.quorum == 9)
        let enough = Self.certificate(confirmation, by: [0, 1, 2, 3, 4, 5])
        #expect(try enough.verify(against: committee, in: Self.domain) == confirmation)
        let many = Self.certificate(confirmation, by: Array(1...8))
        #expect(throws: CertificateError.insufficientWeight(weight: 8, needed: 9)) {
            try many.verify(against: committee, in: Self.domain)
        }
        let invalid = ProtocolMessage.invalidBlobID(epoch: 21, blob: Self.blob)
        let oneCorrect = Self.certificate(invalid, by: [0, 1])
        #expect(try oneCorrect.verify(against: committee, in: Self.domain) == invalid)
        let fewer = Self.certificate(invalid, by: [0])
        #expect(throws: CertificateError.insufficientWeight(weight: 4, needed: 5)) {
            try fewer.verify(against: committee, in: Self.domain)
        }
    }

    @Test func wrongCertificatesDoNotCount() throws {
        let committee = try Self.committee()
        let good = Self.certificate(confirmation, by: Array(0..<10))
        func changed(
            epoch: Epoch? = nil,
            bitmap: [UInt8]? = nil,
            signatures: [Signature]? = nil,
            message: [UInt8]? = nil
        ) -> Certificate {
            Certificate(
                epoch: epoch ?? good.epoch,
                bitmap: bitmap ?? good.bitmap,
                signatures: signatures ?? good.signatures,
                message: message ?? good.message
            )
        }
        var swapped = good.signatures
        swapped.swapAt(2, 7)
        let other = SigningDomain(network: Self.domain.network, incarnation: 1)
        let cases: [(Certificate, CertificateError)] = [
            (changed(epoch: 22), .wrongEpoch(certificate: 22, committee: 21)),
            (changed(message: [1, 2, 3]), .notAMessage),
            (changed(bitmap: [0xFF, 0x07]), .malformedBitmap),
            (changed(bitmap: [0xFF, 0x03, 0x00]), .malformedBitmap),
            (changed(bitmap: [0xFF, 0x00]), .malformedBitmap),
            (changed(bitmap: [0xFF, 0x01]), .signatureCount(bits: 9, signatures: 10)),
            (
                changed(bitmap: [], signatures: []), .insufficientWeight(weight: 0, needed: 9)
            ),
            (changed(signatures: swapped), .badSignature(member: 2)),
            (
                changed(
                    message: ProtocolMessage.storageConfirmation(
                        epoch: 20,
                        blob: Self.blob,
                        persistence: .permanent
                    ).bcsBytes
                ),
                .inconsistentEpoch
            ),
            (
                Self.certificate(confirmation, by: Array(0..<10), in: other),
                .badSignature(member: 0)
            ),
        ]
        #expect(try good.verify(against: committee, in: Self.domain) == confirmation)
        for (certificate, error) in cases {
            #expect(throws: error) {
                try certificate.verify(against: committee, in: Self.domain)
            }
        }
    }

    @Test func certificatesReadBackAndOtherSchemesDoNot() throws {
        let certificate = Self.certificate(confirmation, by: [1, 9])
        var bytes = certificate.bcsBytes
        #expect(try Certificate(bcsBytes: bytes) == certificate)
        bytes[0] = 2
        #expect(throws: CodecError.unknownTag(2, of: "certificate scheme")) {
            try Certificate(bcsBytes: bytes)
        }
    }

    @Test func committeesHoldEachShardOnce() throws {
        let committee = try Self.committee()
        #expect(try Committee(bcsBytes: committee.bcsBytes) == committee)
        #expect(committee.shardCount == 13)
        #expect(committee.faultyMax == 4)
        for shard in 0..<13 {
            #expect(committee.holderIndex(of: UInt16(shard)) == max(0, shard - 3))
        }
        func member(_ node: UInt8, _ shards: [UInt16]) -> CommitteeMember {
            CommitteeMember(
                node: NodeID(bytes: [UInt8](repeating: node, count: 32)),
                shards: shards,
                protocolKey: Self.keys[0].publicKey,
                networkKey: Self.keys[0].publicKey,
                address: ""
            )
        }
        let refused: [[CommitteeMember]] = [
            [],
            [member(0, [0, 1, 2])],
            [member(0, [0, 1, 2, 2])],
            [member(0, [0, 1, 3, 2])],
            [member(0, [0, 1, 2, 4])],
            [member(0, [0, 1]), member(1, [1, 2])],
            [member(0, [0, 1]), member(0, [2, 3])],
        ]
        for members in refused {
            #expect(throws: CodecError.self) { try Committee(epoch: 0, members: members) }
        }
    }

    @Test func signedMessagesAreOfOneNodeAndNetwork() {
        let signed = Self.domain.sign(confirmation, with: Self.keys[3])
        #expect(signed.verified(by: Self.keys[3].publicKey, in: Self.domain) == confirmation)
        #expect(signed.verified(by: Self.keys[4].publicKey, in: Self.domain) == nil)
        let other = SigningDomain(network: Self.domain.network, incarnation: 1)
        #expect(signed.verified(by: Self.keys[3].publicKey, in: other) == nil)
    }
}
