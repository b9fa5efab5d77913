// How a mount gets the right to publish, keeps it while it lives, and gives it back
// (`Docs/Decisions/0122-a-mount-answers-claims.md`).
//
// There are no renewals. A holder looks now and then whether the lease is claimed, and answers;
// one that does not answer loses it once the ledger's patience is over, but only to a person who
// says so.

internal import BlobModel
internal import Codec
internal import SystemIO
internal import VolumeFormat

/// The token that this state directory had last, as a local value of it.
enum LeaseToken {
    static let localName = "lease-token"

    static func encode(_ token: UInt32) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(token)
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8]) throws(CheckpointError) -> UInt32 {
        do throws(CodecError) {
            var reader = ByteReader(bytes)
            let token = try reader.readUInt32()
            try reader.finish()
            guard token <= SliceNumber.tokenMax else { throw .invalidValue("a token") }
            return token
        } catch {
            throw .damagedState("\(localName): \(error)")
        }
    }
}

extension Volume {
    /// Forgets the token that this state directory had last: a copy of it has that too.
    package func forgetLastToken() throws(VolumeError) {
        try setLocalValue(LeaseToken.localName, nil)
    }

    /// Takes changes under the token that this state directory had last: nobody else ever has it.
    ///
    /// - Returns: false when there never was one.
    package func takeLastToken() throws(VolumeError) -> Bool {
        guard let bytes = try localValue(LeaseToken.localName) else { return false }
        let token: UInt32
        do throws(CheckpointError) {
            token = try LeaseToken.decode(bytes)
        } catch {
            throw error.asVolumeError
        }
        try setLeaseToken(token)
        return true
    }
}

extension Checkpointer {
    static let notOpenYet = CheckpointError.heads(.unavailable("the ledger was not reached yet"))

    /// Lets the volume be written before the ledger has been reached, under the token that this
    /// state directory had last; ``run()`` opens the checkpointer when the ledger answers.
    ///
    /// Numbers stay unique: nobody else ever has this token, and the volume's own marks are
    /// durable. What is written is published if the head has not moved meanwhile; else the volume
    /// turns read-only and keeps it. Returns false, and the volume stays read-only until the ledger
    /// answers, when there never was a token.
    package func beginUnconnected() async throws(CheckpointError) -> Bool {
        precondition(machine == nil)
        let environment = environment
        return try await environment.blocking { () throws(CheckpointError) in
            try environment.checkpointFiles.prepare()
            let source = environment.source
            let bytes = try volume { () throws(VolumeError) in
                try source.localValue(LeaseToken.localName)
            }
            guard let bytes else { return false }
            let token = try LeaseToken.decode(bytes)
            try volume { () throws(VolumeError) in try source.setLeaseToken(token) }
            return true
        }
    }

    /// Opens a checkpointer whose volume is in use already.
    func openLate() async throws(CheckpointError) {
        do throws(CheckpointError) {
            try await open()
        } catch {
            if !error.isTransient, error != .cancelled { try await stop(error) }
            throw error
        }
    }

    func acquireLease(takingOver: Bool) async throws(CheckpointError) -> Lease {
        let heads = environment.heads
        let lease = try await ledger { () async throws(HeadStoreError) in
            try await heads.acquireLease()
        }
        if lease.holder == environment.mountKey { return lease }
        guard takingOver else { throw .leaseLost }
        return try await takeOver()
    }

    /// Takes the lease from a holder that does not answer a claim, which is recorded.
    ///
    /// Another's claim is waited for: that mount takes the lease, or its claim goes stale after
    /// twice the patience, and this one claims again.
    private func takeOver() async throws(CheckpointError) -> Lease {
        let (heads, key, time) = (environment.heads, environment.mountKey, environment.time)
        let patience = heads.patience ?? .seconds(30)
        let limit = patience + environment.settings.takeOverSlack
        var deadline = time.uptime + limit
        var rival: Lease.Claim?
        while true {
            let failure: CheckpointError
            var pause = Duration.seconds(1)
            do throws(HeadStoreError) {
                if rival != nil {
                    let lease = try await heads.acquireLease()
                    if lease.holder == key { return lease }
                    if lease.claim?.claimant == key {
                        rival = nil
                        deadline = time.uptime + limit
                    }
                }
                let lease = try await heads.takeOverLease()
                if lease.holder == key { return lease }
                failure = .leaseLost
            } catch {
                switch error {
                case .patienceNotOver(let until):
                    failure = .patienceNotOver(until: until)
                    // Each attempt is a transaction: fewer of them while there is long to wait.
                    let now = time.nowMilliseconds
                    let left = Duration.milliseconds(Int64(clamping: until - min(until, now)))
                    pause = min(max(pause, left), .seconds(5))
                case .notClaimed(let lease):
                    // The holder answered.
                    guard let claim = lease.claim else { throw .leaseLost }
                    if claim != rival { deadline = max(deadline, time.uptime + patience + limit) }
                    rival = claim
                    pause = .seconds(5)
                    failure = .leaseLost
                case .unavailable, .outcomeUnknown: failure = .heads(error)
                case .leaseLost: throw .leaseLost
                case .conflict, .unknownVolume, .rejected, .cancelled: throw .heads(error)
                }
            }
            guard time.uptime < deadline else { throw failure }
            guard await sleep(for: pause) else { throw .cancelled }
        }
    }

    /// Gives back a lease that was taken in vain: who can not publish must not stand in the way of
    /// who can.
    ///
    /// It is kept when what failed may pass, and for work that only this machine has, which
    /// another's checkpoint would strand; what is stranded already needs none.
    func giveBack(_ lease: Lease, after error: CheckpointError) async {
        let environment = environment
        switch error {
        case .stranded: break
        default:
            guard !error.isTransient, error != .cancelled,
                environment.source.unpublished().bytes == 0,
                environment.source.cutInFlight() == nil
            else { return }
        }
        // A failure changes nothing: this mount's claimants get no answer from it.
        try? await environment.blocking { () throws(CheckpointError) in
            try volume { () throws(VolumeError) in try environment.source.setLeaseToken(nil) }
        }
        _ = try? await ledger { () async throws(HeadStoreError) in
            try await environment.heads.releaseLease(token: lease.token)
        }
    }

    /// Gives the lease back; the volume takes no writes any more.
    package func close() async throws(CheckpointError) {
        guard let token, stopped == nil else { return }
        let environment = environment
        try await environment.blocking { () throws(CheckpointError) in
            try volume { () throws(VolumeError) in try environment.source.setLeaseToken(nil) }
        }
        self.token = nil
        try await ledger { () async throws(HeadStoreError) in
            try await environment.heads.releaseLease(token: token)
        }
    }

    /// Answers claims to the lease, and notices when it is lost, until the task is cancelled or
    /// publishing ends.
    ///
    /// A ledger that does not answer is asked again later: no one can take the lease there either.
    package func watchLease() async {
        while !Task.isCancelled, stopped == nil {
            // Known when the ledger is, which may be after the mount began.
            let pause = environment.settings.leaseCheck(within: environment.heads.patience)
            guard await sleep(for: pause) else { return }
            // The ledger out of reach, or a disk that fails: publishing tells of both.
            try? await checkLease()
        }
    }

    /// Looks at the lease once.
    package func checkLease() async throws(CheckpointError) {
        guard let token, stopped == nil else { return }
        let heads = environment.heads
        let lease = try await ledger { () async throws(HeadStoreError) in
            try await heads.record().lease
        }
        guard self.token == token, stopped == nil else { return }
        if lease.token == token, lease.holder == environment.mountKey {
            guard lease.claim != nil else { return }
            do throws(HeadStoreError) {
                _ = try await heads.keepLease(token: token)
                return
            } catch {
                // The claimant may have been faster.
                guard case .leaseLost = error else { throw .heads(error) }
            }
        }
        noteLeaseLost()
        guard isRunning else { return try await stop(.leaseLost) }
        // The step under way is the last one; nothing more is written meanwhile.
        let source = environment.source
        try await environment.blocking { () throws(CheckpointError) in
            try volume { () throws(VolumeError) in try source.setLeaseToken(nil) }
        }
    }

    /// Ends publishing because the network can not be used, and waiting does not change that.
    package func giveUp(_ reason: String) async {
        // It is stopped also when the disk fails; operations tell of that.
        try? await stop(.noNetwork(reason))
    }
}
