internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import Ledger

extension FuzzTarget {
    /// What nodes, clients and the ledger send each other.
    static let model: [FuzzTarget] = [
        bcs("blob-metadata", BlobMetadata.self, verify),
        bcs("blob-metadata-with-id", BlobMetadataWithID.self) { verify($0.metadata) },
        bcs("sliver", Sliver.self),
        FuzzTarget("sliver-body") { bytes in
            for axis in SliverAxis.allCases {
                guard let sliver = try? Sliver(axis: axis, dataBytes: bytes) else { continue }
                if let wrong = same(sliver.dataBytes, bytes) { return wrong }
                if isTaken(sliver) { return "is taken for a sliver of another blob" }
            }
            return nil
        },
        bcs("recovery-symbol", RecoverySymbol.self, prove),
        bcs("general-recovery-symbol", GeneralRecoverySymbol.self) { prove($0.recoverySymbol) },
        FuzzTarget("recovery-symbols") { bytes in
            let symbols = try? GeneralRecoverySymbol.vector(bcsBytes: bytes, limit: 100)
            guard let symbols else { return nil }
            var writer = ByteWriter()
            writer.write(vector: symbols)
            return same(writer.bytes, bytes)
        },
        bcs("inconsistency-proof", InconsistencyProof.self),
        FuzzTarget("inconsistency-proof-body") { bytes in
            for axis in SliverAxis.allCases {
                let proof = try? InconsistencyProof(targetAxis: axis, dataBytes: bytes)
                if let proof, let wrong = same(proof.dataBytes, bytes) { return wrong }
            }
            return nil
        },
        bcs("merkle-proof", MerkleProof.self),
        FuzzTarget("decoding-symbols") { bytes in
            for axis in SliverAxis.allCases {
                let symbols = try? DecodingSymbols(axis: axis, bcsBytes: bytes, limit: 100)
                if let symbols, let wrong = same(symbols.bcsBytes, bytes) { return wrong }
            }
            return nil
        },
        bcs("protocol-message", ProtocolMessage.self),
        bcs("signed-message", SignedMessage.self),
        bcs("shard-sync-request", ShardSyncRequest.self),
        bcs("shard-sync-answer", ShardSyncAnswer.self),
        bcs("certificate", Certificate.self),
        bcs("committee", Committee.self),
        bcs("volume-record", VolumeRecord.self),
    ]

    /// What is on the ledger, and what is said to it.
    static let ledger: [FuzzTarget] = [
        bcs("genesis", Genesis.self) { genesis in
            // What it describes is made of it only if it is in order.
            _ = try? genesis.committee()
            return nil
        },
        bcs("signed-transaction", SignedTransaction.self) { transaction in
            _ = transaction.digest
            return nil
        },
        bcs("block", Block.self) { block in
            _ = block.isConsistent
            return nil
        },
        bcs("signed-block-header", SignedBlockHeader.self) { header in
            _ = header.isSigned
            return nil
        },
        bcs("follower-claim", FollowerClaim.self) { claim in
            _ = claim.newest?.isSigned
            return nil
        },
        bcs("ledger-query", LedgerQuery.self),
        bcs("ledger-answer", LedgerAnswer.self),
        bcs("transaction-result", TransactionResult.self),
        bcs("ledger-error", LedgerError.self),
        bcs("ledger-event", Event.self),
        bcs("blob-record", BlobRecord.self),
        bcs("pool-record", PoolRecord.self),
        bcs("pooled-blob-record", PooledBlobRecord.self),
        bcs("volume-state", VolumeState.self),
        bcs("node-record", NodeRecord.self),
        bcs("blob-status-record", BlobStatusRecord.self),
        bcs("epoch-state", EpochState.self),
        bcs("ledger-parameters", LedgerParameters.self),
        bcs("future-accounting", FutureAccounting.self),
    ]

    /// Texts that people and other machines type.
    static let texts: [FuzzTarget] = [
        text("network-url", read: { try? NetworkURL(text: $0) }, print: \.description),
        text("recovery-key", read: { try? RecoveryKey(text: $0) }, print: \.text),
        text("blob-id", read: { try? BlobID(text: $0) }, print: \.description),
        text("symbol-id", read: { try? SymbolID(text: $0) }, print: \.description),
        text("key-file", read: { try? SeedText.decode($0) }, print: SeedText.encode),
        text("hex", read: { try? Hex.decode($0) }, print: Hex.encode),
        text("base58", read: { try? Base58.decode($0) }, print: Base58.encode),
        FuzzTarget("base64") { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            for (read, print) in [
                (Base64.decodeStandard, Base64.encodeStandard),
                (Base64.decodeURLSafe, Base64.encodeURLSafe),
            ] {
                // Strict: a value has one text.
                if let value = try? read(text), print(value) != text { return "has another text" }
            }
            return nil
        },
    ]

    // MARK: What is asked of the values

    private static let parameters: EncodingParameters? = try? EncodingParameters(shardCount: 10)

    /// Metadata is verified as the blob that it says it is, and as no other.
    private static func verify(_ metadata: BlobMetadata) -> String? {
        guard let parameters else { return "there are no parameters" }
        let other = BlobID(bytes: [UInt8](repeating: 7, count: 32))
        let verified = try? metadata.verify(as: other, parameters)
        return verified == nil ? nil : "is verified as another blob's"
    }

    /// Checks slivers of a blob of 33 bytes whose hashes are those of nothing.
    private static let verifier: SliverVerifier? = {
        guard let parameters else { return nil }
        let nothing = SliverPairHashes(primary: .empty, secondary: .empty)
        let metadata = BlobMetadata(
            unencodedLength: 33,
            hashes: [SliverPairHashes](repeating: nothing, count: parameters.shardCount)
        )
        guard let verified = try? metadata.verify(parameters) else { return nil }
        return SliverVerifier(RedStuffCodec(parameters), verified)
    }()

    private static func isTaken(_ sliver: Sliver) -> Bool {
        guard let verifier else { return true }
        return (try? verifier.verify(sliver)) != nil
    }

    private static func prove(_ symbol: RecoverySymbol) -> String? {
        let isProven = symbol.proof.verifies(
            root: MerkleNode(digest: [UInt8](repeating: 7, count: 32)),
            leafCount: 10,
            leaf: symbol.symbol.bytes,
            index: symbol.symbol.index.value
        )
        return isProven ? "is proven of a root that has nothing to do with it" : nil
    }
}
