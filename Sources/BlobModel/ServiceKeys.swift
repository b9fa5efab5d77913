package import Codec
internal import Crypto
internal import Foundation

/// The keys of one ledger or storage node, all from one seed.
///
/// Each key has one purpose, because a signature made for one must never count for another:
/// `network` is in the TLS certificate, `voice` signs confirmations or block headers, `account`
/// signs transactions. They are HKDF-SHA256 of the seed with the labels
/// `walrus-swift/service/network/1`, `…/voice/1` and `…/account/1`.
package struct ServiceKeys: Sendable {
    package let network: SigningKey
    package let voice: SigningKey
    package let account: SigningKey

    /// - Precondition: `seed` has 32 bytes.
    package init(seed: [UInt8]) {
        precondition(seed.count == 32)
        network = Self.derive(seed, "network")
        voice = Self.derive(seed, "voice")
        account = Self.derive(seed, "account")
    }

    private static func derive(_ seed: [UInt8], _ purpose: String) -> SigningKey {
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: seed),
            info: Array("walrus-swift/service/\(purpose)/1".utf8),
            outputByteCount: 32
        )
        return SigningKey(seed: unsafe key.withUnsafeBytes { unsafe Array($0) })
    }
}

/// A seed in a file, one line that names what it is: `walrus-seed-1:` and base64url of 32 bytes and
/// 4 of their BLAKE2b-256.
package enum SeedText {
    private static let prefix = "walrus-seed-1:"

    package static func encode(_ seed: [UInt8]) -> String {
        precondition(seed.count == 32)
        return prefix + Base64.encodeURLSafe(seed + Blake2b256.hash(seed).prefix(4)) + "\n"
    }

    /// The seed; white space at the end is ignored.
    package static func decode(_ text: String) throws(CodecError) -> [UInt8] {
        var line = text[...]
        while line.last?.isWhitespace == true { line.removeLast() }
        guard line.hasPrefix(prefix) else { throw .invalidText(of: "seed") }
        let bytes = try Base64.decodeURLSafe(String(line.dropFirst(prefix.count)))
        guard bytes.count == 36, Blake2b256.hash(Array(bytes.prefix(32))).starts(with: bytes[32...])
        else { throw .invalidText(of: "seed") }
        return Array(bytes.prefix(32))
    }
}
