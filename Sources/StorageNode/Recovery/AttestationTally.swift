package import BlobModel

/// Collects what members of a committee attest of an invalid blob, and says when it is enough.
///
/// Enough is so much weight that a correct node must be among the signers, which has verified the
/// proof: that is what the ledger asks for, and more would make lying nodes able to keep a blob
/// from being invalidated while others are down.
package struct AttestationTally {
    package enum Decision: Equatable {
        case wait
        case enough(Certificate)
        /// Even if everyone else attested it, it would not be enough.
        case hopeless
    }

    private let committee: Committee
    private let message: ProtocolMessage
    private var signatures: [(member: Int, signature: Signature)] = []
    private var failed: Set<Int> = []

    package init(committee: Committee, blob: BlobID) {
        self.committee = committee
        message = .invalidBlobID(epoch: committee.epoch, blob: blob)
    }

    /// Counts what a member answered; false when it is signed by somebody else or says something
    /// else, which no correct node does.
    ///
    /// An attestation of another epoch is honest and does not count.
    package mutating func answered(
        _ member: Int,
        _ signed: SignedMessage,
        in domain: SigningDomain
    ) -> Bool {
        let key = committee.members[member].protocolKey
        let said = signed.verified(by: key, in: domain)
        guard said == message else {
            failed(member)
            guard case .invalidBlobID(let epoch, message.blob)? = said else { return false }
            return epoch != committee.epoch
        }
        if !failed.contains(member), !signatures.contains(where: { $0.member == member }) {
            signatures.append((member, signed.signature))
        }
        return true
    }

    package mutating func failed(_ member: Int) {
        guard !signatures.contains(where: { $0.member == member }) else { return }
        failed.insert(member)
    }

    package var weight: Int {
        signatures.reduce(0) { $0 + committee.members[$1.member].weight }
    }

    package var decision: Decision {
        if committee.isValidity(weight) {
            return .enough(Certificate(message: message, signatures: signatures))
        }
        let lost = failed.reduce(0) { $0 + committee.members[$1].weight }
        return committee.isValidity(committee.shardCount - lost) ? .wait : .hopeless
    }
}
