package import BlobModel
internal import Codec
package import Ledger
internal import Synchronization

/// Hearing those who follow.
extension LedgerHost {
    package func blocks(
        from height: UInt64,
        limit: Int,
        waitMilliseconds: UInt64,
        claim: SignedMessage
    ) async throws(LedgerError) -> [Block] {
        try await hear(claim)
        return try await blocks(from: height, limit: limit, waitMilliseconds: waitMilliseconds)
    }

    package func obstacle() async throws(LedgerError) -> String? { fault }

    /// What the ledger knows of who has claimed something.
    private struct Claimant: Sendable {
        let record: NodeRecord
        let standing: FollowerClaims.Standing
        /// Whether the claimed block is the ledger's own of that height.
        let isOwn: Bool
        let incarnation: UInt32
    }

    /// Takes a node's word for what it has, where node and ledger have signed it.
    ///
    /// Anything else is passed over: whoever asks is answered as one who has said nothing.
    private func hear(_ message: SignedMessage) async throws(LedgerError) {
        // What is no claim says nothing.
        guard let claim = try? FollowerClaim(bcsBytes: message.message) else { return }
        let claimant = try await onEngine { engine throws(LedgerStoreError) in
            try Self.claimant(claim, engine)
        }
        guard let claimant, isShown(claim, claimant) else { return }
        let signed = SigningDomain(
            network: fixed.networkID,
            incarnation: claimant.incarnation
        ).signedBytes(of: message.message)
        var isNodes = claimant.record.protocolKey.isValid(message.signature, for: signed)
        var committee: Committee?
        // Only an objection needs who votes on it; a committee may have the key before this one.
        if !isNodes || !claimant.isOwn {
            let current = try await self.committee()
            let key = current.index(of: claim.node).map { current.members[$0].protocolKey }
            isNodes = isNodes || key?.isValid(message.signature, for: signed) == true
            committee = current
        }
        guard isNodes else { return }
        state.withLock { $0.claims.heard(claim.node, claimant.standing, committee) }
        if claimant.isOwn { followers?.heard(claim.node, has: claim.height) }
    }

    /// Whether the block that is claimed is one that the ledger has signed.
    private func isShown(_ claim: FollowerClaim, _ claimant: Claimant) -> Bool {
        // The own one needs no proof.
        guard !claimant.isOwn, let newest = claim.newest else { return claimant.isOwn }
        return newest.header.network == fixed.networkID
            && newest.header.producer == fixed.blockKey && newest.isSigned
    }

    /// Nil for a node that is not registered.
    private static func claimant(
        _ claim: FollowerClaim,
        _ engine: any LedgerEngine
    ) throws(LedgerStoreError) -> Claimant? {
        let tip = engine.tip
        let answer: LedgerAnswer
        do throws(StateError) {
            answer = try LedgerState.answer(.node(claim.node), at: tip, from: engine)
        } catch {
            throw .failed("\(error)")
        }
        guard case .node(let record?) = answer else { return nil }
        let standing = try standing(of: claim, engine)
        return Claimant(
            record: record,
            standing: standing,
            isOwn: standing == .own(height: claim.height),
            incarnation: tip.incarnation
        )
    }

    private static func standing(
        of claim: FollowerClaim,
        _ engine: any LedgerEngine
    ) throws(LedgerStoreError) -> FollowerClaims.Standing {
        guard let newest = claim.newest?.reference, newest.height > 0 else {
            return .own(height: 0)
        }
        let tip = engine.tip.reference
        if newest == tip { return .own(height: newest.height) }
        guard newest.height <= tip.height else { return .ahead(height: newest.height) }
        let own = try engine.blocks(from: newest.height, limit: 1, bytesMax: .max).first
        return own?.reference == newest
            ? .own(height: newest.height) : .forked(height: newest.height)
    }
}
