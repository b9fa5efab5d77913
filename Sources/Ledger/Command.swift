package import BlobModel

/// A ledger object that a command is about.
package enum ObjectReference: Hashable, Sendable {
    case id(ObjectID)
    /// The object that an earlier command of the same transaction made.
    case result(UInt16)
}

/// What a registration says of a blob; the ledger derives the blob id and the size from it.
package struct BlobDescription: Hashable, Sendable {
    /// RedStuff over Reed-Solomon, the only encoding.
    package static let encodingRS2: UInt8 = 1

    package let blob: BlobID
    /// The Merkle root of the sliver hashes, 32 bytes.
    package let root: [UInt8]
    /// Bytes before encoding.
    package let length: UInt64
    package let encoding: UInt8

    /// - Precondition: `root` has 32 bytes.
    package init(blob: BlobID, root: [UInt8], length: UInt64, encoding: UInt8 = encodingRS2) {
        precondition(root.count == 32)
        self.blob = blob
        self.root = root
        self.length = length
        self.encoding = encoding
    }
}

/// Who pays for an extension of a storage pool.
package enum Payer: UInt8, Hashable, Sendable {
    case sender = 0
    /// The pool's own balance; only its owner or its volume's writer may say so.
    case pool = 1
}

/// One step of a transaction; `Docs/Formats/transaction.md` has tags, fields and rules.
package enum Command: Hashable, Sendable {
    case transfer(to: Address, amount: Frost)
    case reserveSpace(size: UInt64, epochs: UInt32)
    case registerBlob(storage: ObjectReference, blob: BlobDescription, deletable: Bool)
    case certifyBlob(ObjectReference, Certificate)
    case extendBlob(ObjectReference, epochs: UInt32)
    case deleteBlob(ObjectReference)
    case invalidateBlob(Certificate)
    case createPool(capacity: UInt64, epochs: UInt32, funds: Frost)
    case extendPool(ObjectReference, epochs: UInt32, payer: Payer)
    case growPool(ObjectReference, bytes: UInt64, payer: Payer)
    case fundPool(ObjectReference, amount: Frost)
    case registerPooledBlob(pool: ObjectReference, blob: BlobDescription)
    case certifyPooledBlob(ObjectReference, Certificate)
    case deletePooledBlob(ObjectReference)
    case createVolume(nameHash: [UInt8], pool: ObjectReference, writer: Address)
    case acquireLease(ObjectReference, mount: PublicKey)
    /// Answers a claim: the holder is alive and goes on.
    case keepLease(ObjectReference, token: UInt32)
    case takeOverLease(ObjectReference, mount: PublicKey)
    case releaseLease(ObjectReference, token: UInt32)
    case publishHead(
        ObjectReference,
        expected: UInt64,
        manifest: BlobID,
        token: UInt32,
        pins: [UInt64]
    )
    case retire(
        ObjectReference,
        blobs: [BlobID],
        sequence: UInt64,
        token: UInt32,
        immediately: Bool
    )
    case deleteRetired(ObjectReference, blobs: [BlobID], token: UInt32)
    case updateNode(NodeID, address: String, networkKey: PublicKey)
    /// Ends the epoch `from`, if it is the current one and its time has come.
    case advanceEpoch(from: Epoch)
    case registerNode(NodeRegistration)
    case stake(NodeID, amount: Frost)
    case withdrawStake(NodeID, amount: Frost)
    case setCandidacy(NodeID, Bool)
    case rotateProtocolKey(NodeID, PublicKey, proof: Signature)
    case vote(NodeID, EpochParameters)
    /// Settles what follows the epoch `from`, if it is the current one and half over.
    case selectCommittee(from: Epoch)
    /// The node has all shards that it holds in that epoch.
    case reportSync(NodeID, epoch: Epoch)

    /// The most blobs that one command retires or deletes.
    package static let blobsMax = 1024
}
