// What a node says of itself when it asks the ledger for blocks (`Docs/Formats/ledger-api.md`).
//
// The node signs it, so that nobody counts as another; and it shows the block as the ledger signed
// it, so that what it says against the ledger's chain is proven and not only said.

package import BlobModel
package import Codec

/// How far a node has followed: the newest block that it has.
package struct FollowerClaim: Hashable, Sendable {
    package let node: NodeID
    /// As the ledger signed it; nil when the node has no block.
    package let newest: SignedBlockHeader?

    package init(node: NodeID, newest: SignedBlockHeader?) {
        self.node = node
        self.newest = newest
    }

    /// The height of the newest block; 0 for none.
    package var height: UInt64 { newest?.header.height ?? 0 }

    /// Signs the claim with a protocol key of the node.
    package func signed(by key: SigningKey, in domain: SigningDomain) -> SignedMessage {
        let bytes = bcsBytes
        return SignedMessage(message: bytes, signature: key.sign(domain.signedBytes(of: bytes)))
    }
}

extension FollowerClaim: BCSCodable {
    /// Type 4, version 0, application 3; see `ProtocolMessage`.
    private static let intent: [UInt8] = [4, 0, 3]

    package func encode(to writer: inout ByteWriter) {
        writer.write(raw: Self.intent)
        writer.write(node)
        writer.write(optional: newest)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        guard try reader.readRaw(3) == Self.intent else {
            throw .invalidValue("no claim of a follower")
        }
        node = try reader.read()
        newest = try reader.readOptional(SignedBlockHeader.self)
    }
}
