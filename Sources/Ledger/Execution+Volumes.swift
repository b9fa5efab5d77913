// Volumes: who may publish, what the newest checkpoint is, and what nobody needs any more
// (network.md, "Lease" and "Head").
//
// Only the token fences. Time decides when a lease may change hands, never whether a publication
// counts, so no clock can let two mounts publish.

internal import BlobModel

extension Execution {
    /// Slice ids carry the token in 24 bits.
    private static let tokenMax: UInt32 = 1 << 24 - 1

    mutating func createVolume(
        nameHash: [UInt8],
        pool reference: ObjectReference,
        writer: Address
    ) throws -> CommandResult {
        var pool = try livePool(reference)
        guard pool.owner == sender else { throw ExecutionFailure.notAuthorised(pool.id) }
        guard pool.volume == nil else { throw ExecutionFailure.poolTaken(pool.id) }
        let volume = VolumeState(
            id: newObject,
            owner: sender,
            writer: writer,
            nameHash: nameHash,
            pool: pool.id,
            lease: Lease(token: 0, holder: nil, claim: nil),
            head: nil,
            pins: []
        )
        pool.volume = volume.id
        put(StateKey.pool(pool.id), pool)
        put(StateKey.volume(volume.id), volume)
        emit(.volumeCreated(volume: volume.id, owner: sender, pool: pool.id))
        return .object(volume.id)
    }

    mutating func acquireLease(
        _ reference: ObjectReference,
        mount: PublicKey
    ) throws -> CommandResult {
        let volume = try ownVolume(reference)
        let lease = volume.lease
        guard let holder = lease.holder, holder != mount else {
            return try grant(volume, to: mount)
        }
        if let claim = lease.claim {
            let (ripe, overflow) = claim.recordedAt.addingReportingOverflow(patience)
            let (stale, overflowTwice) = ripe.addingReportingOverflow(patience)
            let isStale = !overflow && !overflowTwice && context.milliseconds >= stale
            guard claim.claimant != mount, isStale else { return .lease(lease) }
        }
        let claim = Lease.Claim(claimant: mount, recordedAt: context.milliseconds)
        return change(volume, Lease(token: lease.token, holder: holder, claim: claim))
    }

    mutating func keepLease(
        _ reference: ObjectReference,
        token: UInt32
    ) throws -> CommandResult {
        let volume = try heldVolume(reference, token: token)
        guard volume.lease.claim != nil else { return .lease(volume.lease) }
        return change(volume, Lease(token: token, holder: volume.lease.holder, claim: nil))
    }

    mutating func takeOverLease(
        _ reference: ObjectReference,
        mount: PublicKey
    ) throws -> CommandResult {
        let volume = try ownVolume(reference)
        let lease = volume.lease
        guard let holder = lease.holder, holder != mount else {
            return try grant(volume, to: mount)
        }
        guard let claim = lease.claim, claim.claimant == mount else {
            throw ExecutionFailure.notClaimed(lease)
        }
        let (until, overflow) = claim.recordedAt.addingReportingOverflow(patience)
        guard !overflow, context.milliseconds >= until else {
            throw ExecutionFailure.patienceNotOver(until: overflow ? .max : until)
        }
        return try grant(volume, to: mount)
    }

    mutating func releaseLease(
        _ reference: ObjectReference,
        token: UInt32
    ) throws -> CommandResult {
        let volume = try ownVolume(reference)
        // Released already, under this very token: a repeat.
        if volume.lease.holder == nil, volume.lease.token == token {
            return .lease(volume.lease)
        }
        try requireHeld(volume, token: token)
        return change(volume, Lease(token: token, holder: nil, claim: nil))
    }

    mutating func publishHead(
        _ reference: ObjectReference,
        expected: UInt64,
        manifest: BlobID,
        token: UInt32,
        pins: [UInt64]
    ) throws -> CommandResult {
        var volume = try ownVolume(reference)
        let (sequence, overflow) = expected.addingReportingOverflow(1)
        guard !overflow else { throw ExecutionFailure.arithmeticOverflow }
        if let head = volume.head, head.sequence == sequence, head.manifest == manifest,
            head.token == token
        {
            return .head(head)
        }
        try requireHeld(volume, token: token)
        guard volume.head?.sequence ?? 0 == expected else {
            throw ExecutionFailure.headConflict(current: volume.head)
        }
        let pool = try livePool(.id(volume.pool))
        guard let record = try pooledBlob(manifest, in: pool.id), record.certified != nil,
            record.retirement == nil
        else { throw ExecutionFailure.manifestNotStored(manifest) }
        try requireNotInvalid(manifest)
        try requireKept(pins, of: volume)
        let head = Head(
            sequence: sequence,
            manifest: manifest,
            token: token,
            publishedAt: context.milliseconds
        )
        volume.head = head
        volume.pins = pins
        if volume.lease.claim != nil {
            let lease = Lease(token: token, holder: volume.lease.holder, claim: nil)
            volume.lease = lease
            emit(.leaseChanged(volume: volume.id, lease: lease))
        }
        put(StateKey.volume(volume.id), volume)
        emit(.headPublished(volume: volume.id, head: head, pins: pins))
        return .head(head)
    }

    mutating func retire(
        _ reference: ObjectReference,
        blobs: [BlobID],
        sequence: UInt64,
        token: UInt32,
        immediately: Bool
    ) throws -> CommandResult {
        let volume = try heldVolume(reference, token: token)
        guard sequence <= volume.head?.sequence ?? 0 else {
            throw ExecutionFailure.headConflict(current: volume.head)
        }
        let grace = immediately ? 0 : parameters.rules.retireGraceMilliseconds
        let (from, overflow) = context.milliseconds.addingReportingOverflow(grace)
        guard !overflow else { throw ExecutionFailure.arithmeticOverflow }
        let retirement = Retirement(sequence: sequence, deletableFrom: from)
        var retired: [BlobID] = []
        for blob in blobs {
            if let head = volume.head, head.manifest == blob {
                throw ExecutionFailure.stillNeeded(blob, by: head.sequence)
            }
            // Gone or retired already: the repeat of an earlier command.
            guard var record = try pooledBlob(blob, in: volume.pool), record.retirement == nil
            else { continue }
            record.retirement = retirement
            put(StateKey.pooledBlob(record.id), record)
            mark(StateKey.retirement(volume.pool, blob))
            retired.append(blob)
        }
        if !retired.isEmpty {
            emit(.blobsRetired(volume: volume.id, sequence: sequence, blobs: retired))
        }
        return .done
    }

    mutating func deleteRetired(
        _ reference: ObjectReference,
        blobs: [BlobID],
        token: UInt32
    ) throws -> CommandResult {
        let volume = try heldVolume(reference, token: token)
        for blob in blobs {
            // Gone already: the repeat of an earlier command.
            guard let record = try pooledBlob(blob, in: volume.pool) else { continue }
            guard let retirement = record.retirement else {
                throw ExecutionFailure.notRetired(blob)
            }
            guard context.milliseconds >= retirement.deletableFrom else {
                throw ExecutionFailure.graceNotOver(blob, until: retirement.deletableFrom)
            }
            let kept = volume.pins + (volume.head.map { [$0.sequence] } ?? [])
            for sequence in kept
            where record.bornAfter < sequence && sequence <= retirement.sequence {
                throw ExecutionFailure.stillNeeded(blob, by: sequence)
            }
            try removePooledBlob(record)
        }
        return .done
    }

    private var patience: UInt64 { parameters.rules.patienceMilliseconds }

    private func pooledBlob(_ blob: BlobID, in pool: ObjectID) throws -> PooledBlobRecord? {
        guard let id: ObjectID = try state.read(StateKey.inPool(pool, blob)) else { return nil }
        return try state.require(StateKey.pooledBlob(id), PooledBlobRecord.self)
    }

    /// Pins are ascending, and among the sequences that were kept until now.
    private func requireKept(_ pins: [UInt64], of volume: VolumeState) throws {
        guard zip(pins, pins.dropFirst()).allSatisfy({ $0 < $1 }),
            pins.count <= VolumeRecord.pinsMax
        else { throw ExecutionFailure.invalidArgument("pins are not ascending") }
        for pin in pins where pin != volume.head?.sequence && !volume.pins.contains(pin) {
            throw ExecutionFailure.pinNotKept(pin)
        }
    }

    private func ownVolume(_ reference: ObjectReference) throws -> VolumeState {
        let volume: VolumeState = try object(reference, StateKey.volume)
        guard sender == volume.owner || sender == volume.writer else {
            throw ExecutionFailure.notAuthorised(volume.id)
        }
        return volume
    }

    private func heldVolume(
        _ reference: ObjectReference,
        token: UInt32
    ) throws -> VolumeState {
        let volume = try ownVolume(reference)
        try requireHeld(volume, token: token)
        return volume
    }

    private func requireHeld(_ volume: VolumeState, token: UInt32) throws {
        guard volume.lease.holder != nil, volume.lease.token == token else {
            throw ExecutionFailure.leaseLost(volume.lease)
        }
    }

    private mutating func grant(
        _ volume: VolumeState,
        to mount: PublicKey
    ) throws -> CommandResult {
        guard volume.lease.token < Self.tokenMax else {
            throw ExecutionFailure.tokensExhausted
        }
        return change(
            volume,
            Lease(token: volume.lease.token + 1, holder: mount, claim: nil)
        )
    }

    private mutating func change(_ volume: VolumeState, _ lease: Lease) -> CommandResult {
        var volume = volume
        volume.lease = lease
        put(StateKey.volume(volume.id), volume)
        emit(.leaseChanged(volume: volume.id, lease: lease))
        return .lease(lease)
    }
}
