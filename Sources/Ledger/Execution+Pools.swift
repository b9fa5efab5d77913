// Storage pools: capacity over time, in which blobs live as long as the pool does.

internal import BlobModel

extension Execution {
    mutating func createPool(
        capacity: UInt64,
        epochs: UInt32,
        funds: Frost
    ) throws -> CommandResult {
        guard capacity > 0 else { throw ExecutionFailure.invalidArgument("no capacity") }
        let span = try span(from: epoch, count: epochs)
        try withdraw(try reserve(capacity, for: span), from: sender)
        try withdraw(funds, from: sender)
        let pool = PoolRecord(
            id: newObject,
            owner: sender,
            volume: nil,
            capacity: capacity,
            used: 0,
            start: span.lowerBound,
            end: span.upperBound,
            balance: funds
        )
        put(StateKey.pool(pool.id), pool)
        emit(
            .poolCreated(
                epoch: epoch,
                pool: pool.id,
                owner: sender,
                capacity: capacity,
                end: pool.end
            )
        )
        return .object(pool.id)
    }

    mutating func extendPool(
        _ reference: ObjectReference,
        epochs: UInt32,
        payer: Payer
    ) throws -> CommandResult {
        var pool = try livePool(reference)
        let span = try span(from: pool.end, count: epochs)
        try charge(try reserve(pool.capacity, for: span), to: payer, of: &pool)
        pool.end = span.upperBound
        return storeChanged(pool)
    }

    mutating func growPool(
        _ reference: ObjectReference,
        bytes: UInt64,
        payer: Payer
    ) throws -> CommandResult {
        guard bytes > 0 else { throw ExecutionFailure.invalidArgument("no bytes") }
        var pool = try livePool(reference)
        try charge(try reserve(bytes, for: epoch..<pool.end), to: payer, of: &pool)
        let (capacity, overflow) = pool.capacity.addingReportingOverflow(bytes)
        guard !overflow else { throw ExecutionFailure.arithmeticOverflow }
        pool.capacity = capacity
        return storeChanged(pool)
    }

    mutating func fundPool(
        _ reference: ObjectReference,
        amount: Frost
    ) throws -> CommandResult {
        var pool: PoolRecord = try object(reference, StateKey.pool)
        try withdraw(amount, from: sender)
        let (balance, overflow) = pool.balance.addingReportingOverflow(amount)
        guard !overflow else { throw ExecutionFailure.arithmeticOverflow }
        pool.balance = balance
        put(StateKey.pool(pool.id), pool)
        return .done
    }

    mutating func registerPooledBlob(
        _ reference: ObjectReference,
        description: BlobDescription
    ) throws -> CommandResult {
        var pool = try livePool(reference)
        let volume = try requireAuthority(over: pool)
        let key = StateKey.inPool(pool.id, description.blob)
        if let existing: ObjectID = try state.read(key) {
            throw ExecutionFailure.alreadyRegistered(existing)
        }
        let encoded = try admit(description)
        guard encoded <= pool.capacity - pool.used else {
            throw ExecutionFailure.poolFull(needed: encoded, free: pool.capacity - pool.used)
        }
        pool.used += encoded
        let record = PooledBlobRecord(
            id: newObject,
            pool: pool.id,
            description: description,
            encodedLength: encoded,
            registered: epoch,
            certified: nil,
            bornAfter: volume?.head?.sequence ?? 0,
            retirement: nil
        )
        put(StateKey.pool(pool.id), pool)
        put(StateKey.pooledBlob(record.id), record)
        put(key, record.id)
        state.set(StateKey.holder(record.blob, record.id), to: StateKey.pooledBlobs)
        emit(
            .pooledBlobRegistered(
                epoch: epoch,
                pool: pool.id,
                blob: record.blob,
                length: description.length,
                encoding: description.encoding,
                end: pool.end,
                object: record.id
            )
        )
        return .object(record.id)
    }

    mutating func certifyPooledBlob(
        _ reference: ObjectReference,
        _ certificate: Certificate
    ) throws -> CommandResult {
        var record: PooledBlobRecord = try object(reference, StateKey.pooledBlob)
        guard record.certified == nil else {
            throw ExecutionFailure.alreadyCertified(record.id)
        }
        let pool = try livePool(.id(record.pool))
        try requireNotInvalid(record.blob)
        try verify(
            certificate,
            says: .storageConfirmation(
                epoch: epoch,
                blob: record.blob,
                persistence: .deletable(record.id)
            )
        )
        record.certified = epoch
        put(StateKey.pooledBlob(record.id), record)
        emit(
            .pooledBlobCertified(
                epoch: epoch,
                pool: pool.id,
                blob: record.blob,
                end: pool.end,
                object: record.id
            )
        )
        return .done
    }

    mutating func deletePooledBlob(_ reference: ObjectReference) throws -> CommandResult {
        let record: PooledBlobRecord = try object(reference, StateKey.pooledBlob)
        let pool: PoolRecord = try state.require(StateKey.pool(record.pool))
        let volume = try requireAuthority(over: pool)
        // A checkpoint may need it; `deleteRetired` knows.
        guard volume == nil || record.certified == nil else {
            throw ExecutionFailure.notDeletable(record.id)
        }
        try removePooledBlob(record)
        return .done
    }

    /// Takes a blob out of its pool, and gives the pool its bytes back.
    mutating func removePooledBlob(_ record: PooledBlobRecord) throws {
        var pool: PoolRecord = try state.require(StateKey.pool(record.pool))
        precondition(pool.used >= record.encodedLength)
        pool.used -= record.encodedLength
        put(StateKey.pool(pool.id), pool)
        remove(StateKey.pooledBlob(record.id))
        remove(StateKey.inPool(pool.id, record.blob))
        remove(StateKey.holder(record.blob, record.id))
        if record.retirement != nil { remove(StateKey.retirement(pool.id, record.blob)) }
        emit(
            .pooledBlobDeleted(
                epoch: epoch,
                pool: pool.id,
                blob: record.blob,
                object: record.id,
                wasCertified: record.certified != nil
            )
        )
    }

    func livePool(_ reference: ObjectReference) throws -> PoolRecord {
        let pool: PoolRecord = try object(reference, StateKey.pool)
        guard epoch < pool.end else { throw ExecutionFailure.ended(pool.id, at: pool.end) }
        return pool
    }

    /// Checks that the sender is the pool's owner, or its volume's owner or writer.
    private func requireAuthority(over pool: PoolRecord) throws -> VolumeState? {
        let volume: VolumeState? =
            if let id = pool.volume { try state.require(StateKey.volume(id)) } else { nil }
        guard sender == pool.owner || sender == volume?.owner || sender == volume?.writer else {
            throw ExecutionFailure.notAuthorised(pool.id)
        }
        return volume
    }

    private func charge(_ amount: Frost, to payer: Payer, of pool: inout PoolRecord) throws {
        switch payer {
        case .sender: try withdraw(amount, from: sender)
        case .pool:
            _ = try requireAuthority(over: pool)
            guard pool.balance >= amount else {
                throw ExecutionFailure.insufficientBalance(
                    needed: amount,
                    available: pool.balance
                )
            }
            pool.balance -= amount
        }
    }

    private mutating func storeChanged(_ pool: PoolRecord) -> CommandResult {
        put(StateKey.pool(pool.id), pool)
        emit(
            .poolChanged(
                epoch: epoch,
                pool: pool.id,
                capacity: pool.capacity,
                end: pool.end
            )
        )
        return .done
    }
}
