internal import Codec
internal import Testing

@Suite struct TextTests {
    /// RFC 4648, section 10, and bytes that need both special characters.
    @Test(arguments: [
        ("", "", ""), ("f", "Zg", "Zg=="), ("fo", "Zm8", "Zm8="), ("foo", "Zm9v", "Zm9v"),
        ("foob", "Zm9vYg", "Zm9vYg=="), ("fooba", "Zm9vYmE", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy", "Zm9vYmFy"),
    ])
    func base64Vectors(plain: String, urlSafe: String, standard: String) throws {
        let bytes = Array(plain.utf8)
        #expect(Base64.encodeURLSafe(bytes) == urlSafe)
        #expect(Base64.encodeStandard(bytes) == standard)
        #expect(try Base64.decodeURLSafe(urlSafe) == bytes)
        #expect(try Base64.decodeStandard(standard) == bytes)
    }

    @Test func base64AlphabetsDiffer() throws {
        #expect(Base64.encodeURLSafe([0xFB, 0xFF]) == "-_8")
        #expect(Base64.encodeStandard([0xFB, 0xFF]) == "+/8=")
        #expect(throws: CodecError.self) { try Base64.decodeURLSafe("+/8") }
        #expect(throws: CodecError.self) { try Base64.decodeStandard("-_8=") }
    }

    @Test(arguments: ["A", "Zh", "Zg==", "Zg=", "Z g", "Zm9v\n", "ZmA", "Zm_é"])
    func base64URLSafeIsStrict(text: String) {
        // "Zh" and "ZmA" are valid characters, but their spare bits are not zero in one of them.
        let isCanonical = (try? Base64.encodeURLSafe(Base64.decodeURLSafe(text))) == text
        #expect(isCanonical == (text == "ZmA"))
    }

    @Test func hexComesBack() throws {
        let bytes = (0...255).map { UInt8($0) }
        #expect(try Hex.decode(Hex.encode(bytes)) == bytes)
        #expect(try Hex.decode("aAfF") == [0xAA, 0xFF])
        for bad in ["a", "0g", "-1", " 1"] {
            #expect(throws: CodecError.self) { try Hex.decode(bad) }
        }
    }

    /// From draft-msporny-base58, section 5, and leading zeros.
    @Test(
        arguments: [
            (Array("Hello World!".utf8), "2NEpo7TZRRrLZSi2U"),
            ([0, 0, 0x28, 0x7F, 0xB4, 0xCD], "11233QC4"),
            ([], ""),
            ([0], "1"),
        ] as [([UInt8], String)]
    )
    func base58Vectors(bytes: [UInt8], text: String) throws {
        #expect(Base58.encode(bytes) == text)
        #expect(try Base58.decode(text) == bytes)
    }

    @Test func base58IsBounded() {
        #expect(throws: CodecError.self) { try Base58.decode("0") }
        #expect(throws: CodecError.self) { try Base58.decode(String(repeating: "1", count: 129)) }
    }
}
