package import Codec

/// One node of a committee, with the shards it answers for and the keys it answers with.
package struct CommitteeMember: Hashable, Sendable {
    package let node: NodeID
    /// The shards that this node holds, ascending; may be empty for a node between duties.
    package let shards: [UInt16]
    /// Verifies what the node signs: confirmations and attestations.
    package let protocolKey: PublicKey
    /// The Ed25519 key of the node's TLS certificate, pinned by everyone who connects.
    package let networkKey: PublicKey
    /// Where the node is served: `https://host:port`, or `embedded:node-03` inside one process.
    package let address: String

    package init(
        node: NodeID,
        shards: [UInt16],
        protocolKey: PublicKey,
        networkKey: PublicKey,
        address: String
    ) {
        self.node = node
        self.shards = shards
        self.protocolKey = protocolKey
        self.networkKey = networkKey
        self.address = address
    }

    /// What the member counts for: its shards.
    package var weight: Int { shards.count }
}

extension CommitteeMember: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(node)
        writer.write(vector: shards)
        writer.write(protocolKey)
        writer.write(networkKey)
        writer.write(string: address)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        node = try reader.read()
        shards = try reader.readVector(limit: Committee.shardsMax, itemSize: 2)
        protocolKey = try reader.read()
        networkKey = try reader.read()
        address = try reader.readString(limit: Committee.addressLengthMax)
    }
}

/// Who holds which shard during one epoch.
///
/// Members are in the order of the ledger's record, which is the order of the bits in a
/// certificate. Every shard has exactly one holder. Weights are shards, never nodes.
package struct Committee: Hashable, Sendable {
    /// Every shard count up to this one can be encoded (encoding.md, section 1).
    package static let shardsMax = 49_155
    /// RedStuff needs at least one recovery symbol, so f ≥ 1.
    package static let shardsMin = 4
    package static let addressLengthMax = 256

    package let epoch: Epoch
    package let members: [CommitteeMember]
    /// n.
    package let shardCount: Int
    /// For each shard the index of its member.
    private let holders: [UInt16]

    /// Takes members that together hold each of the shards `0..<n` once.
    package init(epoch: Epoch, members: [CommitteeMember]) throws(CodecError) {
        let count = members.reduce(0) { $0 + $1.shards.count }
        guard count >= Self.shardsMin, count <= Self.shardsMax, members.count <= count else {
            throw .invalidValue("committee of \(members.count) members, \(count) shards")
        }
        var holders = [UInt16?](repeating: nil, count: count)
        for (index, member) in members.enumerated() {
            for (position, shard) in member.shards.enumerated() {
                guard shard < count, holders[Int(shard)] == nil else {
                    throw .invalidValue("shard \(shard) held twice or beyond \(count)")
                }
                guard position == 0 || member.shards[position - 1] < shard else {
                    throw .invalidValue("shards of a member are not ascending")
                }
                holders[Int(shard)] = UInt16(index)
            }
        }
        let nodes = members.map(\.node).sorted()
        for (previous, node) in zip(nodes, nodes.dropFirst()) where previous == node {
            throw .invalidValue("node \(node) is in the committee twice")
        }
        self.epoch = epoch
        self.members = members
        shardCount = count
        self.holders = holders.compactMap(\.self)
    }

    /// The number f of shards that may be faulty.
    package var faultyMax: Int { (shardCount - 1) / 3 }

    /// The member that holds `shard`.
    ///
    /// - Precondition: `shard` is below `shardCount`.
    package func holder(of shard: UInt16) -> CommitteeMember {
        members[Int(holders[Int(shard)])]
    }

    /// The index in `members` of the holder of `shard`.
    package func holderIndex(of shard: UInt16) -> Int { Int(holders[Int(shard)]) }

    /// The index of a node among the members; nil when it is not one of them.
    package func index(of node: NodeID) -> Int? { members.firstIndex { $0.node == node } }

    /// Whether so many shards are a quorum, 2f + 1 style: enough to certify a blob.
    package func isQuorum(_ weight: Int) -> Bool { 3 * weight >= 2 * shardCount + 1 }

    /// Whether among the holders of so many shards there must be a correct one.
    package func isValidity(_ weight: Int) -> Bool { 3 * weight >= shardCount + 1 }

    /// The least weight that is a quorum.
    package var quorum: Int { (2 * shardCount + 1 + 2) / 3 }

    /// The least weight among whose holders there must be a correct one.
    package var validity: Int { (shardCount + 1 + 2) / 3 }

    /// The same members in another epoch.
    package func moved(to epoch: Epoch) -> Committee {
        Committee(epoch: epoch, members: members, shardCount: shardCount, holders: holders)
    }

    /// The committee with one member's keys or address changed.
    ///
    /// - Precondition: It is the same node with the same shards.
    package func replacing(_ index: Int, with member: CommitteeMember) -> Committee {
        precondition(members[index].node == member.node)
        precondition(members[index].shards == member.shards)
        var members = members
        members[index] = member
        return Committee(
            epoch: epoch,
            members: members,
            shardCount: shardCount,
            holders: holders
        )
    }

    private init(epoch: Epoch, members: [CommitteeMember], shardCount: Int, holders: [UInt16]) {
        self.epoch = epoch
        self.members = members
        self.shardCount = shardCount
        self.holders = holders
    }
}

extension Committee: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        writer.write(epoch)
        writer.write(vector: members)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let epoch = try reader.readUInt32()
        let members = try reader.readVector(
            of: CommitteeMember.self,
            limit: Self.shardsMax,
            itemSize: 98
        )
        try self.init(epoch: epoch, members: members)
    }
}
