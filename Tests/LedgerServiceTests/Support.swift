internal import BlobModel
internal import Codec
internal import Foundation
internal import Ledger
internal import LedgerService
internal import Synchronization
internal import SystemIO

/// A network of ten nodes without prices, and the keys of its ledger.
struct TestNetwork: Sendable {
    let genesis: Genesis
    let blockKey: SigningKey
    let alice: SigningKey
    let time: ManualTimeSource

    init(salt: UInt8 = 1, rules: GenesisRules = GenesisRules()) throws {
        blockKey = Self.key("block")
        alice = Self.key("alice")
        time = ManualTimeSource()
        genesis = try Genesis(
            name: "test",
            salt: [UInt8](repeating: salt, count: 32),
            startMilliseconds: time.nowMilliseconds,
            ledgerNetworkKey: Self.key("tls").publicKey,
            blockKey: blockKey.publicKey,
            administrator: Address(of: alice.publicKey),
            rules: rules,
            nodes: (0..<10).map { index in
                let key = Self.key("node \(index)").publicKey
                return GenesisNode(
                    name: "node-\(index)",
                    account: Address(of: key),
                    protocolKey: key,
                    networkKey: key,
                    address: "embedded:node-\(index)",
                    stake: 1,
                    shards: [UInt16(index)]
                )
            },
            accounts: [GenesisAccount(address: Address(of: alice.publicKey), balance: 1000)]
        )
    }

    static func key(_ name: String) -> SigningKey {
        SigningKey(seed: Blake2b256.hash(Array(name.utf8)))
    }

    func options(sink: (any BlockSink)? = nil) -> LedgerHostOptions {
        LedgerHostOptions(key: blockKey, time: time, sink: sink)
    }

    /// A transaction that the number tells from others.
    func transaction(_ number: UInt64, _ commands: [Command]? = nil) -> SignedTransaction {
        Transaction(
            network: genesis.networkID,
            incarnation: 0,
            sender: Address(of: alice.publicKey),
            salt: number.bcsBytes + [UInt8](repeating: 0, count: 8),
            validUntilEpoch: .max,
            validUntilMilliseconds: time.nowMilliseconds + 60_000,
            feeMax: 0,
            commands: commands
                ?? [.transfer(to: Address(of: Self.key("bob").publicKey), amount: 1)]
        ).signed(by: alice)
    }

    func balanceOfBob(_ ledger: some LedgerConnection) async throws -> Frost {
        try await ledger.balance(of: Address(of: Self.key("bob").publicKey))
    }
}

/// Runs `body` with a folder that is gone afterwards.
func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let path =
        FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path
        + "/walrusfs-test-ledger-" + UUID().uuidString.prefix(13)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    defer {
        // What is left over only takes room in a temporary folder.
        try? FileManager.default.removeItem(atPath: path)
    }
    return try await body(path)
}

/// Blocks in memory: a node that keeps what it is handed, or refuses to.
final class TestNode: BlockSink, BlockSource {
    struct Refused: Error {}
    struct State {
        var blocks: [Block] = []
        var isDown = false
        /// Answers that come before it answers with its first block whatever it is asked.
        var honestAnswers = Int.max
    }

    let name: String
    let state = Mutex(State())

    init(_ name: String = "node", _ blocks: [Block] = []) {
        self.name = name
        state.withLock { $0.blocks = blocks }
    }

    var blocks: [Block] { state.withLock(\.blocks) }

    func setDown(_ isDown: Bool) { state.withLock { $0.isDown = isDown } }

    /// From then on it says what it said first: a liar that passes the first look.
    func repeatItself(after answers: Int) { state.withLock { $0.honestAnswers = answers } }

    func store(_ block: Block) async throws {
        try state.withLock { state in
            if state.isDown { throw Refused() }
            if state.blocks.last != block { state.blocks.append(block) }
        }
    }

    func blocks(from height: UInt64, limit: Int) async throws -> [Block] {
        try state.withLock { state in
            if state.isDown { throw Refused() }
            guard state.honestAnswers > 0 else { return Array(state.blocks.prefix(1)) }
            state.honestAnswers -= 1
            return Array(state.blocks.dropFirst(Int(height) - 1).prefix(limit))
        }
    }
}
