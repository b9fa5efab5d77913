internal import BlobModel
internal import Ledger

/// What the ledger's refusals mean to those who only store blobs or publish heads.
extension LedgerError {
    var blobStoreError: BlobStoreError {
        switch self {
        case .unavailable(let text), .outcomeUnknown(let text):
            .unavailable("The ledger does not answer: \(text)")
        case .behind(let height): .unavailable("The ledger ends at block \(height).")
        case .rejected(.feeNotCovered(let required, let balance)):
            .notFunded("The fee is \(required) FROST and the account has \(balance).")
        case .rejected(let reason): .rejected("The ledger rejected a transaction: \(reason)")
        case .executionFailed(_, let failure): failure.blobStoreError
        case .notThisLedger(let text): .rejected("What answered is not the ledger: \(text)")
        case .cancelled: .cancelled
        }
    }

    func headStoreError(_ volume: VolumeID) -> HeadStoreError {
        switch self {
        case .unavailable(let text): .unavailable(text)
        case .outcomeUnknown(let text): .outcomeUnknown(text)
        case .behind(let height): .unavailable("The ledger ends at block \(height).")
        case .rejected(let reason): .rejected("The ledger rejected a transaction: \(reason)")
        case .notThisLedger(let text): .rejected("What answered is not the ledger: \(text)")
        case .cancelled: .cancelled
        case .executionFailed(_, .headConflict(let current)): .conflict(current: current)
        case .executionFailed(_, .leaseLost(let lease)): .leaseLost(lease)
        case .executionFailed(_, .notClaimed(let lease)): .notClaimed(lease)
        case .executionFailed(_, .patienceNotOver(let until)): .patienceNotOver(until: until)
        case .executionFailed(_, .unknownObject(volume)): .unknownVolume(volume)
        case .executionFailed(_, let failure): .rejected("\(failure)")
        }
    }
}

extension ExecutionFailure {
    var blobStoreError: BlobStoreError {
        switch self {
        case .insufficientBalance(let needed, let available):
            .notFunded("\(needed) FROST are needed and \(available) are there.")
        case .poolFull(let needed, let free):
            .notFunded("The pool has \(free) bytes free and \(needed) are needed.")
        case .capacityExceeded(let epoch): .notFunded("The network is full in epoch \(epoch).")
        case .ended(let object, let epoch): .notFunded("\(object) ended with epoch \(epoch).")
        case .invalidBlob(let blob): .inconsistent(blob)
        default: .rejected("\(self)")
        }
    }
}
