package import Codec

/// How the object that a confirmation is for may end.
package enum BlobPersistence: Hashable, Sendable {
    case permanent
    /// Deletable by its owner; blobs in a storage pool are confirmed so, with their object id.
    case deletable(ObjectID)
}

/// What storage nodes sign about a blob, byte for byte the reference's messages.
///
/// `message := type:u8 version:u8(0) app:u8(3) epoch:u32 body`, see
/// `Docs/Formats/certificate.md`. The bytes name no network, so a node never signs them bare:
/// see ``SigningDomain``.
package enum ProtocolMessage: Hashable, Sendable {
    /// "I hold both slivers of all my shards of this blob."
    case storageConfirmation(epoch: Epoch, blob: BlobID, persistence: BlobPersistence)
    /// "This blob was encoded inconsistently."
    case invalidBlobID(epoch: Epoch, blob: BlobID)

    package var epoch: Epoch {
        switch self {
        case .storageConfirmation(let epoch, _, _), .invalidBlobID(let epoch, _): epoch
        }
    }

    package var blob: BlobID {
        switch self {
        case .storageConfirmation(_, let blob, _), .invalidBlobID(_, let blob): blob
        }
    }
}

extension ProtocolMessage: BCSCodable {
    private static let version: UInt8 = 0
    /// The number of the Walrus application among those that share the reference's intents.
    private static let application: UInt8 = 3

    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .storageConfirmation(let epoch, let blob, let persistence):
            writer.write(raw: [1, Self.version, Self.application])
            writer.write(epoch)
            writer.write(blob)
            switch persistence {
            case .permanent: writer.write(uleb: 0)
            case .deletable(let object):
                writer.write(uleb: 1)
                writer.write(object)
            }
        case .invalidBlobID(let epoch, let blob):
            writer.write(raw: [2, Self.version, Self.application])
            writer.write(epoch)
            writer.write(blob)
        }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let type = try reader.readUInt8()
        let version = try reader.readUInt8()
        let application = try reader.readUInt8()
        guard version == Self.version else {
            throw .unknownTag(UInt32(version), of: "message version")
        }
        guard application == Self.application else {
            throw .unknownTag(UInt32(application), of: "message application")
        }
        let epoch = try reader.readUInt32()
        let blob = try reader.read(BlobID.self)
        switch type {
        case 1:
            let persistence: BlobPersistence
            switch try reader.readULEB() {
            case 0: persistence = .permanent
            case 1: persistence = .deletable(try reader.read())
            case let tag: throw .unknownTag(tag, of: "blob persistence")
            }
            self = .storageConfirmation(epoch: epoch, blob: blob, persistence: persistence)
        case 2: self = .invalidBlobID(epoch: epoch, blob: blob)
        default: throw .unknownTag(UInt32(type), of: "message type")
        }
    }
}

/// The network and incarnation that a signature counts in.
///
/// A confirmation from another network, from a fork or for another purpose must never count, so
/// what is signed is `"walrus-swift/msg/1" ‖ network id ‖ incarnation:u32 ‖ message`.
package struct SigningDomain: Hashable, Sendable {
    package let network: NetworkID
    package let incarnation: UInt32

    package init(network: NetworkID, incarnation: UInt32) {
        self.network = network
        self.incarnation = incarnation
    }

    /// The bytes that a node signs to say `message`.
    package func signedBytes(of message: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(reserving: message.count + 54)
        writer.write(raw: Array("walrus-swift/msg/1".utf8))
        writer.write(network)
        writer.write(incarnation)
        writer.write(raw: message)
        return writer.bytes
    }

    /// Signs `message` with a node's protocol key.
    package func sign(_ message: ProtocolMessage, with key: SigningKey) -> SignedMessage {
        let bytes = message.bcsBytes
        return SignedMessage(message: bytes, signature: key.sign(signedBytes(of: bytes)))
    }
}

/// The bytes of a protocol message and one node's signature in a ``SigningDomain``.
package struct SignedMessage: Hashable, Sendable, BCSCodable {
    /// The longest message that a peer may send; a confirmation has 72 bytes.
    package static let messageLengthMax = 1024

    package let message: [UInt8]
    package let signature: Signature

    package init(message: [UInt8], signature: Signature) {
        self.message = message
        self.signature = signature
    }

    /// The message, if the bytes are one and the signature is `key`'s in `domain`.
    package func verified(by key: PublicKey, in domain: SigningDomain) -> ProtocolMessage? {
        guard key.isValid(signature, for: domain.signedBytes(of: message)) else { return nil }
        // A node may sign bytes that are no message of ours; they confirm nothing.
        return try? ProtocolMessage(bcsBytes: message)
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(bytes: message)
        writer.write(signature)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        message = try reader.readBytes(limit: Self.messageLengthMax)
        signature = try reader.read()
    }
}
