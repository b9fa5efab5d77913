package import BlobModel

/// Why a transaction can not be included in a block; it leaves no trace.
package enum RejectionReason: Error, Hashable, Sendable {
    /// The bytes are no transaction.
    case malformed(String)
    case tooLarge(limit: UInt64)
    case wrongNetwork(NetworkID)
    case wrongIncarnation(current: UInt32)
    /// The key is not the sender's.
    case wrongKey
    case badSignature
    /// Its validity has ended, by epoch or by block time.
    case expired(epoch: Epoch, milliseconds: UInt64)
    /// It would stay valid for more than an hour; the clock of one side is wrong.
    case validTooLong(milliseconds: UInt64)
    /// The fee is more than the transaction allows.
    case feeTooLow(required: Frost)
    /// The sender can not pay the fee.
    case feeNotCovered(required: Frost, balance: Frost)
}

/// Why a command failed and undid its transaction.
package enum ExecutionFailure: Error, Hashable, Sendable {
    /// No object of that kind has this id.
    case unknownObject(ObjectID)
    /// The command referred to has made no object, or is not an earlier one.
    case badReference(UInt16)
    /// The sender may not do this with the object.
    case notAuthorised(ObjectID)
    case insufficientBalance(needed: Frost, available: Frost)
    case arithmeticOverflow
    case invalidArgument(String)
    /// The network has no room for so many bytes in that epoch.
    case capacityExceeded(epoch: Epoch)
    /// The storage, blob or pool has ended.
    case ended(ObjectID, at: Epoch)
    case storageTooSmall(needed: UInt64, available: UInt64)
    /// The blob id does not follow from root, length and encoding.
    case blobIDMismatch
    case alreadyRegistered(ObjectID)
    case alreadyCertified(ObjectID)
    case notCertified(ObjectID)
    case badCertificate(CertificateError)
    case notDeletable(ObjectID)
    case invalidBlob(BlobID)
    case poolFull(needed: UInt64, free: UInt64)
    /// The pool belongs to a volume already.
    case poolTaken(ObjectID)
    case headConflict(current: Head?)
    case leaseLost(Lease)
    /// Nobody claimed the lease before the take-over, or another did.
    case notClaimed(Lease)
    /// The holder may still answer until this block time.
    case patienceNotOver(until: UInt64)
    case tokensExhausted
    /// No certified blob of the volume's pool is this manifest.
    case manifestNotStored(BlobID)
    case pinNotKept(UInt64)
    case notRetired(BlobID)
    /// A checkpoint that is kept may need it.
    case stillNeeded(BlobID, by: UInt64)
    case graceNotOver(BlobID, until: UInt64)
    case wrongEpoch(current: Epoch)
    /// The epoch ends at this block time.
    case epochNotOver(until: UInt64)
    /// The shards of this epoch are still on their way.
    case epochChangeUnderWay
    /// The node has duties in this epoch, the one before or the next.
    case nodeInCommittee(NodeID)
}

/// Why the ledger could not answer or did not do what it was asked.
package enum LedgerError: Error, Hashable, Sendable {
    /// The ledger can not be reached, or can not work now; nothing was sent or changed.
    case unavailable(String)
    /// A transaction was sent and its outcome is not known: send the same bytes again, or ask
    /// for the result by digest.
    case outcomeUnknown(String)
    case rejected(RejectionReason)
    /// The transaction is in a block, and this command undid it.
    case executionFailed(command: UInt16, ExecutionFailure)
    /// The ledger's chain ends before the height asked for.
    case behind(height: UInt64)
    /// What answered is not the ledger that was asked for, or lies.
    case notThisLedger(String)
    case cancelled

    /// Whether the same call may succeed later without anybody doing anything.
    package var isTransient: Bool {
        switch self {
        case .unavailable, .outcomeUnknown, .behind: true
        case .rejected, .executionFailed, .notThisLedger, .cancelled: false
        }
    }
}
