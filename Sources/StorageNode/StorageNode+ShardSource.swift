package import BlobModel
internal import Codec
internal import Transport

/// Giving shards to their new holders (`walrus-system.md`, 2.5 and 2.8).
extension StorageNode: ShardSource {
    package func shard(
        _ signed: SignedMessage,
        from key: PublicKey
    ) async throws(NodeError) -> ShardSyncAnswer {
        let request = try authorised(signed, from: key)
        let notice = notice
        let parameters = parameters
        let count = min(Int(request.count), NodeWire.shardSliversMax)
        let slivers = try await reading { store throws(NodeStoreError) in
            var found: [ShardSliver] = []
            var bytes = 0
            try store.eachCertified(before: request.epoch, from: request.start) {
                (blob) throws(NodeStoreError) in
                guard found.count < count, bytes < NodeWire.shardBytesMax else { return false }
                let name = SliverName(
                    blob: blob,
                    pair: parameters.pair(on: request.shard, of: blob),
                    axis: request.axis
                )
                do throws(NodeStoreError) {
                    guard let sliver = try store.sliver(name)?.sliver else { return true }
                    bytes += sliver.bytes.count
                    found.append(ShardSliver(blob: blob, sliver: sliver))
                } catch {
                    guard case .damaged(let what) = error else { throw error }
                    // As good as missing: the new holder gets it from others.
                    notice(.damagedSliver(name, what))
                    try store.forget(name)
                }
                return true
            }
            return found
        }
        return ShardSyncAnswer(slivers: slivers)
    }

    /// The request, if its signer holds the shard in the epoch that both are in, and it is here.
    private func authorised(
        _ signed: SignedMessage,
        from key: PublicKey
    ) throws(NodeError) -> ShardSyncRequest {
        guard key.isValid(signed.signature, for: domain.signedBytes(of: signed.message)),
            // Whatever is wrong with the bytes, they are no such request.
            let request = try? ShardSyncRequest(bcsBytes: signed.message)
        else { throw .refused(.requestUnauthorized, "The request is not signed by that key.") }
        guard request.count <= ShardSyncRequest.countMax else {
            throw .refused(
                .sliverCountExceedsLimit,
                "At most \(ShardSyncRequest.countMax) slivers may be asked for."
            )
        }
        let committees = committees
        guard request.epoch == committees.current.epoch else {
            throw .refused(
                .invalidEpoch,
                "The request is of epoch \(request.epoch), and here it is "
                    + "\(committees.current.epoch)."
            )
        }
        guard parameters.contains(SliverPairIndex(request.shard.rawValue)) else {
            throw .refused(.indexOutOfRange, "There are \(parameters.shardCount) shards.")
        }
        guard committees.current.holder(of: request.shard.rawValue).protocolKey == key else {
            throw .refused(.requestUnauthorized, "Shard \(request.shard) is not the signer's.")
        }
        guard committees.served(by: configuration.node).contains(request.shard.rawValue) else {
            throw .refused(.shardNotAssigned, "Shard \(request.shard) is not this node's.")
        }
        return request
    }
}

extension NodeStore {
    /// Calls `body` for the live blobs that were certified before `epoch`, from `start` on in order
    /// of their ids, until it returns false.
    func eachCertified(
        before epoch: Epoch,
        from start: BlobID,
        _ body: (BlobID) throws(NodeStoreError) -> Bool
    ) throws(NodeStoreError) {
        try each(from: start) { (blob, info) throws(NodeStoreError) in
            guard let certified = info.initialCertifiedEpoch, certified < epoch,
                try live(info, at: epoch).contains(where: \.isCertified)
            else { return true }
            return try body(blob)
        }
    }

    /// Calls `body` for all blobs that the ledger has spoken of, in order, until it returns false.
    func each(
        from start: BlobID,
        _ body: (BlobID, BlobInfo) throws(NodeStoreError) -> Bool
    ) throws(NodeStoreError) {
        let limit = 256
        var last = start.predecessor
        while true {
            let page = try blobs(after: last, limit: limit)
            for (blob, info) in page { guard try body(blob, info) else { return } }
            guard page.count == limit else { return }
            last = page.last?.blob
        }
    }
}

extension BlobID {
    /// The first id in order.
    static let first = BlobID(bytes: [UInt8](repeating: 0, count: 32))

    /// The id before this one; nil for the first there is.
    fileprivate var predecessor: BlobID? { stepped(carrying: 0, into: .max) { $0 - 1 } }

    /// The id after this one; nil for the last there is.
    var successor: BlobID? { stepped(carrying: .max, into: 0) { $0 + 1 } }

    /// Counts a step on, the id taken as one number whose digits are bytes: a digit that is `limit`
    /// becomes `restart`, and the one before it is counted instead.
    private func stepped(
        carrying limit: UInt8,
        into restart: UInt8,
        _ step: (UInt8) -> UInt8
    ) -> BlobID? {
        var bytes = bytes
        for index in bytes.indices.reversed() {
            if bytes[index] != limit {
                bytes[index] = step(bytes[index])
                return BlobID(bytes: bytes)
            }
            bytes[index] = restart
        }
        return nil
    }
}
