// What the ledger keeps of each thing: the values of its state rows, and what queries return.
// `Docs/Formats/ledger-state.md` is normative.

package import BlobModel
package import Codec

/// Bytes of encoded size, bought for a span of epochs.
package struct StorageRecord: Hashable, Sendable, BCSCodable {
    package let id: ObjectID
    package let owner: Address
    /// Encoded bytes.
    package let size: UInt64
    package let start: Epoch
    /// The first epoch without it.
    package let end: Epoch

    package init(id: ObjectID, owner: Address, size: UInt64, start: Epoch, end: Epoch) {
        self.id = id
        self.owner = owner
        self.size = size
        self.start = start
        self.end = end
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(owner)
        writer.write(size)
        writer.write(start)
        writer.write(end)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        id = try reader.read()
        owner = try reader.read()
        size = try reader.readUInt64()
        start = try reader.readUInt32()
        end = try reader.readUInt32()
    }
}

/// A blob in storage of its own.
package struct BlobRecord: Hashable, Sendable, BCSCodable {
    package let id: ObjectID
    package let owner: Address
    package let description: BlobDescription
    package let registered: Epoch
    package let certified: Epoch?
    package let storage: StorageRecord
    package let deletable: Bool

    package init(
        id: ObjectID,
        owner: Address,
        description: BlobDescription,
        registered: Epoch,
        certified: Epoch?,
        storage: StorageRecord,
        deletable: Bool
    ) {
        self.id = id
        self.owner = owner
        self.description = description
        self.registered = registered
        self.certified = certified
        self.storage = storage
        self.deletable = deletable
    }

    package var blob: BlobID { description.blob }
    package var end: Epoch { storage.end }

    package func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(owner)
        writer.write(description)
        writer.write(registered)
        writer.write(optional: certified)
        writer.write(storage)
        writer.write(deletable)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        id = try reader.read()
        owner = try reader.read()
        description = try reader.read()
        registered = try reader.readUInt32()
        certified = try reader.readOptional()
        storage = try reader.read()
        deletable = try reader.readBool()
    }
}

/// Capacity over a span of epochs, in which blobs live as long as it does.
package struct PoolRecord: Hashable, Sendable, BCSCodable {
    package let id: ObjectID
    package let owner: Address
    /// The volume that it belongs to.
    package var volume: VolumeID?
    /// Encoded bytes in all, and those taken by blobs.
    package var capacity: UInt64
    package var used: UInt64
    package let start: Epoch
    /// The first epoch without it.
    package var end: Epoch
    /// FROST that it may spend on extensions.
    package var balance: Frost

    package init(
        id: ObjectID,
        owner: Address,
        volume: VolumeID?,
        capacity: UInt64,
        used: UInt64,
        start: Epoch,
        end: Epoch,
        balance: Frost
    ) {
        self.id = id
        self.owner = owner
        self.volume = volume
        self.capacity = capacity
        self.used = used
        self.start = start
        self.end = end
        self.balance = balance
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(owner)
        writer.write(optional: volume)
        writer.write(capacity)
        writer.write(used)
        writer.write(start)
        writer.write(end)
        writer.write(balance)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        id = try reader.read()
        owner = try reader.read()
        volume = try reader.readOptional()
        capacity = try reader.readUInt64()
        used = try reader.readUInt64()
        start = try reader.readUInt32()
        end = try reader.readUInt32()
        balance = try reader.readUInt64()
    }
}

/// Since when, and after which checkpoint, a pooled blob is no longer needed.
package struct Retirement: Hashable, Sendable, BCSCodable {
    /// No checkpoint after this sequence needs the blob.
    package let sequence: UInt64
    /// Block time from which it may be deleted.
    package let deletableFrom: UInt64

    package init(sequence: UInt64, deletableFrom: UInt64) {
        self.sequence = sequence
        self.deletableFrom = deletableFrom
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(sequence)
        writer.write(deletableFrom)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        sequence = try reader.readUInt64()
        deletableFrom = try reader.readUInt64()
    }
}

/// A blob in a storage pool.
package struct PooledBlobRecord: Hashable, Sendable, BCSCodable {
    package let id: ObjectID
    package let pool: ObjectID
    package let description: BlobDescription
    package let encodedLength: UInt64
    package let registered: Epoch
    package var certified: Epoch?
    /// The sequence of the volume's head at registration: no checkpoint up to it needs the blob.
    package let bornAfter: UInt64
    package var retirement: Retirement?

    package init(
        id: ObjectID,
        pool: ObjectID,
        description: BlobDescription,
        encodedLength: UInt64,
        registered: Epoch,
        certified: Epoch?,
        bornAfter: UInt64,
        retirement: Retirement?
    ) {
        self.id = id
        self.pool = pool
        self.description = description
        self.encodedLength = encodedLength
        self.registered = registered
        self.certified = certified
        self.bornAfter = bornAfter
        self.retirement = retirement
    }

    package var blob: BlobID { description.blob }

    package func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(pool)
        writer.write(description)
        writer.write(encodedLength)
        writer.write(registered)
        writer.write(optional: certified)
        writer.write(bornAfter)
        writer.write(optional: retirement)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        id = try reader.read()
        pool = try reader.read()
        description = try reader.read()
        encodedLength = try reader.readUInt64()
        registered = try reader.readUInt32()
        certified = try reader.readOptional()
        bornAfter = try reader.readUInt64()
        retirement = try reader.readOptional()
    }
}

/// A volume: its lease, its head and the pool that keeps its blobs.
package struct VolumeState: Hashable, Sendable, BCSCodable {
    package let id: VolumeID
    package let owner: Address
    /// May do with lease, head and pooled blobs what the owner may.
    package let writer: Address
    /// Keyed hash of the clear name, 32 bytes.
    package let nameHash: [UInt8]
    package let pool: ObjectID
    package var lease: Lease
    package var head: Head?
    package var pins: [UInt64]

    package init(
        id: VolumeID,
        owner: Address,
        writer: Address,
        nameHash: [UInt8],
        pool: ObjectID,
        lease: Lease,
        head: Head?,
        pins: [UInt64]
    ) {
        self.id = id
        self.owner = owner
        self.writer = writer
        self.nameHash = nameHash
        self.pool = pool
        self.lease = lease
        self.head = head
        self.pins = pins
    }

    package func encode(to out: inout ByteWriter) {
        out.write(id)
        out.write(owner)
        out.write(writer)
        out.write(raw: nameHash)
        out.write(pool)
        out.write(lease)
        out.write(optional: head)
        out.write(vector: pins)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        id = try reader.read()
        owner = try reader.read()
        writer = try reader.read()
        nameHash = try reader.readRaw(32)
        pool = try reader.read()
        lease = try reader.read()
        head = try reader.readOptional()
        pins = try reader.readVector(limit: VolumeRecord.pinsMax, itemSize: 8)
    }
}

/// A storage node's record.
package struct NodeRecord: Hashable, Sendable, BCSCodable {
    package let id: NodeID
    package let name: String
    /// May change the record; earns the node's rewards.
    package let account: Address
    package var protocolKey: PublicKey
    package var networkKey: PublicKey
    package var address: String
    package var stake: Frost

    package init(
        id: NodeID,
        name: String,
        account: Address,
        protocolKey: PublicKey,
        networkKey: PublicKey,
        address: String,
        stake: Frost
    ) {
        self.id = id
        self.name = name
        self.account = account
        self.protocolKey = protocolKey
        self.networkKey = networkKey
        self.address = address
        self.stake = stake
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(id)
        writer.write(string: name)
        writer.write(account)
        writer.write(protocolKey)
        writer.write(networkKey)
        writer.write(string: address)
        writer.write(stake)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        id = try reader.read()
        name = try reader.readString(limit: 64)
        account = try reader.read()
        protocolKey = try reader.read()
        networkKey = try reader.read()
        address = try reader.readString(limit: Committee.addressLengthMax)
        stake = try reader.readUInt64()
    }
}

/// One of the objects that keep a blob id alive.
package enum BlobHolding: Hashable, Sendable {
    case blob(BlobRecord)
    /// In a pool, which ends at that epoch.
    case pooled(PooledBlobRecord, end: Epoch)
}

extension BlobHolding: BCSCodable {
    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .blob(let record):
            writer.write(uleb: 0)
            writer.write(record)
        case .pooled(let record, let end):
            writer.write(uleb: 1)
            writer.write(record)
            writer.write(end)
        }
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        switch try reader.readULEB() {
        case 0: self = .blob(try reader.read())
        case 1: self = .pooled(try reader.read(), end: try reader.readUInt32())
        case let tag: throw .unknownTag(tag, of: "blob holding")
        }
    }
}

/// All that the ledger says of a blob id.
package struct BlobStatusRecord: Hashable, Sendable, BCSCodable {
    /// The most holdings that one answer carries.
    package static let holdingsMax = 64

    /// The epoch in which the id was found invalid, for good.
    package let invalidSince: Epoch?
    package let currentEpoch: Epoch
    /// Alive and expired ones, by object id; the first ones, when there are very many.
    package let holdings: [BlobHolding]

    /// Whether there may be more holdings than these.
    package var isCut: Bool { holdings.count >= Self.holdingsMax }

    package init(invalidSince: Epoch?, currentEpoch: Epoch, holdings: [BlobHolding]) {
        self.invalidSince = invalidSince
        self.currentEpoch = currentEpoch
        self.holdings = holdings
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(optional: invalidSince)
        writer.write(currentEpoch)
        writer.write(vector: holdings)
    }

    package init(from reader: inout ByteReader) throws(CodecError) {
        invalidSince = try reader.readOptional()
        currentEpoch = try reader.readUInt32()
        holdings = try reader.readVector(limit: Self.holdingsMax, itemSize: 100)
    }
}
