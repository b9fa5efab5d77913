internal import BlobModel
internal import SystemIO

/// Why nodes give nothing of a blob.
extension BlobClient {
    /// How long they may take to say so: a read has failed already.
    private static let patience = Duration.seconds(2)

    /// Whether so many nodes refuse a blob as invalid that one of them must be right.
    ///
    /// Asked after a read has failed: one node that has not heard, or keeps quiet about it, may
    /// have given the metadata still, and only the slivers are not to be had.
    func isRefusedAsInvalid(_ blob: BlobID) async -> Bool {
        let peers = peers
        let committee = peers.committee
        return await withTaskGroup(of: (member: Int, isInvalid: Bool)?.self) { group in
            for member in 0..<peers.memberCount {
                group.addTask {
                    do throws(NodeError) {
                        _ = try await peers.ask(member) { (node) throws(NodeError) in
                            try await node.metadataStatus(of: blob)
                        }
                        return (member, false)
                    } catch {
                        return (member, error.refusal == .invalidBlob)
                    }
                }
            }
            group.addTask {
                // Cancelled when it is decided.
                try? await self.environment.time.sleep(for: Self.patience)
                return nil
            }
            defer { group.cancelAll() }
            var invalid = 0
            var left = committee.shardCount
            while let answer = await group.next(), let (member, isInvalid) = answer {
                left -= committee.members[member].weight
                if isInvalid { invalid += committee.members[member].weight }
                if committee.isValidity(invalid) { return true }
                if !committee.isValidity(invalid + left) { return false }
            }
            return false
        }
    }
}
