package import BlobModel
package import Codec

/// What a node's protocol key signs, so that nobody registers another's key: the reference's
/// proof of possession (`Docs/Formats/certificate.md`).
package struct PossessionStatement: Hashable, Sendable, BCSEncodable {
    package let account: Address
    package let protocolKey: PublicKey

    package init(account: Address, protocolKey: PublicKey) {
        self.account = account
        self.protocolKey = protocolKey
    }

    package func encode(to writer: inout ByteWriter) {
        // Type, version, application and an epoch that does not matter, as in other messages.
        writer.write(raw: [0, 0, 3])
        writer.write(UInt32(0))
        writer.write(account)
        writer.write(protocolKey)
    }

    package func signed(by key: SigningKey, in domain: SigningDomain) -> Signature {
        key.sign(domain.signedBytes(of: bcsBytes))
    }

    package func isProven(by proof: Signature, in domain: SigningDomain) -> Bool {
        protocolKey.isValid(proof, for: domain.signedBytes(of: bcsBytes))
    }
}

/// A storage node that asks to be let in.
package struct NodeRegistration: Hashable, Sendable {
    /// May change the record and earns the node's rewards.
    package let account: Address
    package let name: String
    package let protocolKey: PublicKey
    package let networkKey: PublicKey
    package let address: String
    /// The protocol key's signature over the statement that it is this account's.
    package let proof: Signature

    /// Signs the proof.
    package init(
        account: Address,
        name: String,
        protocolKey: SigningKey,
        networkKey: PublicKey,
        address: String,
        in domain: SigningDomain
    ) {
        self.account = account
        self.name = name
        self.protocolKey = protocolKey.publicKey
        self.networkKey = networkKey
        self.address = address
        let statement = PossessionStatement(account: account, protocolKey: protocolKey.publicKey)
        proof = statement.signed(by: protocolKey, in: domain)
    }

    func isPossessed(in domain: SigningDomain) -> Bool {
        PossessionStatement(account: account, protocolKey: protocolKey)
            .isProven(by: proof, in: domain)
    }
}

extension NodeRegistration: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(account)
        writer.write(string: name)
        writer.write(protocolKey)
        writer.write(networkKey)
        writer.write(string: address)
        writer.write(proof)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        account = try reader.read()
        name = try reader.readString(limit: 64)
        protocolKey = try reader.read()
        networkKey = try reader.read()
        address = try reader.readString(limit: Committee.addressLengthMax)
        proof = try reader.read()
    }
}
