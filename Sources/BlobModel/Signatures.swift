package import Codec
internal import Crypto

internal import struct Foundation.Data

/// An Ed25519 public key (RFC 8032), 32 bytes.
package struct PublicKey: Digest32 {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        precondition(bytes.count == 32)
        self.bytes = bytes
    }

    /// Whether `signature` is this key's over `message`; false for malformed keys and signatures.
    package func isValid(_ signature: Signature, for message: [UInt8]) -> Bool {
        // A key that is no point of the curve verifies nothing.
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes) else {
            return false
        }
        return key.isValidSignature(Data(signature.bytes), for: message)
    }
}

/// An Ed25519 signature, 64 bytes.
package struct Signature: Hashable, Sendable, BCSCodable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        precondition(bytes.count == 64)
        self.bytes = bytes
    }

    package func encode(to writer: inout ByteWriter) { writer.write(raw: bytes) }

    package init(from reader: inout ByteReader) throws(CodecError) {
        bytes = try reader.readRaw(64)
    }
}

/// An Ed25519 key pair, made from a 32-byte seed.
///
/// Its seed is printed nowhere: the description names only the public key.
package struct SigningKey: Sendable, CustomStringConvertible {
    package let seed: [UInt8]
    package let publicKey: PublicKey
    private let key: Curve25519.Signing.PrivateKey

    /// - Precondition: `seed` has 32 bytes, from the machine's entropy or from HKDF.
    package init(seed: [UInt8]) {
        precondition(seed.count == 32)
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else {
            preconditionFailure("Every 32-byte seed is an Ed25519 key (RFC 8032, 5.1.5).")
        }
        self.seed = seed
        self.key = key
        publicKey = PublicKey(bytes: Array(key.publicKey.rawRepresentation))
    }

    /// Signs `message`.
    ///
    /// swift-crypto's Ed25519 may be randomised, so the same message can get different signatures;
    /// nothing here identifies anything by its signature.
    package func sign(_ message: [UInt8]) -> Signature {
        guard let signature = try? key.signature(for: message) else {
            preconditionFailure("Signing fails only without memory.")
        }
        return Signature(bytes: Array(signature))
    }

    package var description: String { "SigningKey(public: \(publicKey))" }
}
