internal import BlobModel
internal import Codec
internal import ErasureCoding
internal import SystemIO
internal import Telemetry

/// Uploads go to all nodes at once; a quorum's confirmations make the certificate.
extension BlobClient {
    /// Pauses before a node is tried again for an error that may pass.
    private static let retryPauses: [Duration] = [
        .milliseconds(150), .milliseconds(600), .seconds(2),
    ]

    private enum NodeOutcome: Sendable {
        case confirmed(Int, Signature)
        case failed(Int, NodeError)
        /// It may pass, and so many tries were made.
        case mayPass(Int, attempts: Int)
        /// The pause before the next try is over.
        case paused(Int, attempts: Int)
        case tailIsOver
    }

    /// Distributes a registered blob and returns a quorum's certificate.
    ///
    /// Slow nodes still get their data after this has returned, for as long as
    /// ``UploadTally/tail(after:)`` allows. `height` is that of the registration's block.
    func upload(
        _ blob: EncodedBlob,
        persistence: BlobPersistence,
        height: UInt64
    ) async throws(BlobStoreError) -> Certificate {
        let decided = OneShot<Result<Certificate, BlobStoreError>>()
        let peers = peers
        environment.spawn {
            await self.distribute(
                blob,
                persistence: persistence,
                height: height,
                to: peers,
                decided
            )
        }
        return try await decided.wait(cancelled: .failure(.cancelled)).get()
    }

    private func distribute(
        _ blob: EncodedBlob,
        persistence: BlobPersistence,
        height: UInt64,
        to peers: NodePeers,
        _ decided: OneShot<Result<Certificate, BlobStoreError>>
    ) async {
        let message = ProtocolMessage.storageConfirmation(
            epoch: peers.committee.epoch,
            blob: blob.blobID,
            persistence: persistence
        )
        let start = environment.time.uptime
        await withTaskGroup(of: NodeOutcome.self) { group in
            for member in peers.order(environment.entropy) {
                // A node that was down before gets one try, so that nobody waits for its retries.
                let attempts = peers.isUsable(member) ? 0 : Self.retryPauses.count
                group.addTask {
                    await self.upload(blob, to: member, peers, message, height, attempts)
                }
            }
            var tally = UploadTally(committee: peers.committee)
            var isDecided = false
            var lastError: NodeError?
            // Members that are to be tried again.
            var pausing: Set<Int> = []
            while let outcome = await group.next() {
                switch outcome {
                case .confirmed(let member, let signature): tally.confirmed(member, signature)
                case .failed(let member, let error):
                    tally.failed(member, because: error)
                    lastError = error
                case .mayPass(let member, let attempts):
                    pausing.insert(member)
                    group.addTask { await self.pause(member, attempts) }
                case .paused(let member, let attempts):
                    pausing.remove(member)
                    group.addTask {
                        await self.upload(blob, to: member, peers, message, height, attempts)
                    }
                case .tailIsOver: group.cancelAll()
                }
                // With a quorum, nobody waits for who failed: it gets its slivers by itself.
                let left = isDecided || tally.decision == .quorum ? pausing.count : 0
                if tally.answered + left == peers.memberCount { group.cancelAll() }
                guard !isDecided else { continue }
                switch tally.decision {
                case .wait: continue
                case .quorum:
                    isDecided = true
                    environment.counters.blobsCertified.add()
                    decided.resolve(
                        .success(Certificate(message: message, signatures: tally.signatures))
                    )
                    let tail = UploadTally.tail(after: environment.time.uptime - start)
                    group.addTask {
                        // Cancelled when every node has its slivers.
                        try? await self.environment.time.sleep(for: tail)
                        return .tailIsOver
                    }
                case .hopeless:
                    isDecided = true
                    group.cancelAll()
                    decided.resolve(.failure(failure(of: tally, blob.blobID, lastError)))
                }
            }
        }
        // Nobody may wait for ever, whatever came in.
        decided.resolve(.failure(.unavailable("The upload ended undecided.")))
    }

    private func failure(
        of tally: UploadTally,
        _ blob: BlobID,
        _ error: NodeError?
    ) -> BlobStoreError {
        let committee = peers.committee
        if tally.isInvalid { return .inconsistent(blob) }
        let last = error.map { " The last failure: \($0)" } ?? ""
        return .unavailable(
            "\(tally.confirmedWeight) of \(committee.shardCount) shards confirmed, "
                + "\(committee.quorum) are needed.\(last)"
        )
    }

    /// Brings one node all that it should hold, and fetches its confirmation.
    private func upload(
        _ blob: EncodedBlob,
        to member: Int,
        _ peers: NodePeers,
        _ message: ProtocolMessage,
        _ height: UInt64,
        _ attempts: Int
    ) async -> NodeOutcome {
        do throws(NodeError) {
            let signature = try await uploadOnce(blob, to: member, peers, message, height)
            return .confirmed(member, signature)
        } catch {
            let mayPass = error.isTransient || error.refusal == .missingSlivers
            return mayPass && attempts < Self.retryPauses.count
                ? .mayPass(member, attempts: attempts) : .failed(member, error)
        }
    }

    /// Waits before a member is tried once more.
    private func pause(_ member: Int, _ attempts: Int) async -> NodeOutcome {
        do {
            try await environment.time.sleep(for: Self.retryPauses[attempts])
        } catch {
            return .failed(member, .cancelled)
        }
        environment.counters.retries.add()
        return .paused(member, attempts: attempts + 1)
    }

    private func uploadOnce(
        _ blob: EncodedBlob,
        to member: Int,
        _ peers: NodePeers,
        _ message: ProtocolMessage,
        _ height: UInt64
    ) async throws(NodeError) -> Signature {
        guard case .storageConfirmation(_, let id, let persistence) = message else {
            preconditionFailure("Uploads end with storage confirmations.")
        }
        _ = try await peers.ask(member) { (node) throws(NodeError) in
            try await node.store(blob.metadata, height: height)
        }
        for shard in peers.committee.members[member].shards {
            let pair = parameters.pair(on: ShardIndex(shard), of: id)
            for axis in SliverAxis.allCases {
                if Task.isCancelled { throw .cancelled }
                let sliver = blob.sliver(axis, parameters.sliver(of: pair, axis))
                let name = SliverName(blob: id, pair: pair, axis: axis)
                _ = try await peers.ask(member) { (node) throws(NodeError) in
                    try await node.store(sliver, as: name, height: height)
                }
                environment.counters.uploadedBytes.add(UInt64(sliver.bytes.count))
            }
        }
        let signed = try await peers.ask(member) { (node) throws(NodeError) in
            try await node.confirmation(of: id, persistence: persistence, height: height)
        }
        let key = peers.committee.members[member].protocolKey
        let said = signed.verified(by: key, in: domain)
        if case .storageConfirmation(let epoch, id, persistence)? = said, epoch != message.epoch {
            // Honest, and of another epoch: either of us has not heard of the newest one.
            throw epoch < message.epoch
                ? .refused(.ledgerBehind, "The node is in epoch \(epoch) still.")
                : .refused(.invalidEpoch, "The node is in epoch \(epoch) already.")
        }
        guard said == message else {
            peers.lied(member, "a confirmation of blob \(id) that is not its own")
            throw .malformed("The confirmation is not signed by the node, or is of another blob.")
        }
        return signed.signature
    }
}
