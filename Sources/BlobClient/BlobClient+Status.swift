package import BlobModel
internal import Ledger
internal import SystemIO

/// What a network says of a blob.
extension BlobClient {
    private enum Answer: Sendable {
        case answer(Int, NodeBlobStatus?)
        case patienceIsOver
    }

    /// The status of a blob as a quorum of nodes has it: see ``StatusTally``.
    ///
    /// Nodes that have not answered after `patience` count as failed. Throws `unavailable` when
    /// too few answer, or when they do not agree and the ledger confirms none of them.
    package func status(
        of blob: BlobID,
        patience: Duration
    ) async throws(BlobStoreError) -> BelievedBlobStatus {
        let peers = peers
        let tally = await withTaskGroup(of: Answer.self) { group in
            for member in 0..<peers.memberCount {
                group.addTask {
                    // A node that does not answer counts for nothing, whatever the reason.
                    let status = try? await peers.ask(member) { (node) throws(NodeError) in
                        try await node.status(of: blob)
                    }
                    return .answer(member, status)
                }
            }
            group.addTask {
                // Cancelled when the status is known.
                try? await self.environment.time.sleep(for: patience)
                return .patienceIsOver
            }
            defer { group.cancelAll() }
            var tally = StatusTally(committee: peers.committee)
            while let event = await group.next() {
                switch event {
                case .answer(let member, let status?): tally.answered(member, status)
                case .answer(let member, nil): tally.failed(member)
                case .patienceIsOver: return tally
                }
                if tally.trusted != nil || tally.isOver { return tally }
            }
            return tally
        }
        if let status = tally.trusted { return status }
        if Task.isCancelled { throw .cancelled }
        guard tally.isQuorum else {
            throw .unavailable("Fewer nodes than a quorum say what they know of \(blob).")
        }
        let record: BlobStatusRecord
        do throws(LedgerError) {
            record = try await ledger.status(of: blob)
        } catch {
            throw error.blobStoreError
        }
        guard let status = tally.confirmed(by: record) else {
            throw .unavailable("The nodes do not agree on what they know of \(blob).")
        }
        return status
    }
}
