package import Codec

/// The name of a blob: BLAKE2b-256 of its encoding type, length and Merkle root.
///
/// Printed as 43 characters of URL-safe base64, as the reference does.
package struct BlobID: Digest32 {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        precondition(bytes.count == 32)
        self.bytes = bytes
    }

    /// Reads the text form, strictly: 43 characters, spare bits zero.
    package init(text: String) throws(CodecError) {
        guard text.utf8.count == 43 else { throw .invalidText(of: "blob id") }
        bytes = try Base64.decodeURLSafe(text)
    }

    package var description: String { Base64.encodeURLSafe(bytes) }
}

/// The name of a ledger object, from the digest of the transaction that made it and a counter.
package struct ObjectID: Digest32 {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        precondition(bytes.count == 32)
        self.bytes = bytes
    }

    package var description: String { "0x" + Hex.encode(bytes) }
}

/// The name of an account: BLAKE2b-256 of `0x00 ‖ Ed25519 public key`, printed `0x` + 64 hex.
package struct Address: Digest32 {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        precondition(bytes.count == 32)
        self.bytes = bytes
    }

    package init(of key: PublicKey) { bytes = Blake2b256.hash([0] + key.bytes) }

    package var description: String { "0x" + Hex.encode(bytes) }
}

/// The digest of a transaction, computed without its signature; printed in base58.
package struct TransactionDigest: Digest32 {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        precondition(bytes.count == 32)
        self.bytes = bytes
    }

    package var description: String { Base58.encode(bytes) }
}

/// The hash of a block's header.
package struct BlockHash: Digest32 {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        precondition(bytes.count == 32)
        self.bytes = bytes
    }
}

/// The name of a network: BLAKE2b-256 of its canonical genesis, printed as URL-safe base64.
package struct NetworkID: Digest32 {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        precondition(bytes.count == 32)
        self.bytes = bytes
    }

    package init(text: String) throws(CodecError) {
        guard text.utf8.count == 43 else { throw .invalidText(of: "network id") }
        bytes = try Base64.decodeURLSafe(text)
    }

    package var description: String { Base64.encodeURLSafe(bytes) }
}

/// The name of a storage node: the object id of its record on the ledger.
package typealias NodeID = ObjectID

/// The name of a volume: the object id of its record on the ledger.
package typealias VolumeID = ObjectID

/// The number of an epoch, the span for which one committee holds the shards.
package typealias Epoch = UInt32

/// An amount of the token's smallest unit: 1 WAL = 1,000,000,000 FROST.
package typealias Frost = UInt64
