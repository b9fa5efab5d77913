package import BlobModel
internal import Codec
internal import ErasureCoding
internal import Ledger
internal import Synchronization
internal import SystemIO

/// What a node needs of others to change its shards.
package struct ShardMigration: Sendable {
    /// The former holder of a shard; nil when it can not be spoken to.
    package var connect: @Sendable (CommitteeMember) -> (any ShardSource)?
    /// Whoever has symbols of what the former holder does not give.
    package var peer: ConnectPeer
    /// Tells the ledger that the node has all its shards of that epoch.
    package var report: @Sendable (Epoch) async throws -> Void

    package init(
        connect: @escaping @Sendable (CommitteeMember) -> (any ShardSource)?,
        peer: @escaping ConnectPeer,
        report: @escaping @Sendable (Epoch) async throws -> Void
    ) {
        self.connect = connect
        self.peer = peer
        self.report = report
    }
}

/// Changing shards with the epochs: fetch what the node gets, report it, drop what it gave up.
extension StorageNode {
    private static let pageCount: UInt64 = 256
    /// Pairs that are dropped with one commit.
    private static let dropsMax = 256
    private static let retryPause = Duration.seconds(1)
    private static let blockPatience = Duration.seconds(20)

    /// Does for each epoch what it asks of the node, until the task is cancelled.
    func followEpochs(_ migration: ShardMigration, invalidate: InvalidateBlob?) async {
        var settled: Epoch?
        while !Task.isCancelled {
            // Read before looking, so that no block slips through between.
            let height = cursor.block.height
            let epoch = committees.current.epoch
            // What past epochs asked of the node is of no use any more.
            if settled != epoch, !isBehind {
                do {
                    try await settle(migration, invalidate: invalidate)
                    settled = epoch
                    if committees.current.epoch == epoch { haveShards() }
                } catch {
                    notice(.syncFailed(epoch, "\(error)"))
                    try? await time.sleep(for: Self.retryPause)
                    continue
                }
            }
            await wait(for: height + 1, atMost: Self.blockPatience)
        }
    }

    /// Says that shards will be fetched from their former holders: they are not recovered before.
    func expectShards() {
        recovery.state.withLock { $0.isMigrating = true }
        recovery.shardsHaveChanged(gained: committees.gained(by: configuration.node))
    }

    /// Has everything looked at once more, what was certified while shards moved above all.
    private func haveShards() { recovery.shardsHaveChanged(gained: []) }

    /// Fetches the shards of the current epoch, reports them and drops others: all that a change
    /// of epochs asks of the node, once.
    ///
    /// Throws when something is missing still; what is here is not fetched again.
    package func settle(
        _ migration: ShardMigration,
        invalidate: InvalidateBlob? = nil
    ) async throws {
        let committees = committees
        let count = try await syncShards(committees, migration, invalidate)
        if committees.isChanging, committees.current.index(of: configuration.node) != nil {
            try await writing { store throws(NodeStoreError) in try store.synchronize() }
            try await migration.report(committees.current.epoch)
            notice(.synced(committees.current.epoch, slivers: count))
        }
        try await dropMovedShards()
    }

    /// Fetches what is missing of the shards that the node got of late; returns how many slivers
    /// that were.
    private func syncShards(
        _ committees: NodeCommittees,
        _ migration: ShardMigration,
        _ invalidate: InvalidateBlob?
    ) async throws(NodeError) -> Int {
        let epoch = committees.current.epoch
        let peers = RecoveryPeers(
            own: self,
            connect: migration.peer,
            invalidate: invalidate
        )
        var count = 0
        let gained = committees.gained(by: configuration.node)
        try await beginSync(of: Array(gained), epoch: epoch)
        for shard in gained {
            for holder in committees.formerHolders(of: shard, besides: configuration.node) {
                guard try await !missing(of: shard, epoch: epoch).isEmpty,
                    let peer = migration.connect(holder)
                else { continue }
                do throws(NodeError) {
                    for axis in SliverAxis.allCases {
                        count += try await copy(ShardIndex(shard), axis, from: peer, committees)
                    }
                    break
                } catch {
                    if error == .cancelled || Task.isCancelled { throw .cancelled }
                    // The holder before may give it; and the rest is recovered from the others.
                    notice(.syncFailed(epoch, "\(holder.node): \(error)"))
                }
            }
            count += try await fillGaps(of: shard, epoch, peers)
        }
        endSync()
        return count
    }

    /// Copies one kind of a shard's slivers from its former holder.
    private func copy(
        _ shard: ShardIndex,
        _ axis: SliverAxis,
        from peer: any ShardSource,
        _ committees: NodeCommittees
    ) async throws(NodeError) -> Int {
        guard let key = protocolKey(in: committees.current) else {
            throw .refused(.requestUnauthorized, "The node's key in the committee is not here.")
        }
        var start = BlobID.first
        var count = 0
        while !Task.isCancelled {
            let request = ShardSyncRequest(
                epoch: committees.current.epoch,
                shard: shard,
                axis: axis,
                start: start,
                count: Self.pageCount
            )
            let answer = try await peer.shard(
                request.signed(by: key, in: domain),
                from: key.publicKey
            )
            guard !answer.slivers.isEmpty else { return count }
            for item in answer.slivers {
                guard item.blob >= start else {
                    throw .malformed("The slivers of shard \(shard) are not in order.")
                }
                count += try await take(item, shard, axis, from: peer)
                guard let next = item.blob.successor else { return count }
                start = next
            }
        }
        throw .cancelled
    }

    /// Stores a sliver that came with a shard, if it is right and wanted: 1 if it did.
    private func take(
        _ item: ShardSliver,
        _ shard: ShardIndex,
        _ axis: SliverAxis,
        from peer: any ShardSource
    ) async throws(NodeError) -> Int {
        let name = SliverName(
            blob: item.blob,
            pair: parameters.pair(on: shard, of: item.blob),
            axis: axis
        )
        guard item.sliver.axis == axis, item.sliver.index == parameters.sliver(of: name.pair, axis)
        else { throw .malformed("The sliver of \(item.blob) is of another shard.") }
        let epoch = committees.current.epoch
        let isWanted = try await reading { store throws(NodeStoreError) in
            if try store.hasSliver(name) { return false }
            return try !store.live(try store.info(of: item.blob), at: epoch).isEmpty
        }
        guard isWanted else { return 0 }
        let metadata = try await metadata(of: item.blob, from: [peer])
        let codec = RedStuffCodec(parameters)
        let verified: VerifiedSliver
        do throws(SliverVerificationError) {
            verified = try await pool.run { () throws(SliverVerificationError) in
                try SliverVerifier(codec, metadata).verify(item.sliver)
            }
        } catch {
            // It is recovered like one that is missing.
            notice(.damagedSliver(name, "as its former holder gave it: \(error)"))
            return 0
        }
        try await writing { store throws(NodeStoreError) in try store.store(verified, as: name) }
        tookOfShard(verified)
        return 1
    }

    /// At least `limit` slivers of a shard that are missing, if there are so many, of the first
    /// blobs from `start` on that lack any.
    func missing(
        of shard: UInt16,
        epoch: Epoch,
        from start: BlobID = .first,
        limit: Int = 1
    ) async throws(NodeError) -> [SliverName] {
        try await reading { [self] store throws(NodeStoreError) in
            var missing: [SliverName] = []
            try store.eachCertified(before: epoch, from: start) { (blob) throws(NodeStoreError) in
                for name in slivers(of: [shard], of: blob) where try !store.hasSliver(name) {
                    missing.append(name)
                }
                return missing.count < limit
            }
            return missing
        }
    }

    /// The blob's metadata, from here or from the first peer that has it; stored then.
    private func metadata(
        of blob: BlobID,
        from peers: [any ShardSource]
    ) async throws(NodeError) -> VerifiedBlobMetadata {
        let here = try await reading { store throws(NodeStoreError) in
            try store.metadata(of: blob)
        }
        if let here, let verified = try? here.verify(as: blob, parameters) { return verified }
        var failure = NodeError.refused(.metadataNotFound, "Nobody has the metadata of \(blob).")
        for peer in peers {
            do throws(NodeError) {
                let bytes = try await peer.metadata(of: blob)
                // Whatever is wrong with it, it is not this blob's metadata.
                guard let found = try? BlobMetadataWithID(bcsBytes: bytes), found.blobID == blob,
                    let verified = try? found.verify(parameters)
                else { throw .malformed("bytes that are not the metadata of \(blob)") }
                try await writing { store throws(NodeStoreError) in try store.store(verified) }
                return verified
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// Deletes the slivers of shards that the node gave up two epochs ago.
    ///
    /// Only on a chain that is the ledger's.
    private func dropMovedShards() async throws(NodeError) {
        let (committees, isDiverged) = status.withLock { ($0.committees, $0.isDiverged) }
        // In a network's first epochs there is nothing that old.
        guard !isDiverged, committees.former.count == NodeCommittees.keptEpochs else { return }
        let served = committees.served(by: configuration.node)
        let count = try await reading { [self] store throws(NodeStoreError) in
            var count = 0
            var moved: [(blob: BlobID, pair: SliverPairIndex)] = []
            try store.each(from: .first) { (blob, _) throws(NodeStoreError) in
                for pair in try store.pairs(of: blob) where !isOf(served, pair, of: blob) {
                    moved.append((blob, pair))
                }
                if moved.count >= Self.dropsMax {
                    count += try drop(moved, from: store)
                    moved = []
                }
                return true
            }
            return count + (try drop(moved, from: store))
        }
        if count > 0 { notice(.dropped(pairs: count)) }
    }

    private func isOf(
        _ shards: Set<UInt16>,
        _ pair: SliverPairIndex,
        of blob: BlobID
    ) -> Bool {
        shards.contains(parameters.shard(holding: pair, of: blob).rawValue)
    }

    /// Drops pairs, but for those of shards that have come back meanwhile.
    ///
    /// No block is applied between looking and deleting, so nothing goes that was just taken for a
    /// shard that is the node's again.
    private func drop(
        _ moved: [(blob: BlobID, pair: SliverPairIndex)],
        from store: any NodeStore
    ) throws(NodeStoreError) -> Int {
        guard !moved.isEmpty else { return 0 }
        do {
            return try store.serially {
                guard let committees = try store.committees() else { return 0 }
                let served = committees.served(by: configuration.node)
                let gone = moved.filter { !isOf(served, $0.pair, of: $0.blob) }
                try store.drop(gone)
                return gone.count
            }
        } catch let error as NodeStoreError {
            throw error
        } catch {
            preconditionFailure("A store throws its own errors, not \(error).")
        }
    }
}
