package import BlobModel

extension NodeCommittees {
    /// A node, where it is reached now, and the shards that it serves: those that it holds, and
    /// those that it has given up and still keeps.
    package struct ServingMember: Equatable, Sendable {
        package let member: CommitteeMember
        package let shards: [UInt16]
    }

    /// Everyone who serves shards, each once: the members of now first.
    ///
    /// While shards move, a shard is served by two: whoever gets it may not have it yet, and who
    /// has given it up may be gone.
    package var servingMembers: [ServingMember] {
        var known: Set<NodeID> = []
        return ([current] + former).flatMap(\.members).compactMap { member in
            guard known.insert(member.node).inserted else { return nil }
            let shards = served(by: member.node)
            return shards.isEmpty ? nil : ServingMember(member: member, shards: shards.sorted())
        }
    }
}
