package import BlobModel
internal import Ledger
internal import Synchronization
internal import SystemIO
internal import Telemetry

/// What a node takes, from whom and when, and what it confirms.
extension StorageNode {
    // MARK: Who may store what

    /// Waits until the block at `height` is applied, or until waiting has taken too long.
    func wait(for height: UInt64, atMost patience: Duration) async {
        guard cursor.block.height < height else { return }
        await waiters.wait(for: height, current: { self.cursor.block.height }) {
            // Cancelled when the block has come.
            try? await self.time.sleep(for: patience)
        }
    }

    /// The live registrations of a blob that something is to be stored or confirmed for.
    private func registrations(
        of blob: BlobID,
        height: UInt64?
    ) async throws(NodeError) -> [BlobRegistration] {
        if let height { await wait(for: height, atMost: configuration.waitMax) }
        let (cursor, isDiverged) = status.withLock { ($0.cursor, $0.isDiverged) }
        if isDiverged {
            throw .refused(.ledgerBehind, "The node's chain is not the ledger's.")
        }
        let (info, live) = try await reading { store throws(NodeStoreError) in
            let info = try store.info(of: blob)
            return (info, try store.live(info, at: cursor.epoch))
        }
        if info?.invalidated != nil { throw .invalid(blob) }
        guard !live.isEmpty else {
            throw .refused(
                .notRegistered,
                "\(blob) has no live registration up to block \(cursor.block.height)."
            )
        }
        return live
    }

    /// Checks that the node takes slivers of this pair, or, unless they are `toStore`, that it
    /// serves them: those of shards that it has given up not long ago, too.
    func checkAssigned(_ name: SliverName, toStore: Bool = false) throws(NodeError) {
        guard parameters.contains(name.pair) else {
            throw .refused(.indexOutOfRange, "There are \(parameters.shardCount) pairs.")
        }
        let shard = parameters.shard(holding: name.pair, of: name.blob)
        let committees = committees
        let node = configuration.node
        let isOwn = committees.current.holder(of: shard.rawValue).node == node
        guard isOwn || (!toStore && committees.served(by: node).contains(shard.rawValue)) else {
            throw .refused(
                .shardNotAssigned,
                "Shard \(shard) is not this node's in epoch \(committees.current.epoch)."
            )
        }
    }

    // MARK: StorageNodeConnection, storing

    package func store(
        _ metadata: VerifiedBlobMetadata,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        guard metadata.parameters == parameters else {
            throw .refused(.invalidMetadata, "The metadata is of another number of shards.")
        }
        let live = try await registrations(of: metadata.blobID, height: height)
        precondition(!live.isEmpty)
        let outcome = try await writing { store throws(NodeStoreError) -> StoreOutcome in
            if try store.hasMetadata(of: metadata.blobID) { return .alreadyStored }
            try store.store(metadata)
            return .stored
        }
        if outcome == .stored { counters.metadataStored.add() }
        return outcome
    }

    package func store(
        _ sliver: VerifiedSliver,
        as name: SliverName,
        height: UInt64?
    ) async throws(NodeError) -> StoreOutcome {
        try checkAssigned(name, toStore: true)
        guard sliver.blobID == name.blob, sliver.axis == name.axis,
            sliver.index == parameters.sliver(of: name.pair, name.axis)
        else { throw .refused(.sliverIndexMismatch, "The sliver is not \(name).") }
        _ = try await registrations(of: name.blob, height: height)
        let outcome = try await writing { store throws(NodeStoreError) -> StoreOutcome? in
            guard try store.hasMetadata(of: name.blob) else { return nil }
            if try store.hasSliver(name) { return .alreadyStored }
            try store.store(sliver, as: name)
            return .stored
        }
        guard let outcome else {
            throw .refused(.metadataNotFound, "The metadata of \(name.blob) comes first.")
        }
        if outcome == .stored { counters.sliverStored(name.axis) }
        return outcome
    }

    package func confirmation(
        of blob: BlobID,
        persistence: BlobPersistence,
        height: UInt64?,
        patience: Duration
    ) async throws(NodeError) -> SignedMessage {
        try await waitForRegistration(
            of: blob,
            persistence,
            height: height,
            patience: patience
        )
        // The epoch and its shards are of one moment: what is signed is true of that epoch.
        let (epoch, member, key) = try voice()
        let names = slivers(of: member.shards, of: blob)
        let missing = try await writing { store throws(NodeStoreError) -> SliverName? in
            guard try store.hasMetadata(of: blob) else { return names.first }
            for name in names {
                if try !store.hasSliver(name) { return name }
            }
            try store.synchronize()
            return nil
        }
        if let missing {
            throw .refused(.missingSlivers, "Sliver \(missing) is not here.")
        }
        counters.confirmationsIssued.add()
        return domain.sign(
            .storageConfirmation(epoch: epoch, blob: blob, persistence: persistence),
            with: key
        )
    }

    /// The epoch that the node speaks for, and what it is in it; refuses if its word has no weight
    /// there.
    func voice() throws(NodeError) -> (epoch: Epoch, member: CommitteeMember, key: SigningKey) {
        let committee = committees.current
        guard let index = committee.index(of: configuration.node),
            let key = protocolKey(in: committee)
        else {
            throw .refused(
                .shardNotAssigned,
                "The node is no member in epoch \(committee.epoch), or has another key there."
            )
        }
        return (committee.epoch, committee.members[index], key)
    }

    /// Throws unless the blob is registered in this way, or is within `patience`.
    private func waitForRegistration(
        of blob: BlobID,
        _ persistence: BlobPersistence,
        height: UInt64?,
        patience: Duration
    ) async throws(NodeError) {
        let end = time.uptime + patience
        var height = height
        while true {
            // Read before looking, so that no block slips through between.
            let seen = cursor.block.height
            do throws(NodeError) {
                let live = try await registrations(of: blob, height: height)
                if live.contains(where: { $0.bears(persistence) }) { return }
                throw .refused(.notRegistered, "\(blob) is not registered in that way.")
            } catch {
                let left = end - time.uptime
                guard error.refusal == .notRegistered, left > .zero, !Task.isCancelled else {
                    throw error
                }
                // Each further block may have the registration.
                height = nil
                await wait(for: seen + 1, atMost: left)
            }
        }
    }

    /// Both slivers of each of these shards.
    func slivers(of shards: [UInt16], of blob: BlobID) -> [SliverName] {
        shards.flatMap { shard in
            let pair = parameters.pair(on: ShardIndex(shard), of: blob)
            return SliverAxis.allCases.map { SliverName(blob: blob, pair: pair, axis: $0) }
        }
    }
}
