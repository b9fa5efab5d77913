internal import BlobModel

extension Committee {
    /// The one key of all members of ``weighing(_:)``.
    static let key = PublicKey(bytes: [UInt8](repeating: 9, count: 32))

    /// The committee of epoch 4, whose members hold so many shards each, in runs.
    static func weighing(_ weights: [Int]) throws -> Committee {
        var next: UInt16 = 0
        let members = weights.enumerated().map { index, weight in
            defer { next += UInt16(weight) }
            return CommitteeMember(
                node: NodeID(bytes: [UInt8](repeating: UInt8(index), count: 32)),
                shards: Array(next..<next + UInt16(weight)),
                protocolKey: key,
                networkKey: key,
                address: "https://host-\(index):9185"
            )
        }
        return try Committee(epoch: 4, members: members)
    }
}
