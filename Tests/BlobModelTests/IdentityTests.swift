internal import BlobModel
internal import Codec
internal import Testing

@Suite struct IdentityTests {
    /// RFC 7693 gives no 32-byte answer; these are coreutils' `b2sum -l 256`.
    @Test(arguments: [
        ("", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"),
        ("abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
    ])
    func blake2b256MatchesCoreutils(text: String, digest: String) {
        #expect(Hex.encode(Blake2b256.hash(Array(text.utf8))) == digest)
    }

    @Test func hashingInPartsIsHashingTheWhole() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        for cut in [0, 1, 127, 128, 129, 999, 1000] {
            var hasher = Blake2b256Hasher(key: [1, 2, 3])
            hasher.update(Array(bytes[..<cut]))
            hasher.update(Array(bytes[cut...]))
            #expect(hasher.finalize() == Blake2b256.hash(bytes, key: [1, 2, 3]))
        }
        #expect(Blake2b256.hash(bytes, key: [1]) != Blake2b256.hash(bytes))
        #expect(Blake2b256.hash(bytes, kind: "a") != Blake2b256.hash(bytes, kind: "b"))
        #expect(Blake2b256.hash(bytes, kind: "a") != Blake2b256.hash(bytes, kind: "a", version: 2))
    }

    /// RFC 8032, section 7.1, test 2.
    @Test func ed25519MatchesTheRFC() throws {
        let seed = try Hex.decode(
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
        )
        let key = SigningKey(seed: seed)
        #expect(
            Hex.encode(key.publicKey.bytes)
                == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        )
        let signature = Signature(
            bytes: try Hex.decode(
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                    + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            )
        )
        #expect(key.publicKey.isValid(signature, for: [0x72]))
        #expect(!key.publicKey.isValid(signature, for: [0x73]))
        #expect(key.publicKey.isValid(key.sign([9]), for: [9]))
    }

    @Test func aKeyThatIsNoPointVerifiesNothing() {
        let signature = Signature(bytes: [UInt8](repeating: 0, count: 64))
        for byte in [UInt8(0), 1, 2, 0xFF] {
            let key = PublicKey(bytes: [UInt8](repeating: byte, count: 32))
            #expect(!key.isValid(signature, for: [1]))
        }
    }

    @Test func aSigningKeyDoesNotPrintItsSeed() {
        let key = SigningKey(seed: [UInt8](repeating: 0xAB, count: 32))
        #expect(!"\(key)".contains("abababab"))
    }

    @Test func blobIDsHaveOneText() throws {
        let id = BlobID(bytes: (0..<32).map { UInt8($0 * 8) })
        #expect(id.description.utf8.count == 43)
        #expect(try BlobID(text: id.description) == id)
        for bad in ["", id.description + "=", String(id.description.dropLast()) + "B"] {
            #expect(throws: CodecError.self) { try BlobID(text: bad) }
        }
    }

    @Test func digestsOrderByTheirBytes() {
        let low = ObjectID(bytes: [0] + [UInt8](repeating: 0xFF, count: 31))
        let high = ObjectID(bytes: [1] + [UInt8](repeating: 0, count: 31))
        #expect(low < high)
        #expect(high.description.hasPrefix("0x01000000"))
    }
}
