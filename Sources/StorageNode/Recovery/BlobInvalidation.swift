package import BlobModel
internal import SystemIO

/// Brings a certificate that a blob is invalid to the ledger; whoever composes the program knows
/// whose account signs.
package typealias InvalidateBlob = @Sendable (Certificate) async throws -> Void

/// What a node does that can prove a blob inconsistent: it shows the proof to all, and brings their
/// attestations to the ledger.
///
/// Nothing of it is written down. The sliver that gave the proof stays missing as long as the blob
/// is not invalid, so whoever comes after a crash finds it again.
struct BlobInvalidation {
    /// How long members may take together.
    private static let patience = Duration.seconds(60)

    let node: StorageNode
    let peers: RecoveryPeers
    let metadata: VerifiedBlobMetadata
    let proof: InconsistencyProof

    private var blob: BlobID { metadata.blobID }

    private enum Event: Sendable {
        case answer(Int, Result<SignedMessage, NodeError>)
        case late
    }

    /// Returns when the ledger has taken it.
    func run() async throws(RecoveryFailure) {
        guard let invalidate = peers.invalidate else {
            throw .failed("it was encoded inconsistently, and nobody here can tell the ledger")
        }
        // As the last block has it, which the ledger will hold the certificate against.
        let committee = node.committees.current
        var tally = AttestationTally(committee: committee, blob: blob)
        await withTaskGroup(of: Event.self) { group in
            for index in peers.order(of: committee.members)
            where committee.members[index].weight > 0 {
                let connection = peers.connection(to: committee.members[index])
                group.addTask { .answer(index, await ask(connection)) }
            }
            group.addTask {
                // Cancelled when there are enough.
                try? await node.time.sleep(for: Self.patience)
                return .late
            }
            while tally.decision == .wait, let event = await group.next() {
                guard case .answer(let index, let result) = event else { break }
                count(result, of: index, committee, in: &tally)
            }
            group.cancelAll()
        }
        guard case .enough(let certificate) = tally.decision else {
            throw .failed(
                "it was encoded inconsistently, and \(tally.weight) of \(committee.shardCount) "
                    + "shards attest it, \(committee.validity) are needed"
            )
        }
        do {
            try await invalidate(certificate)
        } catch {
            throw .failed("the ledger does not take that it is inconsistent: \(error)")
        }
    }

    private func count(
        _ result: Result<SignedMessage, NodeError>,
        of index: Int,
        _ committee: Committee,
        in tally: inout AttestationTally
    ) {
        let member = committee.members[index]
        switch result {
        case .success(let signed):
            if !tally.answered(index, signed, in: node.domain) {
                node.notice(.lie(member.node, blob, "an attestation that is not its own"))
            }
        case .failure(let error):
            tally.failed(index)
            switch error {
            case .malformed(let what): node.notice(.lie(member.node, blob, what))
            case .unreachable: peers.isUnreachable(member)
            case .refused, .cancelled: break
            }
        }
    }

    /// Shows a member the proof, and before that the metadata if it has none.
    private func ask(
        _ connection: any StorageNodeConnection
    ) async -> Result<SignedMessage, NodeError> {
        do throws(NodeError) {
            do throws(NodeError) {
                return .success(try await connection.attestation(ofInvalid: blob, shownBy: proof))
            } catch {
                guard error.refusal == .metadataNotFound else { throw error }
            }
            _ = try await connection.store(metadata, height: nil)
            return .success(try await connection.attestation(ofInvalid: blob, shownBy: proof))
        } catch {
            return .failure(error)
        }
    }
}
