package import BlobModel
internal import Codec
package import Ledger

/// Makes volumes on the ledger, and finds them.
package struct VolumeRegistrar: Sendable {
    private let sender: TransactionSender

    /// - Parameter sender: Signs with the volume's own account.
    package init(sender: TransactionSender) { self.sender = sender }

    /// A capacity that does not end on a network where storage costs nothing: 1 PiB.
    package static let freeCapacity: UInt64 = 1 << 50

    /// Makes a storage pool and a volume on it, together.
    ///
    /// The same call again, after a crash, returns the same volume.
    ///
    /// `nameHash` is a keyed hash of the volume's name, 32 bytes. `capacity` counts encoded bytes.
    /// Without `epochs` it is for as long as the network allows. `funds` is what the pool may
    /// spend on its extensions.
    package func create(
        nameHash: [UInt8],
        capacity: UInt64,
        epochs: UInt32? = nil,
        funds: Frost = 0
    ) async throws(BlobStoreError) -> VolumeState {
        precondition(nameHash.count == 32)
        do throws(LedgerError) {
            let rules = try await sender.ledger.info().rules
            let receipt = try await sender.execute(
                [
                    .createPool(
                        capacity: capacity,
                        epochs: epochs ?? rules.epochsAheadMax,
                        funds: funds
                    ),
                    .createVolume(
                        nameHash: nameHash,
                        pool: .result(0),
                        writer: sender.address
                    ),
                ],
                label: "volume-\(Hex.encode(nameHash))"
            )
            let id = VolumeID(of: receipt.transaction.digest, command: 1)
            guard let volume = try await sender.ledger.volume(id) else {
                throw .notThisLedger("The ledger does not know the volume that it has made.")
            }
            return volume
        } catch {
            throw error.blobStoreError
        }
    }

    /// The volume with this id; nil when the ledger knows none.
    package func find(_ id: VolumeID) async throws(BlobStoreError) -> VolumeState? {
        do throws(LedgerError) {
            return try await sender.ledger.volume(id)
        } catch {
            throw error.blobStoreError
        }
    }
}
