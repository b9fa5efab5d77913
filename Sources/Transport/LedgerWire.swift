/// The bounds of the ledger's API, for both of its sides (`Docs/Formats/ledger-api.md`).
package enum LedgerWire {
    package static let blocksMax = 256
    /// Blocks are handed out until they fill this, but at least one.
    package static let blockBytesMax = 8 << 20
    /// The largest answer that a client takes: a full one, and one more block of the largest kind.
    package static let answerMax = 64 << 20
    /// A genesis of 1,000 nodes has 200 kB.
    package static let genesisMax = 16 << 20
    package static let queryMax = 1024
    /// Who asks for blocks: a node's id, which has all blocks before the first that it asks for.
    package static let followerParameter = "follower"
    /// How long a request for blocks may wait for one.
    package static let waitMillisecondsMax: UInt64 = 30_000
    /// The member of a refusal's metadata that has the ledger's error, BCS in base64.
    package static let errorMember = "ledgerError"
}
