package import BlobModel
internal import Ledger

/// The head and the lease of one volume, on the ledger, for one mount.
package struct LedgerHeadStore: HeadStore {
    private let volume: VolumeID
    private let mount: PublicKey
    private let sender: TransactionSender
    package let patience: Duration?

    /// Binds a volume to the mount key that holds its lease, and to the account of its owner or
    /// writer.
    ///
    /// `patience` is that of the network's rules.
    package init(
        volume: VolumeID,
        mount: PublicKey,
        sender: TransactionSender,
        patience: Duration? = nil
    ) {
        self.volume = volume
        self.mount = mount
        self.sender = sender
        self.patience = patience
    }

    package func record() async throws(HeadStoreError) -> VolumeRecord {
        do throws(LedgerError) {
            if let record = try await sender.ledger.volumeRecord(volume) { return record }
        } catch {
            throw error.headStoreError(volume)
        }
        throw .unknownVolume(volume)
    }

    package func acquireLease() async throws(HeadStoreError) -> Lease {
        try await lease(.acquireLease(.id(volume), mount: mount))
    }

    package func takeOverLease() async throws(HeadStoreError) -> Lease {
        try await lease(.takeOverLease(.id(volume), mount: mount))
    }

    package func keepLease(token: UInt32) async throws(HeadStoreError) -> Lease {
        try await lease(.keepLease(.id(volume), token: token))
    }

    package func releaseLease(token: UInt32) async throws(HeadStoreError) {
        _ = try await execute(.releaseLease(.id(volume), token: token))
    }

    package func publish(
        manifest: BlobID,
        expected: UInt64,
        token: UInt32,
        pins: [UInt64]
    ) async throws(HeadStoreError) -> Head {
        let result = try await execute(
            .publishHead(
                .id(volume),
                expected: expected,
                manifest: manifest,
                token: token,
                pins: pins
            )
        )
        guard case .head(let head) = result else { throw .rejected("No head came back.") }
        return head
    }

    package func retire(
        _ blobs: [BlobID],
        sequence: UInt64,
        token: UInt32,
        immediately: Bool
    ) async throws(HeadStoreError) {
        var rest = blobs[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(Command.blobsMax))
            rest = rest.dropFirst(Command.blobsMax)
            _ = try await execute(
                .retire(
                    .id(volume),
                    blobs: part,
                    sequence: sequence,
                    token: token,
                    immediately: immediately
                )
            )
        }
    }

    package func retired() async throws(HeadStoreError) -> [RetiredBlob] {
        var found: [RetiredBlob] = []
        do throws(LedgerError) {
            if let state = try await sender.ledger.volume(volume) {
                while true {
                    let last = found.last?.blob
                    let page = try await sender.ledger.retired(inPool: state.pool, after: last)
                    guard !page.isEmpty else { return found }
                    found += page.compactMap(RetiredBlob.init)
                    // A ledger that repeats itself would keep us for ever.
                    guard page.last?.blob == found.last?.blob, page.last?.blob != last else {
                        throw LedgerError.mismatch
                    }
                }
            }
        } catch {
            throw error.headStoreError(volume)
        }
        throw .unknownVolume(volume)
    }

    package func deleteRetired(
        _ blobs: [BlobID],
        token: UInt32
    ) async throws(HeadStoreError) {
        for start in stride(from: 0, to: blobs.count, by: Command.blobsMax) {
            let part = Array(blobs[start..<min(start + Command.blobsMax, blobs.count)])
            _ = try await execute(.deleteRetired(.id(volume), blobs: part, token: token))
        }
    }

    private func lease(_ command: Command) async throws(HeadStoreError) -> Lease {
        guard case .lease(let lease) = try await execute(command) else {
            throw .rejected("No lease came back.")
        }
        return lease
    }

    /// Each of these may be repeated, so none needs the journal: an identical publication
    /// succeeds, and a lease that is held is given again.
    private func execute(_ command: Command) async throws(HeadStoreError) -> CommandResult {
        do throws(LedgerError) {
            let receipt = try await sender.executeVolatile([command])
            return receipt.results[0]
        } catch {
            throw error.headStoreError(volume)
        }
    }
}

extension RetiredBlob {
    /// nil for a blob that is not retired.
    fileprivate init?(_ record: PooledBlobRecord) {
        guard let retirement = record.retirement else { return nil }
        self.init(
            blob: record.blob,
            encodedLength: record.encodedLength,
            bornAfter: record.bornAfter,
            sequence: retirement.sequence,
            deletableFrom: retirement.deletableFrom
        )
    }
}
