// Storage and the blobs in it (`walrus-system.md`, 1.3).

internal import BlobModel

extension Execution {
    mutating func reserveSpace(size: UInt64, epochs: UInt32) throws -> CommandResult {
        guard size > 0 else { throw ExecutionFailure.invalidArgument("no bytes") }
        let span = try span(from: epoch, count: epochs)
        try withdraw(try reserve(size, for: span), from: sender)
        let storage = StorageRecord(
            id: newObject,
            owner: sender,
            size: size,
            start: span.lowerBound,
            end: span.upperBound
        )
        put(StateKey.storage(storage.id), storage)
        return .object(storage.id)
    }

    mutating func registerBlob(
        storage reference: ObjectReference,
        description: BlobDescription,
        deletable: Bool
    ) throws -> CommandResult {
        let storage: StorageRecord = try object(reference, StateKey.storage)
        guard storage.owner == sender else {
            throw ExecutionFailure.notAuthorised(storage.id)
        }
        guard epoch < storage.end else {
            throw ExecutionFailure.ended(storage.id, at: storage.end)
        }
        let encoded = try admit(description)
        guard encoded <= storage.size else {
            throw ExecutionFailure.storageTooSmall(needed: encoded, available: storage.size)
        }
        let record = BlobRecord(
            id: newObject,
            owner: sender,
            description: description,
            registered: epoch,
            certified: nil,
            storage: storage,
            deletable: deletable
        )
        remove(StateKey.storage(storage.id))
        put(StateKey.blob(record.id), record)
        state.set(StateKey.holder(record.blob, record.id), to: StateKey.blobs)
        emit(
            .blobRegistered(
                epoch: epoch,
                blob: record.blob,
                length: description.length,
                encoding: description.encoding,
                end: record.end,
                deletable: deletable,
                object: record.id
            )
        )
        return .object(record.id)
    }

    mutating func certifyBlob(
        _ reference: ObjectReference,
        _ certificate: Certificate
    ) throws -> CommandResult {
        let record: BlobRecord = try object(reference, StateKey.blob)
        guard record.certified == nil else {
            throw ExecutionFailure.alreadyCertified(record.id)
        }
        try requireAlive(record)
        try requireNotInvalid(record.blob)
        try verify(
            certificate,
            says: .storageConfirmation(
                epoch: epoch,
                blob: record.blob,
                persistence: record.deletable ? .deletable(record.id) : .permanent
            )
        )
        put(
            StateKey.blob(record.id),
            BlobRecord(
                id: record.id,
                owner: record.owner,
                description: record.description,
                registered: record.registered,
                certified: epoch,
                storage: record.storage,
                deletable: record.deletable
            )
        )
        emit(
            .blobCertified(
                epoch: epoch,
                blob: record.blob,
                end: record.end,
                deletable: record.deletable,
                object: record.id,
                isExtension: false
            )
        )
        return .done
    }

    mutating func extendBlob(
        _ reference: ObjectReference,
        epochs: UInt32
    ) throws -> CommandResult {
        let record: BlobRecord = try object(reference, StateKey.blob)
        guard record.owner == sender else { throw ExecutionFailure.notAuthorised(record.id) }
        guard let certified = record.certified else {
            throw ExecutionFailure.notCertified(record.id)
        }
        try requireAlive(record)
        try requireNotInvalid(record.blob)
        let span = try span(from: record.end, count: epochs)
        try withdraw(try reserve(record.storage.size, for: span), from: sender)
        let storage = StorageRecord(
            id: record.storage.id,
            owner: record.storage.owner,
            size: record.storage.size,
            start: record.storage.start,
            end: span.upperBound
        )
        put(
            StateKey.blob(record.id),
            BlobRecord(
                id: record.id,
                owner: record.owner,
                description: record.description,
                registered: record.registered,
                certified: certified,
                storage: storage,
                deletable: record.deletable
            )
        )
        emit(
            .blobCertified(
                epoch: certified,
                blob: record.blob,
                end: storage.end,
                deletable: record.deletable,
                object: record.id,
                isExtension: true
            )
        )
        return .done
    }

    mutating func deleteBlob(_ reference: ObjectReference) throws -> CommandResult {
        let record: BlobRecord = try object(reference, StateKey.blob)
        guard record.owner == sender else { throw ExecutionFailure.notAuthorised(record.id) }
        guard record.deletable else { throw ExecutionFailure.notDeletable(record.id) }
        try requireAlive(record)
        remove(StateKey.blob(record.id))
        remove(StateKey.holder(record.blob, record.id))
        put(StateKey.storage(record.storage.id), record.storage)
        emit(
            .blobDeleted(
                epoch: epoch,
                blob: record.blob,
                end: record.end,
                object: record.id,
                wasCertified: record.certified != nil
            )
        )
        return .object(record.storage.id)
    }

    mutating func invalidateBlob(_ certificate: Certificate) throws -> CommandResult {
        guard case .invalidBlobID(_, let blob) = try verify(certificate) else {
            throw ExecutionFailure.badCertificate(.wrongMessage)
        }
        // Terminal, so a second certificate changes nothing.
        guard try state.value(StateKey.invalid(blob)) == nil else { return .done }
        put(StateKey.invalid(blob), epoch)
        emit(.invalidBlobID(epoch: epoch, blob: blob))
        return .done
    }

    private func requireAlive(_ record: BlobRecord) throws {
        guard epoch < record.end else {
            throw ExecutionFailure.ended(record.id, at: record.end)
        }
    }
}
