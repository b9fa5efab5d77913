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
        let start = environment.time.uptime
        while environment.time.uptime - start < environment.settings.takeOverPatience {
            do throws(HeadStoreError) {
                let lease = try await heads.takeOverLease()
                if lease.holder == environment.mountKey { return lease }
            } catch {
                switch error {
                // The ledger's patience is not over, or the ledger is out of reach.
                case .rejected, .unavailable, .outcomeUnknown: break
                // The holder answered.
                case .leaseLost: throw .leaseLost
                case .conflict, .unknownVolume, .cancelled: throw .heads(error)
                }
            }
            guard await sleep(for: .seconds(1)) else { throw .cancelled }
        }
        throw .leaseLost
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
            guard await sleep(for: environment.settings.leaseCheck) else { return }
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
        if !isRunning { try await stop(.leaseLost) }
    }
}
