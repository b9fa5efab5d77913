// A transaction is what changes the ledger. Its digest, computed without the signature, is its
// name: the state keeps digests until they expire, so the same bytes sent twice take effect once.
// `Docs/Formats/transaction.md` is normative.

package import BlobModel
package import Codec

/// Commands that execute together or not at all, and the bounds within which they may.
package struct Transaction: Hashable, Sendable {
    package static let version: UInt16 = 1
    package static let commandsMax = 256
    /// A transaction over this many bytes is refused.
    package static let lengthMax = 1 << 19
    /// `validUntilMilliseconds` may be this far ahead of block time.
    package static let validityMaxMilliseconds: UInt64 = 3_600_000

    package let network: NetworkID
    package let incarnation: UInt32
    package let sender: Address
    /// Random, so that equal commands make different transactions; 16 bytes.
    package let salt: [UInt8]
    /// The last epoch in which it may be included.
    package let validUntilEpoch: Epoch
    /// The last block time at which it may be included, milliseconds since 1970 UTC.
    package let validUntilMilliseconds: UInt64
    /// The most that the sender pays to be included.
    package let feeMax: Frost
    /// 1 to 256.
    package let commands: [Command]

    /// - Precondition: `salt` has 16 bytes; there are 1 to 256 commands.
    package init(
        network: NetworkID,
        incarnation: UInt32,
        sender: Address,
        salt: [UInt8],
        validUntilEpoch: Epoch,
        validUntilMilliseconds: UInt64,
        feeMax: Frost,
        commands: [Command]
    ) {
        precondition(salt.count == 16)
        precondition((1...Self.commandsMax).contains(commands.count))
        self.network = network
        self.incarnation = incarnation
        self.sender = sender
        self.salt = salt
        self.validUntilEpoch = validUntilEpoch
        self.validUntilMilliseconds = validUntilMilliseconds
        self.feeMax = feeMax
        self.commands = commands
    }

    /// BLAKE2b-256 of the canonical bytes, in the hash domain `transaction`.
    package var digest: TransactionDigest {
        TransactionDigest(bytes: Blake2b256.hash(bcsBytes, kind: "transaction"))
    }

    /// Signs the transaction with the sender's key.
    ///
    /// - Precondition: The key is the sender's.
    package func signed(by key: SigningKey) -> SignedTransaction {
        precondition(Address(of: key.publicKey) == sender)
        let signature = key.sign(SignedTransaction.signedBytes(of: digest))
        return SignedTransaction(transaction: self, key: key.publicKey, signature: signature)
    }
}

extension Transaction: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.write(network)
        writer.write(incarnation)
        writer.write(sender)
        writer.write(raw: salt)
        writer.write(validUntilEpoch)
        writer.write(validUntilMilliseconds)
        writer.write(feeMax)
        writer.write(vector: commands)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let version = try reader.readUInt16()
        guard version == Self.version else {
            throw .unknownTag(UInt32(version), of: "transaction version")
        }
        network = try reader.read()
        incarnation = try reader.readUInt32()
        sender = try reader.read()
        salt = try reader.readRaw(16)
        validUntilEpoch = try reader.readUInt32()
        validUntilMilliseconds = try reader.readUInt64()
        feeMax = try reader.readUInt64()
        commands = try reader.readVector(limit: Self.commandsMax, itemSize: 4)
        guard !commands.isEmpty else { throw .invalidValue("transaction without commands") }
    }
}

/// A transaction and its sender's signature.
package struct SignedTransaction: Hashable, Sendable {
    package let transaction: Transaction
    package let key: PublicKey
    package let signature: Signature

    package init(transaction: Transaction, key: PublicKey, signature: Signature) {
        self.transaction = transaction
        self.key = key
        self.signature = signature
    }

    package var digest: TransactionDigest { transaction.digest }

    /// What the sender signs: `"walrus-swift/tx-signature/1" ‖ 0x00 ‖ digest`.
    package static func signedBytes(of digest: TransactionDigest) -> [UInt8] {
        Array("walrus-swift/tx-signature/1".utf8) + [0] + digest.bytes
    }
}

extension SignedTransaction: BCSCodable {
    /// Ed25519.
    private static let scheme: UInt8 = 1

    package func encode(to writer: inout ByteWriter) {
        writer.write(transaction)
        writer.write(Self.scheme)
        writer.write(key)
        writer.write(signature)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        transaction = try reader.read()
        let scheme = try reader.readUInt8()
        guard scheme == Self.scheme else {
            throw .unknownTag(UInt32(scheme), of: "signature scheme")
        }
        key = try reader.read()
        signature = try reader.read()
    }
}

extension ObjectID {
    /// The id of the object that command number `command` of a transaction makes.
    ///
    /// Known before the transaction is sent, so that confirmations can be asked for at once.
    package init(of transaction: TransactionDigest, command: Int) {
        var writer = ByteWriter()
        writer.write(transaction)
        writer.write(UInt32(command))
        self.init(bytes: Blake2b256.hash(writer.bytes, kind: "object"))
    }
}
