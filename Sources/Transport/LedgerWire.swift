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
    /// The health of a ledger with a thousand followers has 150 kB.
    package static let healthMax = 1 << 20
    /// Who asks for blocks and has which: a follower's claim, signed, BCS in URL-safe base64.
    package static let claimParameter = "claim"
    /// The longest claim in base64; one has 540 characters.
    package static let claimMax = 1024
    /// How long a request for blocks may wait for one.
    package static let waitMillisecondsMax: UInt64 = 30_000
    /// The member of a refusal's metadata that has the ledger's error, BCS in base64.
    package static let errorMember = "ledgerError"
}

/// What a ledger's health says of why it takes no transactions.
package struct WireLedgerFault: Decodable, Sendable {
    /// Missing when it takes them.
    package let fault: String?
}
