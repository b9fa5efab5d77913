internal import BlobModel
internal import Testing

struct NetworkURLTests {
    static let id = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

    @Test func urlsReadAndPrint() throws {
        let network = NetworkID(bytes: Array(0..<32))
        let cases: [(String, NetworkURL)] = [
            (
                "walrus://ledger.example:8443/?genesis=\(Self.id)",
                .remote([.init(host: "ledger.example", port: 8443)], genesis: network)
            ),
            (
                "walrus://a:1,[::1]:2,10.0.0.1:65535/",
                .remote(
                    [
                        .init(host: "a", port: 1), .init(host: "::1", port: 2),
                        .init(host: "10.0.0.1", port: 65535),
                    ],
                    genesis: nil
                )
            ),
            ("embedded:/var/lib/net", .embedded(directory: "/var/lib/net", nodes: nil)),
            ("embedded:net?nodes=10", .embedded(directory: "net", nodes: 10)),
            ("embedded:a%3Fb%25c", .embedded(directory: "a?b%c", nodes: nil)),
        ]
        for (text, url) in cases {
            #expect(try NetworkURL(text: text) == url)
            #expect(url.description == text)
        }
        #expect(
            try NetworkURL(text: "walrus://a:1")
                == .remote([.init(host: "a", port: 1)], genesis: nil)
        )
    }

    @Test(arguments: [
        ("", NetworkURLError.unknownScheme("")),
        ("http://a:1/", .unknownScheme("http://a:1/")),
        ("walrus://", .invalidEndpoint("")),
        ("walrus://a/", .invalidEndpoint("a")),
        ("walrus://a:0/", .invalidEndpoint("a:0")),
        ("walrus://a:65536/", .invalidEndpoint("a:65536")),
        ("walrus://:1/", .invalidEndpoint(":1")),
        ("walrus://::1:1/", .invalidEndpoint("::1:1")),
        ("walrus://a b:1/", .invalidEndpoint("a b:1")),
        ("walrus://a:1,/", .invalidEndpoint("")),
        ("walrus://a:1/?genesis=x", .invalidParameter("genesis")),
        ("walrus://a:1/?nodes=3", .unknownParameter("nodes")),
        ("walrus://a:1/?genesis", .unknownParameter("genesis")),
        ("embedded:", .invalidDirectory),
        ("embedded:a\u{7}", .invalidDirectory),
        ("embedded:a%20b", .invalidDirectory),
        ("embedded:a?nodes=0", .invalidParameter("nodes")),
        ("embedded:a?nodes=1001", .invalidParameter("nodes")),
        ("embedded:a?nodes=x", .invalidParameter("nodes")),
        ("embedded:a?nodes=1&nodes=2", .unknownParameter("nodes")),
        ("embedded:a?genesis=1", .unknownParameter("genesis")),
    ])
    func wrongURLsSayWhatIsWrong(text: String, error: NetworkURLError) {
        #expect(throws: error) { try NetworkURL(text: text) }
    }
}

struct RecoveryKeyTests {
    let key = RecoveryKey(
        networkHints: ["walrus://a:1/", "embedded:/net"],
        network: NetworkID(bytes: Array(0..<32)),
        volume: VolumeID(bytes: Array(32..<64)),
        access: .owner(rootSecret: Array(64..<96))
    )

    @Test func keysReadBack() throws {
        #expect(try RecoveryKey(text: key.text) == key)
        #expect(try RecoveryKey(text: "  \n\(key.text)\n") == key)
        #expect(key.text.hasPrefix("walrusfs-key-1:"))
        #expect(key.text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
    }

    @Test func aReadersKeyReadsBackAndIsOfItsOwnVersion() throws {
        let keys = ReadingKeys(bytes: Array(100..<196))
        let reader = RecoveryKey(
            networkHints: ["walrus://a:1/"],
            network: key.network,
            volume: key.volume,
            access: .reader(keys)
        )
        #expect(reader.text.hasPrefix("walrusfs-key-2:"))
        #expect(try RecoveryKey(text: reader.text) == reader)
        #expect(keys.content + keys.chunkID + keys.name == keys.bytes)
        #expect(!"\(keys)".contains("100"))
        // A key of one version is none of the other.
        let other = reader.text.replacing("walrusfs-key-2:", with: "walrusfs-key-1:")
        #expect(throws: RecoveryKeyError.damaged) { try RecoveryKey(text: other) }
    }

    @Test func descriptionKeepsTheSecret() {
        let secret = "404142434445464748494a4b4c4d4e4f"
        #expect(!"\(key)".contains(secret))
        #expect(!"\(key)".contains(key.text.suffix(40)))
    }

    @Test func everyChangedCharacterIsNoticed() {
        let text = Array(key.text)
        for index in text.indices {
            var changed = text
            changed[index] = changed[index] == "A" ? "B" : "A"
            #expect(throws: RecoveryKeyError.self) { try RecoveryKey(text: String(changed)) }
            var shorter = text
            shorter.remove(at: index)
            // Without its colon or a prefix letter it is another word; else damaged.
            #expect(throws: RecoveryKeyError.self) { try RecoveryKey(text: String(shorter)) }
        }
    }

    @Test func otherTextsAreNamed() {
        #expect(throws: RecoveryKeyError.notARecoveryKey) { try RecoveryKey(text: "") }
        #expect(throws: RecoveryKeyError.notARecoveryKey) { try RecoveryKey(text: "hello") }
        #expect(throws: RecoveryKeyError.unknownVersion("3")) {
            try RecoveryKey(text: "walrusfs-key-3:AAAA")
        }
        #expect(throws: RecoveryKeyError.damaged) { try RecoveryKey(text: "walrusfs-key-1:") }
    }
}
