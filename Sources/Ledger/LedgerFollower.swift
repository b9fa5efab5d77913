// Whoever acts on the ledger's events follows its blocks through here: in order, each exactly
// once, each the signed child of the one before. The place in the chain is (height, block hash);
// when the ledger's chain does not contain that place, nothing is delivered any more, and the
// caller serves reads, accepts nothing and deletes nothing (network.md).

package import BlobModel

/// Why following stopped.
package enum FollowError: Error, Equatable, Sendable {
    /// The ledger did not answer, or refused; when transient, try again.
    case ledger(LedgerError)
    /// The ledger's chain is shorter than what was followed already.
    case ledgerIsBehind(height: UInt64, followed: BlockReference)
    /// The ledger's chain has another block at a height that was followed already.
    case diverged(from: BlockReference, found: BlockHash)
    /// The next block is not the signed, consistent child of the one before.
    case badBlock(BlockError)

    /// Whether trying again may help without anybody doing anything.
    package var isTransient: Bool {
        guard case .ledger(let error) = self else { return false }
        return error.isTransient
    }
}

/// A place in a ledger's chain that moves forward.
///
/// A value: keep the tip (or the last block) with what was done, in one transaction, and make the
/// follower anew from it after a restart.
package struct LedgerFollower: Sendable {
    /// The last block that was delivered and ``advance(past:)`` was called for.
    package private(set) var tip: ChainTip
    private let network: NetworkID
    private let producer: PublicKey
    /// Whether this ledger has shown that its chain contains `tip`.
    private var isConfirmed: Bool

    /// Follows the chain of `genesis` from after `tip`; from its first block without one.
    package init(genesis: Genesis, from tip: ChainTip? = nil) {
        network = genesis.networkID
        producer = genesis.blockKey
        self.tip = tip ?? ChainTip(of: genesis)
        isConfirmed = self.tip.reference.height == 0
    }

    /// The height to ask the ledger for: the tip's own until its block was seen once more.
    package var nextHeight: UInt64 {
        isConfirmed ? tip.reference.height + 1 : tip.reference.height
    }

    /// Checks what the ledger sent for ``nextHeight`` on; returns the blocks to act on.
    ///
    /// They are to be acted on in order, each followed by ``advance(past:)``.
    package mutating func check(_ blocks: [Block]) throws(FollowError) -> [Block] {
        var rest = blocks[...]
        if !isConfirmed {
            guard let first = rest.popFirst() else { return [] }
            guard first.reference == tip.reference else {
                throw .diverged(from: tip.reference, found: first.reference.hash)
            }
            isConfirmed = true
        }
        var next = tip
        for block in rest {
            do throws(BlockError) {
                try next.check(block, network: network, producer: producer)
            } catch {
                throw .badBlock(error)
            }
            next = ChainTip(after: block.header)
        }
        return Array(rest)
    }

    /// Remembers that the next block was acted on.
    ///
    /// - Precondition: It came from ``check(_:)`` and is the tip's child.
    package mutating func advance(past block: Block) {
        precondition(block.header.parent == tip.reference.hash)
        precondition(block.height == tip.reference.height + 1)
        tip = ChainTip(after: block.header)
    }

    /// Must be called when the connection is to another server, or was lost: the chain is checked
    /// against the tip again before anything is delivered.
    package mutating func reconnected() { isConfirmed = tip.reference.height == 0 }

    /// Waits for the next blocks and checks them; none when the time is up.
    package mutating func next(
        from ledger: some LedgerConnection,
        limit: Int = 64,
        waitMilliseconds: UInt64 = 20_000
    ) async throws(FollowError) -> [Block] {
        // The confirming block is delivered to nobody, so it must not end the waiting.
        while true {
            let wasConfirmed = isConfirmed
            let blocks: [Block]
            do throws(LedgerError) {
                blocks = try await ledger.blocks(
                    from: nextHeight,
                    limit: limit,
                    waitMilliseconds: waitMilliseconds
                )
            } catch {
                if case .behind(let height) = error {
                    throw .ledgerIsBehind(height: height, followed: tip.reference)
                }
                throw .ledger(error)
            }
            // A chain that ends just below the tip answers with nothing.
            if !wasConfirmed, blocks.isEmpty {
                throw .ledgerIsBehind(
                    height: tip.reference.height - 1,
                    followed: tip.reference
                )
            }
            let fresh = try check(blocks)
            if wasConfirmed || !fresh.isEmpty { return fresh }
        }
    }
}
