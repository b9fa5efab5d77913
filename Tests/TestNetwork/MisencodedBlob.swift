package import BlobClient
package import BlobModel
internal import Codec
internal import ErasureCoding
package import Ledger
internal import SystemIO

/// A blob as a malicious client encodes it: every sliver is the one that its metadata describes,
/// and they do not fit together.
package struct MisencodedBlob: Sendable {
    package enum Kind: CaseIterable, Sendable {
        /// The first row is another one.
        case row
        /// A row below the source rows is another one.
        case parityRow
        case column
        /// Rows are those of one blob, and columns of another.
        case crossed
        /// The hash of a source row is of nothing.
        case noRow
    }

    package let metadata: VerifiedBlobMetadata
    /// What the source rows say.
    package let bytes: [UInt8]
    private let slivers: [SliverAxis: [Sliver?]]

    package var blobID: BlobID { metadata.blobID }

    package init(_ bytes: [UInt8], _ kind: Kind, shards: Int) throws {
        let codec = RedStuffCodec(try EncodingParameters(shardCount: shards))
        let parameters = codec.parameters
        let encoded = try RedStuffEncoder(codec).encode(bytes)
        let other = try RedStuffEncoder(codec).encode(bytes.map { ~$0 })
        var slivers: [SliverAxis: [Sliver?]] = [:]
        for axis in SliverAxis.allCases {
            let source = kind == .crossed && axis == .secondary ? other : encoded
            slivers[axis] = (0..<shards).map {
                source.sliver(axis, SliverIndex(UInt16($0))).sliver
            }
        }
        let (axis, index): (SliverAxis, Int) =
            switch kind {
            case .row, .noRow, .crossed: (.primary, 0)
            case .parityRow: (.primary, shards - 1)
            case .column: (.secondary, shards - 1)
            }
        if kind != .crossed {
            slivers[axis]?[index] =
                kind == .noRow
                ? nil : other.sliver(axis, SliverIndex(UInt16(index))).sliver
        }
        // Only codec and shape are used of the metadata.
        let verifier = SliverVerifier(codec, encoded.metadata)
        func root(_ axis: SliverAxis, _ index: SliverIndex) throws -> MerkleNode {
            guard let sliver = slivers[axis]?[index.value] else {
                return MerkleNode(digest: Blake2b256.hash([7]))
            }
            let claimed = VerifiedSliver(attested: sliver, of: encoded.blobID)
            return try verifier.expand(claimed).tree.root
        }
        let hashes = try (0..<shards).map { pair in
            let pair = SliverPairIndex(UInt16(pair))
            return SliverPairHashes(
                primary: try root(.primary, parameters.sliver(of: pair, .primary)),
                secondary: try root(.secondary, parameters.sliver(of: pair, .secondary))
            )
        }
        metadata = try BlobMetadata(unencodedLength: UInt64(bytes.count), hashes: hashes)
            .verify(parameters)
        var rows: [UInt8] = []
        for row in 0..<parameters.sourceRows { rows += slivers[.primary]?[row]?.bytes ?? [] }
        self.bytes = Array(rows.prefix(bytes.count))
        self.slivers = slivers
    }

    /// A sliver that its holder takes for right; nil for one that nobody can have.
    package func sliver(_ axis: SliverAxis, _ index: SliverIndex) -> VerifiedSliver? {
        slivers[axis]?[index.value].map { VerifiedSliver(attested: $0, of: blobID) }
    }

    package var description: BlobDescription {
        BlobDescription(
            blob: blobID,
            root: metadata.metadata.rootHash.bytes,
            length: metadata.unencodedLength
        )
    }

    /// Registers the blob in a pool, uploads it to all nodes but for some, and has it certified.
    ///
    /// Does what is not done yet, so that it may be called until it succeeds.
    package func store(
        in pool: ObjectID,
        sender: TransactionSender,
        domain: SigningDomain,
        skipping skipped: Set<NodeID>,
        connect: @Sendable (CommitteeMember) -> any StorageNodeConnection
    ) async throws {
        let ledger = sender.ledger
        if try await ledger.blob(blobID, inPool: pool) == nil {
            _ = try await sender.executeVolatile([
                .registerPooledBlob(pool: .id(pool), blob: description)
            ])
        }
        guard let record = try await ledger.blob(blobID, inPool: pool), record.certified == nil
        else { return }
        let height = try await ledger.info().head.height
        let committee = try await ledger.committee()
        let message = ProtocolMessage.storageConfirmation(
            epoch: committee.epoch,
            blob: blobID,
            persistence: .deletable(record.id)
        )
        var signatures: [(member: Int, signature: Signature)] = []
        for (index, member) in committee.members.enumerated() where !skipped.contains(member.node) {
            // A node that does not take it is done without.
            let signed = try? await upload(to: member, connect(member), record.id, height)
            guard let signed, signed.verified(by: member.protocolKey, in: domain) == message else {
                continue
            }
            signatures.append((index, signed.signature))
        }
        let certificate = Certificate(message: message, signatures: signatures)
        _ = try await sender.executeVolatile([.certifyPooledBlob(.id(record.id), certificate)])
    }

    private func upload(
        to member: CommitteeMember,
        _ node: any StorageNodeConnection,
        _ object: ObjectID,
        _ height: UInt64
    ) async throws -> SignedMessage {
        _ = try await node.store(metadata, height: height)
        for shard in member.shards {
            let pair = metadata.parameters.pair(on: ShardIndex(shard), of: blobID)
            for axis in SliverAxis.allCases {
                let index = metadata.parameters.sliver(of: pair, axis)
                guard let sliver = sliver(axis, index) else { continue }
                let name = SliverName(blob: blobID, pair: pair, axis: axis)
                _ = try await node.store(sliver, as: name, height: height)
            }
        }
        return try await node.confirmation(
            of: blobID,
            persistence: .deletable(object),
            height: height
        )
    }
}
