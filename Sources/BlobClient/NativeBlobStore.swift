package import BlobModel
internal import Codec
internal import ErasureCoding
internal import Ledger

/// Stores and reads the blobs of one volume: its pool pays, its account signs.
package final class NativeBlobStore: BlobStore {
    package let pool: ObjectID
    private let client: BlobClient
    private let sender: TransactionSender

    /// Binds a client to a volume's storage pool, and to the account of the pool's owner or of
    /// the volume's writer.
    package init(client: BlobClient, pool: ObjectID, sender: TransactionSender) {
        self.client = client
        self.pool = pool
        self.sender = sender
    }

    package func encodedLength(of length: UInt64) -> UInt64? {
        // Nil says that the length is over what can be encoded, the only error.
        try? client.parameters.encodedLength(of: length)
    }

    package var metadataLength: UInt64 {
        UInt64(client.parameters.shardCount) * client.parameters.metadataLength
    }

    package func read(
        _ blob: BlobID,
        range: Range<UInt64>,
        authentication: ReadAuthentication
    ) async throws(BlobStoreError) -> [UInt8] {
        try await client.read(blob, range: range, authentication: authentication)
    }

    package func length(of blob: BlobID) async throws(BlobStoreError) -> UInt64 {
        try await client.metadata(of: blob).unencodedLength
    }

    package func lifetime(of blob: BlobID) async throws(BlobStoreError) -> BlobLifetime? {
        do throws(LedgerError) {
            guard let record = try await client.ledger.blob(blob, inPool: pool),
                record.certified != nil, try await !client.isInvalid(blob),
                let pool = try await client.ledger.pool(pool)
            else { return nil }
            let info = try await client.ledger.info()
            return info.epoch < pool.end ? .pool(pool.id, end: pool.end) : nil
        } catch {
            throw error.blobStoreError
        }
    }

    package func store(
        _ bytes: [UInt8],
        registered: (@Sendable () -> Void)?
    ) async throws(BlobStoreError) -> StoredBlob {
        let encoded = try await client.encode(bytes)
        let registration = try await register(encoded)
        if registration.isCertified {
            try await client.checkValid(encoded.blobID)
        } else {
            registered?()
            try await certify(encoded, registration)
        }
        client.remember(encoded.metadata)
        return StoredBlob(
            blob: encoded.blobID,
            length: encoded.metadata.unencodedLength,
            lifetime: .pool(pool, end: try await poolEnd())
        )
    }

    private struct Registration {
        let object: ObjectID
        /// A block by which it is there.
        let height: UInt64
        let isCertified: Bool
    }

    /// Registers the blob, unless it is registered already: by an earlier call whose answer was
    /// lost, or because the same bytes were stored before.
    private func register(
        _ encoded: EncodedBlob
    ) async throws(BlobStoreError) -> Registration {
        do throws(LedgerError) {
            if let known = try await known(encoded.blobID) { return known }
            let receipt = try await sender.execute(
                [.registerPooledBlob(pool: .id(pool), blob: encoded.metadata.ledgerDescription)],
                label: "register-\(Hex.encode(pool.bytes))-\(Hex.encode(encoded.blobID.bytes))"
            )
            return Registration(
                object: ObjectID(of: receipt.transaction.digest, command: 0),
                height: receipt.height,
                isCertified: false
            )
        } catch {
            guard case .executionFailed(_, .alreadyRegistered) = error else {
                throw error.blobStoreError
            }
        }
        do throws(LedgerError) {
            if let known = try await known(encoded.blobID) { return known }
        } catch {
            throw error.blobStoreError
        }
        throw .unavailable("Blob \(encoded.blobID) was registered and deleted at the same time.")
    }

    private func known(_ blob: BlobID) async throws(LedgerError) -> Registration? {
        guard let record = try await client.ledger.blob(blob, inPool: pool) else { return nil }
        let info = try await client.ledger.info()
        return Registration(
            object: record.id,
            height: info.head.height,
            isCertified: record.certified != nil
        )
    }

    private func certify(
        _ encoded: EncodedBlob,
        _ registration: Registration
    ) async throws(BlobStoreError) {
        try await client.certify(
            encoded,
            persistence: .deletable(registration.object),
            height: registration.height
        ) { [sender] certificate throws(LedgerError) in
            _ = try await sender.execute(
                [.certifyPooledBlob(.id(registration.object), certificate)],
                label: "certify-\(Hex.encode(registration.object.bytes))"
            )
        }
    }

    private func poolEnd() async throws(BlobStoreError) -> Epoch {
        do throws(LedgerError) {
            guard let record = try await client.ledger.pool(pool) else {
                throw .notThisLedger("The ledger no longer knows pool \(pool).")
            }
            return record.end
        } catch {
            throw error.blobStoreError
        }
    }
}

extension BlobClient {
    /// Whether the ledger says that a blob is invalid, for good.
    func isInvalid(_ blob: BlobID) async throws(LedgerError) -> Bool {
        try await ledger.status(of: blob).invalidSince != nil
    }

    /// Throws `inconsistent` if the ledger says so.
    func checkValid(_ blob: BlobID) async throws(BlobStoreError) {
        let isInvalid: Bool
        do throws(LedgerError) {
            isInvalid = try await self.isInvalid(blob)
        } catch {
            throw error.blobStoreError
        }
        if isInvalid { throw .inconsistent(blob) }
    }

    func encode(_ bytes: [UInt8]) async throws(BlobStoreError) -> EncodedBlob {
        do throws(EncodingParametersError) {
            return try await coding.encode(bytes)
        } catch {
            throw .invalidRequest(
                "\(bytes.count) bytes are more than the \(parameters.blobLengthMax) that a "
                    + "blob can have on this network."
            )
        }
    }

    /// How many changes of epochs one upload outlasts; the reference has five.
    private static var committeeChangesMax: Int { 5 }

    /// Uploads a registered blob and has `submit` bring the certificate to the ledger.
    ///
    /// When the epoch has changed meanwhile, it starts again with the new committee, as often as
    /// that happens; and once where nothing has changed. A blob that turns out to be certified
    /// already is as good.
    func certify(
        _ encoded: EncodedBlob,
        persistence: BlobPersistence,
        height: UInt64,
        _ submit: (Certificate) async throws(LedgerError) -> Void
    ) async throws(BlobStoreError) {
        var isSecondTry = false
        var changes = 0
        while true {
            let tried = committee
            var failure = BlobStoreError.unavailable("The epoch changed while a blob was stored.")
            do throws(BlobStoreError) {
                let certificate = try await upload(
                    encoded,
                    persistence: persistence,
                    height: height
                )
                do throws(LedgerError) {
                    return try await submit(certificate)
                } catch {
                    switch error {
                    case .executionFailed(_, .alreadyCertified): return
                    case .executionFailed(_, .badCertificate(.wrongEpoch)): break
                    case .executionFailed(_, .badCertificate) where !isSecondTry: break
                    default: throw error.blobStoreError
                    }
                }
            } catch {
                guard error.isTransient else { throw error }
                failure = error
            }
            do throws(LedgerError) {
                try await refreshCommittee()
            } catch {
                throw error.blobStoreError
            }
            if committee != tried {
                changes += 1
            } else if isSecondTry {
                throw failure
            } else {
                isSecondTry = true
            }
            if changes > Self.committeeChangesMax { throw failure }
        }
    }
}

extension VerifiedBlobMetadata {
    /// What a registration says of the blob.
    var ledgerDescription: BlobDescription {
        BlobDescription(
            blob: blobID,
            root: metadata.rootHash.bytes,
            length: unencodedLength
        )
    }
}
