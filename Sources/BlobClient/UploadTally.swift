package import BlobModel

/// Counts, in shards, what became of an upload at each node, and says when it is decided.
package struct UploadTally {
    package enum Decision: Equatable {
        case wait
        /// Enough shards confirmed; the rest is the tail.
        case quorum
        /// Even if everyone else confirmed, it would not be enough.
        case hopeless
    }

    private let committee: Committee
    package private(set) var signatures: [(member: Int, signature: Signature)] = []
    private var failedWeight = 0
    private var invalidWeight = 0
    package private(set) var answered = 0

    package init(committee: Committee) { self.committee = committee }

    package mutating func confirmed(_ member: Int, _ signature: Signature) {
        precondition(!signatures.contains { $0.member == member })
        signatures.append((member, signature))
        answered += 1
    }

    package mutating func failed(_ member: Int, because error: NodeError? = nil) {
        let weight = committee.members[member].weight
        failedWeight += weight
        if error?.refusal == .invalidBlob { invalidWeight += weight }
        answered += 1
    }

    /// Whether so many say that the blob is invalid that one of them must be right.
    package var isInvalid: Bool { committee.isValidity(invalidWeight) }

    package var isComplete: Bool { answered == committee.members.count }

    package var confirmedWeight: Int {
        signatures.reduce(0) { $0 + committee.members[$1.member].weight }
    }

    package var decision: Decision {
        if committee.isQuorum(confirmedWeight) { return .quorum }
        return committee.isQuorum(committee.shardCount - failedWeight) ? .wait : .hopeless
    }

    /// How long the tail may go on after a quorum was reached: slow nodes still get their data,
    /// within half of what the quorum took and half a second (walrus-system, 3.2).
    package static func tail(after elapsed: Duration) -> Duration {
        elapsed / 2 + .milliseconds(500)
    }
}
