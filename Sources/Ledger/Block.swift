// Blocks are the ledger's history: an ordered log of transactions and of what they did, each
// bound to its parent by hash and signed by its producer. `Docs/Formats/block.md` is normative.

package import BlobModel
package import Codec

/// A place in the chain: what every cursor is made of.
package struct BlockReference: Hashable, Sendable, BCSCodable {
    package let height: UInt64
    package let hash: BlockHash

    package init(height: UInt64, hash: BlockHash) {
        self.height = height
        self.hash = hash
    }

    /// The place before the first block: height 0, and the network id for a hash.
    package init(genesisOf network: NetworkID) {
        self.init(height: 0, hash: BlockHash(bytes: network.bytes))
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(height)
        writer.write(hash)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        height = try reader.readUInt64()
        hash = try reader.read()
    }
}

/// What one transaction did.
package struct TransactionEffects: Hashable, Sendable, BCSCodable {
    /// More events than this in one transaction can not be: a command makes at most two.
    package static let eventsMax = 4 * Transaction.commandsMax * Command.blobsMax

    package let digest: TransactionDigest
    package let outcome: TransactionOutcome
    package let fee: Frost
    package let events: [Event]
    /// Hash of the rows written, so that a replay compares more than what is visible; 32 bytes.
    package let writesHash: [UInt8]

    package init(
        digest: TransactionDigest,
        outcome: TransactionOutcome,
        fee: Frost,
        events: [Event],
        writesHash: [UInt8]
    ) {
        precondition(writesHash.count == 32)
        self.digest = digest
        self.outcome = outcome
        self.fee = fee
        self.events = events
        self.writesHash = writesHash
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(digest)
        writer.write(outcome)
        writer.write(fee)
        writer.write(vector: events)
        writer.write(raw: writesHash)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        digest = try reader.read()
        outcome = try reader.read()
        fee = try reader.readUInt64()
        events = try reader.readVector(limit: Self.eventsMax, itemSize: 5)
        writesHash = try reader.readRaw(32)
    }
}

/// What a producer signs of a block.
package struct BlockHeader: Hashable, Sendable {
    package static let version: UInt16 = 1

    package let network: NetworkID
    package let incarnation: UInt32
    /// 1 for the first block.
    package let height: UInt64
    /// The entry of the engine's log that became this block; not always the height.
    package let logIndex: UInt64
    package let parent: BlockHash
    /// Milliseconds since 1970 UTC, never less than the parent's.
    package let milliseconds: UInt64
    /// Which rules execute this block.
    package let protocolVersion: UInt32
    /// Merkle root over the transactions' bytes, 32 bytes.
    package let transactionRoot: [UInt8]
    /// Merkle root over the effects' bytes, 32 bytes.
    package let effectsRoot: [UInt8]
    package let producer: PublicKey

    package init(
        network: NetworkID,
        incarnation: UInt32,
        height: UInt64,
        logIndex: UInt64,
        parent: BlockHash,
        milliseconds: UInt64,
        protocolVersion: UInt32,
        transactionRoot: [UInt8],
        effectsRoot: [UInt8],
        producer: PublicKey
    ) {
        precondition(transactionRoot.count == 32)
        precondition(effectsRoot.count == 32)
        self.network = network
        self.incarnation = incarnation
        self.height = height
        self.logIndex = logIndex
        self.parent = parent
        self.milliseconds = milliseconds
        self.protocolVersion = protocolVersion
        self.transactionRoot = transactionRoot
        self.effectsRoot = effectsRoot
        self.producer = producer
    }

    /// BLAKE2b-256 of the canonical bytes, in the hash domain `block`.
    package var hash: BlockHash {
        BlockHash(bytes: Blake2b256.hash(bcsBytes, kind: "block"))
    }
}

extension BlockHeader: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.write(network)
        writer.write(incarnation)
        writer.write(height)
        writer.write(logIndex)
        writer.write(parent)
        writer.write(milliseconds)
        writer.write(protocolVersion)
        writer.write(raw: transactionRoot)
        writer.write(raw: effectsRoot)
        writer.write(producer)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let version = try reader.readUInt16()
        guard version == Self.version else {
            throw .unknownTag(UInt32(version), of: "block version")
        }
        network = try reader.read()
        incarnation = try reader.readUInt32()
        height = try reader.readUInt64()
        logIndex = try reader.readUInt64()
        parent = try reader.read()
        milliseconds = try reader.readUInt64()
        protocolVersion = try reader.readUInt32()
        transactionRoot = try reader.readRaw(32)
        effectsRoot = try reader.readRaw(32)
        producer = try reader.read()
    }
}

/// A header and its producer's signature.
package struct SignedBlockHeader: Hashable, Sendable, BCSCodable {
    package let header: BlockHeader
    package let signature: Signature

    package init(header: BlockHeader, signature: Signature) {
        self.header = header
        self.signature = signature
    }

    /// Signs a header.
    ///
    /// - Precondition: `key` is the producer's.
    package init(signing header: BlockHeader, with key: SigningKey) {
        precondition(key.publicKey == header.producer)
        self.init(header: header, signature: key.sign(Self.signedBytes(of: header.hash)))
    }

    package var reference: BlockReference {
        BlockReference(height: header.height, hash: header.hash)
    }

    /// Whether the producer named in the header signed it.
    package var isSigned: Bool {
        header.producer.isValid(signature, for: Self.signedBytes(of: header.hash))
    }

    private static func signedBytes(of hash: BlockHash) -> [UInt8] {
        Array("walrus-swift/block-signature/1".utf8) + [0] + hash.bytes
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(header)
        writer.write(signature)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        header = try reader.read()
        signature = try reader.read()
    }
}

/// A block: header, transactions, and the effects of each.
package struct Block: Hashable, Sendable {
    package static let transactionsMax = 1024

    package let signedHeader: SignedBlockHeader
    package let transactions: [SignedTransaction]
    package let effects: [TransactionEffects]

    package init(
        signedHeader: SignedBlockHeader,
        transactions: [SignedTransaction],
        effects: [TransactionEffects]
    ) {
        self.signedHeader = signedHeader
        self.transactions = transactions
        self.effects = effects
    }

    package var header: BlockHeader { signedHeader.header }
    package var height: UInt64 { header.height }
    package var reference: BlockReference { signedHeader.reference }

    /// Every event of the block, in order, with its name.
    package var events: [(id: EventID, event: Event)] {
        effects.flatMap { effects in
            effects.events.enumerated().map { index, event in
                (EventID(transaction: effects.digest, index: UInt32(index)), event)
            }
        }
    }

    /// Whether header, transactions and effects belong together: the roots are those of the
    /// contents, and each transaction has its effects.
    package var isConsistent: Bool {
        transactions.count == effects.count
            && zip(transactions, effects).allSatisfy { $0.digest == $1.digest }
            && header.transactionRoot == LedgerRoot.root(of: transactions)
            && header.effectsRoot == LedgerRoot.root(of: effects)
    }
}

extension Block: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(signedHeader)
        writer.write(vector: transactions)
        writer.write(vector: effects)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        signedHeader = try reader.read()
        transactions = try reader.readVector(limit: Self.transactionsMax, itemSize: 200)
        effects = try reader.readVector(limit: Self.transactionsMax, itemSize: 74)
    }
}
