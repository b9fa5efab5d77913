package import BlobModel
package import Codec

/// The name of an event: the transaction that caused it, and its number there.
package struct EventID: Hashable, Sendable, BCSCodable {
    package let transaction: TransactionDigest
    package let index: UInt32

    package init(transaction: TransactionDigest, index: UInt32) {
        self.transaction = transaction
        self.index = index
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(transaction)
        writer.write(index)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        transaction = try reader.read()
        index = try reader.readUInt32()
    }
}

/// What happened on the ledger, as storage nodes and clients follow it.
///
/// `epoch` is always the epoch in which it happened; `end` is the first epoch without the blob.
/// Tags and fields: `Docs/Formats/block.md`.
package enum Event: Hashable, Sendable {
    case blobRegistered(
        epoch: Epoch,
        blob: BlobID,
        length: UInt64,
        encoding: UInt8,
        end: Epoch,
        deletable: Bool,
        object: ObjectID
    )
    case blobCertified(
        epoch: Epoch,
        blob: BlobID,
        end: Epoch,
        deletable: Bool,
        object: ObjectID,
        isExtension: Bool
    )
    case blobDeleted(
        epoch: Epoch,
        blob: BlobID,
        end: Epoch,
        object: ObjectID,
        wasCertified: Bool
    )
    case invalidBlobID(epoch: Epoch, blob: BlobID)
    case epochChangeStart(epoch: Epoch)
    case epochChangeDone(epoch: Epoch)
    case poolCreated(
        epoch: Epoch,
        pool: ObjectID,
        owner: Address,
        capacity: UInt64,
        end: Epoch
    )
    /// The pool's capacity or end changed: both as they are now.
    case poolChanged(epoch: Epoch, pool: ObjectID, capacity: UInt64, end: Epoch)
    case pooledBlobRegistered(
        epoch: Epoch,
        pool: ObjectID,
        blob: BlobID,
        length: UInt64,
        encoding: UInt8,
        end: Epoch,
        object: ObjectID
    )
    case pooledBlobCertified(
        epoch: Epoch,
        pool: ObjectID,
        blob: BlobID,
        end: Epoch,
        object: ObjectID
    )
    case pooledBlobDeleted(
        epoch: Epoch,
        pool: ObjectID,
        blob: BlobID,
        object: ObjectID,
        wasCertified: Bool
    )
    case volumeCreated(volume: VolumeID, owner: Address, pool: ObjectID)
    case leaseChanged(volume: VolumeID, lease: Lease)
    case headPublished(volume: VolumeID, head: Head, pins: [UInt64])
    case blobsRetired(volume: VolumeID, sequence: UInt64, blobs: [BlobID])
    case nodeUpdated(CommitteeMember)
    /// What the next epoch will be.
    case epochParametersSelected(committee: Committee, parameters: EpochParameters)
    case nodeRegistered(epoch: Epoch, node: NodeRecord)
    /// A member of the new committee has all of its shards.
    case shardsReceived(epoch: Epoch, node: NodeID, shards: [UInt16])
}

extension Event: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .blobRegistered(
            let epoch,
            let blob,
            let length,
            let encoding,
            let end,
            let deletable,
            let object
        ):
            writer.write(uleb: 0)
            writer.write(epoch)
            writer.write(blob)
            writer.write(length)
            writer.write(encoding)
            writer.write(end)
            writer.write(deletable)
            writer.write(object)
        case .blobCertified(
            let epoch,
            let blob,
            let end,
            let deletable,
            let object,
            let isExtension
        ):
            writer.write(uleb: 1)
            writer.write(epoch)
            writer.write(blob)
            writer.write(end)
            writer.write(deletable)
            writer.write(object)
            writer.write(isExtension)
        case .blobDeleted(let epoch, let blob, let end, let object, let wasCertified):
            writer.write(uleb: 2)
            writer.write(epoch)
            writer.write(blob)
            writer.write(end)
            writer.write(object)
            writer.write(wasCertified)
        case .invalidBlobID(let epoch, let blob):
            writer.write(uleb: 3)
            writer.write(epoch)
            writer.write(blob)
        case .epochChangeStart(let epoch):
            writer.write(uleb: 4)
            writer.write(epoch)
        case .epochChangeDone(let epoch):
            writer.write(uleb: 5)
            writer.write(epoch)
        default: encodePoolEvent(to: &writer)
        }
    }

    private func encodePoolEvent(to writer: inout ByteWriter) {
        switch self {
        case .poolCreated(let epoch, let pool, let owner, let capacity, let end):
            writer.write(uleb: 6)
            writer.write(epoch)
            writer.write(pool)
            writer.write(owner)
            writer.write(capacity)
            writer.write(end)
        case .poolChanged(let epoch, let pool, let capacity, let end):
            writer.write(uleb: 7)
            writer.write(epoch)
            writer.write(pool)
            writer.write(capacity)
            writer.write(end)
        case .pooledBlobRegistered(
            let epoch,
            let pool,
            let blob,
            let length,
            let encoding,
            let end,
            let object
        ):
            writer.write(uleb: 8)
            writer.write(epoch)
            writer.write(pool)
            writer.write(blob)
            writer.write(length)
            writer.write(encoding)
            writer.write(end)
            writer.write(object)
        case .pooledBlobCertified(let epoch, let pool, let blob, let end, let object):
            writer.write(uleb: 9)
            writer.write(epoch)
            writer.write(pool)
            writer.write(blob)
            writer.write(end)
            writer.write(object)
        case .pooledBlobDeleted(let epoch, let pool, let blob, let object, let wasCertified):
            writer.write(uleb: 10)
            writer.write(epoch)
            writer.write(pool)
            writer.write(blob)
            writer.write(object)
            writer.write(wasCertified)
        default: encodeVolumeEvent(to: &writer)
        }
    }

    private func encodeVolumeEvent(to writer: inout ByteWriter) {
        switch self {
        case .volumeCreated(let volume, let owner, let pool):
            writer.write(uleb: 11)
            writer.write(volume)
            writer.write(owner)
            writer.write(pool)
        case .leaseChanged(let volume, let lease):
            writer.write(uleb: 12)
            writer.write(volume)
            writer.write(lease)
        case .headPublished(let volume, let head, let pins):
            writer.write(uleb: 13)
            writer.write(volume)
            writer.write(head)
            writer.write(vector: pins)
        case .blobsRetired(let volume, let sequence, let blobs):
            writer.write(uleb: 14)
            writer.write(volume)
            writer.write(sequence)
            writer.write(vector: blobs)
        case .nodeUpdated(let member):
            writer.write(uleb: 15)
            writer.write(member)
        case .epochParametersSelected(let committee, let parameters):
            writer.write(uleb: 16)
            writer.write(committee)
            writer.write(parameters)
        case .nodeRegistered(let epoch, let node):
            writer.write(uleb: 17)
            writer.write(epoch)
            writer.write(node)
        case .shardsReceived(let epoch, let node, let shards):
            writer.write(uleb: 18)
            writer.write(epoch)
            writer.write(node)
            writer.write(vector: shards)
        default: preconditionFailure("Every event is encoded here or by the callers.")
        }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        let tag = try reader.readULEB()
        switch tag {
        case 0:
            self = .blobRegistered(
                epoch: try reader.readUInt32(),
                blob: try reader.read(),
                length: try reader.readUInt64(),
                encoding: try reader.readUInt8(),
                end: try reader.readUInt32(),
                deletable: try reader.readBool(),
                object: try reader.read()
            )
        case 1:
            self = .blobCertified(
                epoch: try reader.readUInt32(),
                blob: try reader.read(),
                end: try reader.readUInt32(),
                deletable: try reader.readBool(),
                object: try reader.read(),
                isExtension: try reader.readBool()
            )
        case 2:
            self = .blobDeleted(
                epoch: try reader.readUInt32(),
                blob: try reader.read(),
                end: try reader.readUInt32(),
                object: try reader.read(),
                wasCertified: try reader.readBool()
            )
        case 3:
            self = .invalidBlobID(epoch: try reader.readUInt32(), blob: try reader.read())
        case 4: self = .epochChangeStart(epoch: try reader.readUInt32())
        case 5: self = .epochChangeDone(epoch: try reader.readUInt32())
        default: self = try Self.poolOrVolumeEvent(tag, from: &reader)
        }
    }

    private static func poolOrVolumeEvent(
        _ tag: UInt32,
        from reader: inout ByteReader
    ) throws(CodecError) -> Event {
        switch tag {
        case 6:
            .poolCreated(
                epoch: try reader.readUInt32(),
                pool: try reader.read(),
                owner: try reader.read(),
                capacity: try reader.readUInt64(),
                end: try reader.readUInt32()
            )
        case 7:
            .poolChanged(
                epoch: try reader.readUInt32(),
                pool: try reader.read(),
                capacity: try reader.readUInt64(),
                end: try reader.readUInt32()
            )
        case 8:
            .pooledBlobRegistered(
                epoch: try reader.readUInt32(),
                pool: try reader.read(),
                blob: try reader.read(),
                length: try reader.readUInt64(),
                encoding: try reader.readUInt8(),
                end: try reader.readUInt32(),
                object: try reader.read()
            )
        case 9:
            .pooledBlobCertified(
                epoch: try reader.readUInt32(),
                pool: try reader.read(),
                blob: try reader.read(),
                end: try reader.readUInt32(),
                object: try reader.read()
            )
        case 10:
            .pooledBlobDeleted(
                epoch: try reader.readUInt32(),
                pool: try reader.read(),
                blob: try reader.read(),
                object: try reader.read(),
                wasCertified: try reader.readBool()
            )
        case 11:
            .volumeCreated(
                volume: try reader.read(),
                owner: try reader.read(),
                pool: try reader.read()
            )
        case 12: .leaseChanged(volume: try reader.read(), lease: try reader.read())
        case 13:
            .headPublished(
                volume: try reader.read(),
                head: try reader.read(),
                pins: try reader.readVector(limit: VolumeRecord.pinsMax, itemSize: 8)
            )
        case 14:
            .blobsRetired(
                volume: try reader.read(),
                sequence: try reader.readUInt64(),
                blobs: try reader.readVector(limit: Command.blobsMax, itemSize: 32)
            )
        case 15: .nodeUpdated(try reader.read())
        default: try nodeEvent(tag, from: &reader)
        }
    }

    private static func nodeEvent(
        _ tag: UInt32,
        from reader: inout ByteReader
    ) throws(CodecError) -> Event {
        switch tag {
        case 16:
            .epochParametersSelected(
                committee: try reader.read(),
                parameters: try reader.read()
            )
        case 17: .nodeRegistered(epoch: try reader.readUInt32(), node: try reader.read())
        case 18:
            .shardsReceived(
                epoch: try reader.readUInt32(),
                node: try reader.read(),
                shards: try reader.readVector(limit: Committee.shardsMax, itemSize: 2)
            )
        default: throw .unknownTag(tag, of: "event")
        }
    }
}
