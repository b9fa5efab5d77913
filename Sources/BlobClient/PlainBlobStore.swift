package import BlobModel
internal import Codec
internal import ErasureCoding
package import Ledger

/// Stores blobs that stand for themselves, in storage bought for some epochs: `walrus store`.
package struct PlainBlobStore: Sendable {
    private let client: BlobClient
    private let sender: TransactionSender

    package init(client: BlobClient, sender: TransactionSender) {
        self.client = client
        self.sender = sender
    }

    /// What became of a store.
    package struct Outcome: Sendable {
        package let blob: BlobRecord
        /// Whether the account had it certified for long enough before.
        package let wasCertified: Bool
        package let encodedLength: UInt64
    }

    /// Stores `bytes` until `epochs` epochs from now, and returns when they are certified.
    ///
    /// The same call again, also after a crash, finds the registration and pays once. Throws
    /// `inconsistent`, before anything is paid, for a blob that the ledger has marked invalid.
    package func store(
        _ bytes: [UInt8],
        epochs: UInt32,
        deletable: Bool
    ) async throws(BlobStoreError) -> Outcome {
        let encoded = try await client.encode(bytes)
        let length: UInt64
        do throws(EncodingParametersError) {
            length = try client.parameters.encodedLength(of: UInt64(bytes.count))
        } catch {
            throw .invalidRequest("\(bytes.count) bytes are more than a blob can have.")
        }
        client.remember(encoded.metadata)
        do {
            let info = try await client.ledger.info()
            let end = info.epoch &+ epochs
            let status = try await client.ledger.status(of: encoded.blobID)
            if status.invalidSince != nil { throw BlobStoreError.inconsistent(encoded.blobID) }
            if let own = own(status, until: end, deletable: deletable) {
                if own.certified != nil {
                    return Outcome(blob: own, wasCertified: true, encodedLength: length)
                }
                return try await certify(
                    encoded,
                    own.id,
                    deletable: deletable,
                    height: info.head.height,
                    length
                )
            }
            let receipt = try await sender.execute(
                [
                    .reserveSpace(size: length, epochs: epochs),
                    .registerBlob(
                        storage: .result(0),
                        blob: encoded.metadata.ledgerDescription,
                        deletable: deletable
                    ),
                ],
                label: "store-\(Hex.encode(encoded.blobID.bytes))-\(end)"
                    + (deletable ? "-deletable" : "")
            )
            let object = ObjectID(of: receipt.transaction.digest, command: 1)
            return try await certify(
                encoded,
                object,
                deletable: deletable,
                height: receipt.height,
                length
            )
        } catch let error as LedgerError {
            throw error.blobStoreError
        } catch let error as BlobStoreError {
            throw error
        } catch {
            preconditionFailure("Ledger and client throw nothing else: \(error)")
        }
    }

    /// A registration of this account that lasts long enough, certified ones first.
    private func own(
        _ status: BlobStatusRecord,
        until end: Epoch,
        deletable: Bool
    ) -> BlobRecord? {
        let own = status.holdings.compactMap { holding -> BlobRecord? in
            guard case .blob(let record) = holding, record.owner == sender.address,
                record.end >= end, record.deletable == deletable
            else { return nil }
            return record
        }
        return own.first { $0.certified != nil } ?? own.first
    }

    private func certify(
        _ encoded: EncodedBlob,
        _ object: ObjectID,
        deletable: Bool,
        height: UInt64,
        _ length: UInt64
    ) async throws -> Outcome {
        try await client.certify(
            encoded,
            persistence: deletable ? .deletable(object) : .permanent,
            height: height
        ) { certificate throws(LedgerError) in
            _ = try await sender.execute(
                [.certifyBlob(.id(object), certificate)],
                label: "certify-\(Hex.encode(object.bytes))"
            )
        }
        guard let record = try await client.ledger.blob(object) else {
            throw BlobStoreError.unavailable("Blob object \(object) is gone.")
        }
        return Outcome(blob: record, wasCertified: false, encodedLength: length)
    }
}
