internal import BlobModel
internal import Codec
internal import Testing

@Suite struct ServiceKeysTests {
    @Test func everyPurposeHasAKeyOfItsOwn() {
        let keys = ServiceKeys(seed: [UInt8](repeating: 1, count: 32))
        let again = ServiceKeys(seed: [UInt8](repeating: 1, count: 32))
        let other = ServiceKeys(seed: [UInt8](repeating: 2, count: 32))
        let all = [keys, other].flatMap { [$0.network, $0.voice, $0.account].map(\.publicKey) }
        #expect(Set(all).count == 6)
        #expect(keys.network.publicKey == again.network.publicKey)
        // Changing the derivation would cut every node off from its identity.
        #expect(
            Hex.encode(keys.network.publicKey.bytes)
                == "809e4811fb03c3253dd0d89a1366949b9300cedcfad95dfc285b698a0c8d007b"
        )
    }

    @Test func aSeedIsReadAsItWasWrittenAndNoOtherWay() throws {
        let seed = (0..<32).map { UInt8($0) }
        let text = SeedText.encode(seed)
        #expect(try SeedText.decode(text) == seed)
        #expect(try SeedText.decode(text + "  \n") == seed)
        let line = Array(text.dropLast())
        for index in line.indices {
            var wrong = line
            wrong[index] = wrong[index] == "A" ? "B" : "A"
            #expect(throws: CodecError.self) { try SeedText.decode(String(wrong)) }
            #expect(throws: CodecError.self) { try SeedText.decode(String(line[..<index])) }
        }
        #expect(throws: CodecError.self) { try SeedText.decode(" " + text) }
    }
}
