// `Docs/Formats/keys.md` is normative.

package import BlobModel
internal import Crypto

internal import struct Foundation.Data

/// The keys of a volume, all derived from its root secret, or those of them that read it.
///
/// Not printable: none of them may reach a log.
package struct VolumeKeys: Sendable, CustomStringConvertible {
    private let contentKey: SymmetricKey
    private let nameKey: [UInt8]
    package let chunkIDKey: [UInt8]
    package let gear: GearTable
    /// Nil with the keys of a reader.
    package let writer: SigningKey?
    /// Owns the volume and its pool on the ledger; nil with the keys of a reader.
    package let payingAccount: SigningKey?

    /// - Precondition: `rootSecret` has 32 bytes.
    package init(rootSecret: [UInt8]) {
        precondition(rootSecret.count == 32)
        let root = SymmetricKey(data: rootSecret)
        func derive(_ label: String) -> [UInt8] {
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: root,
                salt: Array("walrusfs/keys/1".utf8),
                info: Array(label.utf8),
                outputByteCount: 32
            ).rawBytes
        }
        self.init(
            ReadingKeys(
                content: derive("content"),
                chunkID: derive("chunk-id"),
                name: derive("name")
            ),
            writer: SigningKey(seed: derive("writer")),
            payingAccount: SigningKey(seed: derive("paying-account"))
        )
    }

    /// The keys of who can read the volume, and neither write it nor pay for it.
    package init(reading keys: ReadingKeys) {
        self.init(keys, writer: nil, payingAccount: nil)
    }

    private init(_ keys: ReadingKeys, writer: SigningKey?, payingAccount: SigningKey?) {
        contentKey = SymmetricKey(data: keys.content)
        chunkIDKey = keys.chunkID
        nameKey = keys.name
        gear = GearTable(chunkIDKey: keys.chunkID)
        self.writer = writer
        self.payingAccount = payingAccount
    }

    /// What a reader is given.
    package var reading: ReadingKeys {
        ReadingKeys(content: contentKey.rawBytes, chunkID: chunkIDKey, name: nameKey)
    }

    /// The only form of the volume's clear name that the ledger sees.
    package func nameHash(_ name: String) -> [UInt8] {
        Blake2b256.hash(Array(name.utf8), key: nameKey)
    }

    package func chunkID(of plaintext: [UInt8]) -> ChunkID {
        ChunkID(bytes: Blake2b256.hash(plaintext, key: chunkIDKey))
    }

    package func chunkID(of plaintext: UnsafeRawBufferPointer) -> ChunkID {
        var hasher = Blake2b256Hasher(key: chunkIDKey)
        unsafe hasher.update(plaintext)
        return ChunkID(bytes: hasher.finalize())
    }

    /// The part of a pack that a key is for.
    enum PackPart: String {
        case frames
        case trailer
    }

    func packKey(_ part: PackPart, kind: PackKind, salt: [UInt8]) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: contentKey,
            salt: salt,
            info: Array("walrusfs/pack/1/\(part.rawValue)/\(kind.rawValue)".utf8),
            outputByteCount: 32
        )
    }

    package var description: String { "VolumeKeys" }
}

extension SymmetricKey {
    fileprivate var rawBytes: [UInt8] {
        unsafe withUnsafeBytes { bytes in unsafe Array(bytes) }
    }
}
