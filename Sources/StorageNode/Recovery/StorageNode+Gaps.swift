internal import BlobModel

/// What a shard's former holder did not give is recovered from the symbols of others, as a lost
/// sliver is.
extension StorageNode {
    /// Missing slivers that are recovered before more are looked for.
    private static let gapsMax = 256
    /// Blobs that are recovered at one time.
    private static let blobsMax = 4

    /// Recovers what is missing of a shard still, of the blobs certified before `epoch`; returns
    /// how many slivers that were.
    ///
    /// Goes on with other blobs when one can not be recovered now, and then throws.
    func fillGaps(
        of shard: UInt16,
        _ epoch: Epoch,
        _ peers: RecoveryPeers
    ) async throws(NodeError) -> Int {
        var count = 0
        var failures: [String] = []
        var start: BlobID? = .first
        while let from = start {
            let missing = try await missing(
                of: shard,
                epoch: epoch,
                from: from,
                limit: Self.gapsMax
            )
            if Task.isCancelled { throw .cancelled }
            let failed = await recover(missing, peers)
            failures += failed
            try await countSynced(missing)
            count += missing.count
            start = missing.last?.blob.successor
        }
        guard let failure = failures.first else { return count }
        throw .unreachable(
            "\(failures.count) blobs of shard \(shard) cannot be recovered now; one: \(failure)"
        )
    }

    /// Recovers these slivers, some blobs at a time; returns why that failed, for each that did.
    private func recover(_ names: [SliverName], _ peers: RecoveryPeers) async -> [String] {
        let slivers = Dictionary(grouping: names, by: \.blob)
        var blobs = slivers.keys.sorted()[...]
        return await withTaskGroup(of: String?.self) { group in
            var failures: [String] = []
            var running = 0
            while running > 0 || !blobs.isEmpty {
                while running < Self.blobsMax, let blob = blobs.popFirst() {
                    running += 1
                    let names = slivers[blob] ?? []
                    group.addTask { await self.recover(blob, names, peers) }
                }
                if let failure = await group.next() ?? nil { failures.append(failure) }
                running -= 1
            }
            return failures
        }
    }

    /// Recovers slivers of one blob; returns why not, if not.
    private func recover(
        _ blob: BlobID,
        _ names: [SliverName],
        _ peers: RecoveryPeers
    ) async -> String? {
        do throws(RecoveryFailure) {
            let missing: Missing?
            do throws(NodeError) {
                // Primary slivers are recovered from secondary ones, which may be among them.
                missing = try await self.missing(
                    of: blob,
                    names.filter { $0.axis == .secondary } + names.filter { $0.axis == .primary }
                )
            } catch {
                throw .failed("\(error)")
            }
            guard let missing else { return nil }
            try await recoverOrInvalidate(blob, missing, peers)
            return nil
        } catch {
            switch error {
            case .notWanted: return nil
            case .inconsistent: return "\(blob): it was encoded inconsistently"
            case .failed(let what): return "\(blob): \(what)"
            }
        }
    }
}
